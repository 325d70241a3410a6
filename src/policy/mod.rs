//! Who is who, and who may see what.
//!
//! Pure: no I/O, no async, no client types. What is read in here is in memory already.

pub mod profiles;
pub mod views;
