//! Policy-enforced views in the simulation, beside the integration that they stand on.
//!
//! `tables`, `profiles`, `statements`, `look_ups`: what there is in the warehouse, and how it answers. `histories`, `others`,
//! `strategies`: what happens. `access`: who sees what. `invariants`: what must hold at each step; `rest`: what must hold when
//! all is done. `properties`: that it does. `regressions`: histories in which it once didn't.

mod access;
pub mod histories;
pub mod invariants;
pub mod look_ups;
pub mod others;
mod profiles;
mod properties;
mod regressions;
mod rest;
mod statements;
mod strategies;
pub mod tables;

pub use invariants::Watch;
pub use profiles::{Temporary, is_of_profiles};

/// Columns of `immuta_system.data_source`, as far as the operator reads them.
pub const COLUMNS: usize = 12;

/// A row of `immuta_system.data_source`, in the order in which it is read.
pub type Source = [String; COLUMNS];

/// Where a view's schema and name stand in such a row, and its state.
pub const UID: usize = 0;
pub const SCHEMA: usize = 2;
pub const NAME: usize = 3;
pub const STATE: usize = 5;
pub const GRANTED: usize = 11;

/// What the tables hold that policy-enforced views stand on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    pub sources: Vec<Source>,
    /// User, kind, name, value.
    pub entitlements: Vec<[String; 4]>,
    /// User, groups, attributes.
    pub profiles: Vec<[String; 3]>,
}

impl Policy {
    /// The table of that name is dropped, and all that is in it.
    pub fn forget(&mut self, table: &str) {
        match table {
            "data_source" => self.sources.clear(),
            "entitlement" => self.entitlements.clear(),
            "profile" => self.profiles.clear(),
            _ => {}
        }
    }
}
