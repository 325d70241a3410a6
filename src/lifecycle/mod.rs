//! What state an integration is in, and what comes next.
//!
//! Pure: no I/O, no async, no client types. Everything else only observes, or carries out what was
//! decided in here.

mod account;
pub mod backoff;
pub mod brief;
pub mod by_hand;
pub mod cadence;
pub mod checks;
pub mod contents;
mod credentials;
pub mod definitions;
pub mod digest;
pub mod drift;
mod endpoint;
mod failure;
pub mod hints;
pub mod hosts;
pub mod login;
mod look;
pub mod manual;
pub mod obstacle;
mod parameters;
mod plan;
pub mod proof;
pub mod queries;
pub mod renamed;
mod report;
pub mod secret_content;
pub mod server_error;
pub mod shell;
mod situation;
pub mod sweep;
mod transcript;
pub mod verdict;
mod wanted;
pub mod word;
pub mod words;

pub use account::{MOST_NAMES, Stored, SystemAccount, UserIds};
pub use credentials::{Credentials, UserName};
pub use endpoint::Endpoint;
pub use failure::{Category, Failure};
pub use parameters::parameters;
pub use plan::{
    Connection, Mend, Observed, Operation, Plan, Record, Recorded, Refusal, Stages, Subject, can_migrate,
    edit_of_whole, inheritance, migration, new_passwords_of_whole, policy_views, removal, removal_of_whole, repair,
    rotation, set_up, set_up_from_nothing,
};
pub use report::{Activity, Handled, Outcome, next_status};
pub use situation::{
    Account, AccountPower, ManagedDatabase, Member, Ownership, Registry, RegistryState, Schema, Seen, Standing, Unseen,
    UserId, WarehouseFacts,
};
pub use transcript::Part;
pub use wanted::{Invalid, Place, PolicyViews, Setup, Wanted, folded, validate};
