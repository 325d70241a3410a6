//! All that touches a connection to a warehouse: addresses, TLS, login, statements and their errors.

mod address;
mod answer;
mod ca_bundle;
mod connect;
mod credentials;
mod endpoint;
mod error;
mod guard;
mod session;
mod tls;
mod words;

pub use address::{AddressPolicy, HostPattern, PatternError};
pub use answer::Row;
pub use ca_bundle::{BlockFlaw, BundleFlaw, CaBundle};
pub use connect::{Connector, Deadlines, Target};
pub use credentials::{Credentials, UserName};
pub use endpoint::Endpoint;
pub use error::{Category, ConnectError, Excess, StatementError, StatementFailure};
pub use session::Session;
pub use tls::TlsSettings;
pub use words::{Confidential, Words};
