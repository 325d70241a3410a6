//! Okta and AWS, as their clients see them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod aws;
mod driver;
mod faults;
mod okta;
mod support;
