//! The profiles of a pass: who is named where, what differs from what the warehouse holds, and what is said.

mod files;
mod gather;
mod report;
mod write;

pub use gather::{Difference, Profiles};
pub use report::report_failure;
