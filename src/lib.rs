//! The operator's library: everything but the command line's entry point.

pub mod api;
pub mod scripts;
