//! All that touches a connection to a warehouse: addresses, TLS, login, statements and their errors.

mod address;
mod authentication;
mod ca_bundle;
mod connect;
mod endpoint;
mod error;
mod session;
mod tls;

pub use address::{AddressPolicy, HostPattern, PatternError};
pub use ca_bundle::{BlockFlaw, BundleFlaw, CaBundle};
pub use connect::{Connector, Credentials, Deadlines, Target};
pub use endpoint::Endpoint;
pub use error::{Category, ConnectError, StatementError, StatementFailure};
pub use session::{Row, Session};
pub use tls::TlsSettings;
