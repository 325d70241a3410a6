//! The operator as a model: the real planner, in a simulated warehouse and a simulated Kubernetes, and
//! random histories of what users, others and accidents do to it.
//!
//! `warehouse`, `statements`, `objects`, `catalogue`, `kubernetes`: what there is, and how it answers. `world`:
//! how a pass reaches it, a step at a time. `operator`, `creation`, `edit`, `deletion`, `search`, `rekey`, `apply`:
//! the passes, as in `controller`, whose functions they name; every decision that is pure is the real one.
//! `histories`, `others`: what happens. `strategies`: at random. `invariants`: what must hold, a person's word
//! included. `properties`: that it does. `regressions`: histories in which it once didn't.
//!
//! A model is worth as much as it is true. `record` keeps what reaches the warehouse, and
//! `controller::replay` does the same to the stand-in and compares, for a sample.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(missing_docs, reason = "the fields of a model say what they model")]

mod apply;
mod catalogue;
mod creation;
mod deletion;
mod edit;
pub mod histories;
mod invariants;
mod kubernetes;
mod objects;
mod operator;
pub mod others;
mod properties;
pub mod record;
pub mod regressions;
mod rekey;
mod search;
mod statements;
pub mod strategies;
pub mod warehouse;
mod world;
