//! The stand-in, as its clients see it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalogue;
mod driver;
mod identities;
mod privileges;
mod procedures;
mod relay;
mod support;
