//! The operator's library: everything but the command line's entry point.
//!
//! The data flows one way: a resource and its Secrets come in (`controller`), become a validated value
//! (`lifecycle`), meet what was observed in the warehouse (`redshift`) in a pure plan (`lifecycle`),
//! and leave as statements executed (`scripts`) and a status written (`api`).

pub mod api;
pub mod cli;
pub mod controller;
pub mod leadership;
pub mod lifecycle;
pub mod redshift;
pub mod scripts;
pub mod telemetry;
