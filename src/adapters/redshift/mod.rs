//! Real warehouses: addresses, TLS, login and statements.

mod authentication;
mod connect;
mod session;
mod tls;

pub use connect::{Connector, Deadlines};
pub use session::Connection;
