//! The operator as a process: which controllers run, and whether it may.

pub mod controllers;
pub mod leadership;
