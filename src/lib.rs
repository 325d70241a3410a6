//! The operator's library: everything but the command line's entry point.
//!
//! The data flows one way: a resource and its Secrets come in (`reconcile`), become a validated value
//! (`lifecycle`), meet what was observed in the warehouse in a pure plan (`lifecycle`), and leave as
//! statements executed (`scripts`) and a status written (`api`). The flow reaches the world through `ports`;
//! `adapters` are the real one. Who is who, and who may see what, is decided in `policy`.

pub mod adapters;
pub mod api;
pub mod cli;
pub mod lifecycle;
pub mod operator;
pub mod policy;
pub mod ports;
pub mod reconcile;
pub mod scripts;
#[cfg(test)]
mod simulation;
pub mod telemetry;
