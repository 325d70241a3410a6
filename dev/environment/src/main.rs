//! The local proving ground.
fn main() {}
