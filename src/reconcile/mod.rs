//! The flow: what a pass reads, decides upon and does, a step a file. It is written once, over the ports: the
//! operator runs it in the real world, the tests in a simulated one.

mod context;
pub mod integration;
pub mod pace;
pub mod views;
pub mod witness;

pub use context::{Context, Settings};
pub use pace::Next;
