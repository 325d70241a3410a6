//! Real warehouses: addresses, TLS, login and statements.

mod answer;
mod connect;
mod guard;
mod password_digest;
mod session;
mod tls;

pub use connect::{Connector, Deadlines};
pub use session::Connection;
