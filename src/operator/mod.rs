//! The operator as a process: which controllers run, and whether it may.

mod containment;
pub mod controllers;
pub mod leadership;
