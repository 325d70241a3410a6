//! Users' profiles: whose groups and attributes are which, from resources and files to what the warehouse holds.
//!
//! A profile is whole or isn't there. Whatever can't be one user's for certain gives nobody anything, and is told with
//! its place and with what to write instead.

mod difference;
mod flaw;
mod profile;
#[cfg(test)]
mod properties;
pub mod read;
mod removals;
mod roster;
mod text;

pub use difference::{Difference, Held, difference};
pub use flaw::{Fault, Flaw, Part};
pub use profile::{Digest, Digests, Entitlement, Kind, LONGEST_JSON, MOST_ENTITLEMENTS, Profile};
pub use removals::must_ask;
pub use roster::{Places, Roster};
