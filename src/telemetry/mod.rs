//! What people and machines can see of the operator at work: logs, metrics, health and events.

pub mod http;
pub mod logs;
mod metrics;

pub use metrics::Metrics;
