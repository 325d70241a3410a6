//! The stand-in, as its clients see it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalogue;
mod corpus;
mod driver;
mod faults;
mod fleet;
mod fuzz;
mod identities;
mod messages;
mod privileges;
mod procedures;
mod protocols;
mod psql;
mod queries;
mod relations;
mod relay;
mod support;
mod temporary;
mod wire;
