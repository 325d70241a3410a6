//! Cases that are not run, each with its reason. Whoever adds one explains why the operator can't be
//! expected to converge there, and what a person does instead.

use super::cases::Case;
use super::disturbances::Disturbance;
use super::flows::Flow;

/// Cases that are not run.
struct Exclusion {
    /// The flow.
    flow: &'static str,
    /// Name of the statement, or verb and resource of the write.
    of: &'static str,
    /// What is not done to it.
    disturbance: Disturbance,
    /// Why not.
    reason: &'static str,
}

const EXCLUSIONS: [Exclusion; 0] = [];

/// Why a case is not run.
pub fn reason(flow: &Flow, case: &Case) -> Option<&'static str> {
    let fits = |exclusion: &&Exclusion| {
        exclusion.flow == flow.name && exclusion.of == case.sighting.name && exclusion.disturbance == case.disturbance
    };
    EXCLUSIONS.iter().find(fits).map(|exclusion| exclusion.reason)
}
