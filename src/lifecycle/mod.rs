//! What state an integration is in, and what comes next.
//!
//! Pure: no I/O, no async, no client types. Everything else only observes, or carries out what was
//! decided in here.

mod account;
pub mod backoff;
pub mod by_hand;
pub mod checks;
pub mod contents;
mod credentials;
mod endpoint;
pub mod hosts;
mod look;
pub mod obstacle;
mod parameters;
mod plan;
pub mod proof;
mod report;
pub mod secret_content;
mod situation;
pub mod sweep;
mod transcript;
mod wanted;
pub mod words;

pub use account::{Stored, SystemAccount, UserIds};
pub use credentials::{Credentials, UserName};
pub use endpoint::Endpoint;
pub use parameters::parameters;
pub use plan::{Connection, Observed, Operation, Plan, Recorded, Refusal, Stages, Subject, removal, set_up};
pub use report::{Activity, Category, Failure, Outcome, next_status};
pub use situation::{
    Account, AccountId, AccountPower, ManagedDatabase, Member, Ownership, Registry, RegistryState, Schema, Seen,
    Standing, WarehouseFacts,
};
pub use transcript::Part;
pub use wanted::{Invalid, Place, Setup, Wanted, validate};
