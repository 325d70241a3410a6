//! The operator in a simulated world: its own flow, over ports that are simulated, and random histories of what
//! users, others and accidents do to it.
//!
//! `warehouse`, `statements`, `objects`, `rows`, `definitions`, `guards`, `kubernetes`: what there is, and how it answers.
//! `world`: how a pass reaches it, a step at a time. `ports`: the same, as the flow asks for it. `operator`: what wakes passes.
//! `histories`, `others`, `person`: what happens. `strategies`: at random. `invariants`: what must hold, a person's word
//! included. `properties`: that it does. `regressions`: histories in which it once didn't. `wake_ups`: what is a reason
//! for a pass, and what it costs. `views`: policy-enforced views and profiles, which have passes of their own; all of that is in
//! its folder.
//!
//! A simulation is worth as much as it is true. `agreement` asks the simulated API server and a real one for the
//! same; `record` keeps what reaches the warehouse, and `replay` does it to the stand-in and compares, for a sample.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(missing_docs, reason = "the fields of a simulation say what they stand for")]

mod agreement;
mod definitions;
mod guards;
pub mod histories;
mod invariants;
mod kubernetes;
mod objects;
mod operator;
pub mod others;
pub mod person;
pub mod ports;
mod properties;
pub mod record;
pub mod regressions;
mod replay;
mod rows;
mod statements;
pub mod strategies;
pub mod views;
mod wake_ups;
pub mod warehouse;
pub mod world;
