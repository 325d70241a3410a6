//! Cases that are not run, each with its reason. Whoever adds one explains why the operator can't be
//! expected to converge there, and what a person does instead.

use super::disturbances::{Disturbance, USERS_STAY};
use super::statements::Sighting;

/// Cases that are not run.
struct Exclusion {
    /// Name of the statement, or verb and resource of the write.
    of: &'static str,
    /// What is not done to it.
    disturbance: Disturbance,
    /// Why not.
    reason: &'static str,
}

const UNPROVEN_ROLE: &str = "the role stays, and nobody may grant it who could prove that it is ours: it isn't touched, \
                             and the message says to drop it";

const EXCLUSIONS: [Exclusion; 3] = [
    Exclusion { of: "grant-role-to-system-account", disturbance: USERS_STAY, reason: UNPROVEN_ROLE },
    Exclusion { of: "give-role-to-system-account", disturbance: USERS_STAY, reason: UNPROVEN_ROLE },
    Exclusion {
        of: "set-password-of-renamed-account",
        disturbance: USERS_STAY,
        reason: "the new name stays without a password, and nobody can log in to prove whose it is: the message says \
                 which password a superuser sets (`edits::a_new_name_that_stayed_without_its_password_is_explained`)",
    },
];

/// Why a disturbance of something is not run.
pub fn reason(sighting: &Sighting, disturbance: Disturbance) -> Option<&'static str> {
    let fits = |exclusion: &&Exclusion| exclusion.of == sighting.name && exclusion.disturbance == disturbance;
    EXCLUSIONS.iter().find(fits).map(|exclusion| exclusion.reason)
}

/// All of them, for the reader of a table.
pub fn print() {
    for Exclusion { of, disturbance, reason } in EXCLUSIONS {
        println!("excluded: {of} | {} | {reason}", disturbance.label());
    }
}
