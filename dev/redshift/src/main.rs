//! The Redshift stand-in.
fn main() {}
