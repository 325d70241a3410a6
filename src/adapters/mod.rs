//! The real world: the ports (`crate::ports`), as they are for the operator.

mod ca_bundle;
mod causes;
pub mod client;
mod events;
mod host;
mod kubernetes;
mod lending;
mod listed;
pub mod logins;
pub mod proxy;
pub mod redshift;
mod versions;

pub use events::Publisher;
pub use host::Machine;
pub use kubernetes::{Cluster, Watch, answered_within, api_error};
pub use lending::{Lendable, holding};
pub use listed::Listed;
pub use versions::Versions;

use crate::ports::World;

/// The real world.
#[derive(Debug)]
pub struct Real;

impl World for Real {
    type Kubernetes = Cluster;
    type Warehouses = redshift::Connector;
    type Logins = logins::LoginServices;
    type Host = Machine;
}
