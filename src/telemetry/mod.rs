//! What people and machines can see of the operator at work: logs, metrics, health and events.

mod health;
pub mod http;
pub mod logs;
mod metrics;

pub use health::{Contact, Health};
pub use metrics::Metrics;
