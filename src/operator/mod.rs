//! The operator as a process: which controllers run, whether they may, and when they end.

mod containment;
pub mod controllers;
mod follow;
pub mod leadership;
mod lease;
pub mod places;
pub mod signals;
mod trouble;
mod views;
