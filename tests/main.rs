//! End to end: the operator as a process of its own, under the chart's RBAC, on a real control plane,
//! with a stand-in for Redshift in front of a real `PostgreSQL`. A file per promise.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod certificates;
mod chart;
mod command_line;
mod commands;
mod conflicts;
mod convert;
mod crd_rules;
mod credentials;
mod definition;
mod deletion;
mod drift;
mod edits;
mod existing;
mod failures;
mod field;
mod generated;
mod hostile;
mod impersonation;
mod layers;
mod leadership;
mod lifecycle;
mod logins;
mod lost;
mod manual;
mod manual_losses;
mod messages;
mod migration;
mod namespaces;
mod outages;
mod panics;
mod requests;
mod rotation;
mod scripts;
mod secrets;
mod signals;
mod support;
mod sweep;
mod take_over;
mod views;
