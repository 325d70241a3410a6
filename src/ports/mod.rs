//! What the flow reaches of the world, and nothing else: an API server, warehouses, those who give out logins to them,
//! and the machine that it runs on.
//!
//! The flow (`reconcile`) is written once, over these traits. The operator gives it the real ones
//! (`adapters`), the tests a simulation that can do all of it in another order, late, or not at all. So a
//! trait in here is as narrow as the flow allows: whatever it doesn't offer can't happen.
//!
//! The traits don't ask for `Send`: the simulation shares its world within one thread. That the real futures
//! can move between threads is checked where they are handed to the controller, on the concrete types.

mod ca_bundle;
mod errors;
mod host;
mod kept;
mod kubernetes;
mod login_errors;
mod logins;
mod rows;
mod warehouses;

pub use ca_bundle::{BlockFlaw, BundleFlaw, CaBundle, FlawedBlock, Untimely, Unused};
pub use errors::{ConnectError, Excess, StatementError, StatementFailure};
pub use host::Host;
pub use kept::{ColumnsDigest, Kept, KeptDataSource, leave_out, lighten};
pub use kubernetes::{ApiError, Creation, Key, Kubernetes, News, Object, PolicyResources, Referent, Told, Version};
pub use login_errors::{LoginError, LoginStep, OktaState, ProxyFault, Unusable};
pub use logins::{Identity, Logins, Obtained};
pub use rows::{Row, Rows};
pub use warehouses::{Answer, Session, Target, TlsSettings, Warehouses, answered};

/// A world: which API server, which warehouses, whose logins, which machine.
pub trait World: 'static {
    /// The API server.
    type Kubernetes: Kubernetes;
    /// The warehouses.
    type Warehouses: Warehouses;
    /// Okta and AWS.
    type Logins: Logins;
    /// The machine.
    type Host: Host;
}

/// A connection to a warehouse of a world.
pub type SessionOf<W> = <<W as World>::Warehouses as Warehouses>::Session;
