//! A repair: what mends the drift that was seen, and nothing else.

use super::{Connection, Plan, Subject};
use crate::scripts::Section;

/// A section that mends something, and what it is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mend {
    /// Which.
    pub section: Section,
    /// What it is about.
    pub subject: Subject,
}

/// Plans a repair: one transaction behind the lock, as the system account or, `on` another connection, as a superuser.
#[must_use]
pub fn repair(on: Connection, mends: &[Mend]) -> Plan {
    let mut plan = Plan::default();
    let mut once: Vec<&Mend> = Vec::new();
    for mend in mends {
        if !once.contains(&mend) {
            once.push(mend);
        }
    }
    if once.is_empty() {
        return plan;
    }
    plan.in_change(on, |plan| {
        for Mend { section, subject } in once {
            plan.run_for(on, *section, subject.clone());
        }
        plan.run(on, Section::Mended);
    });
    plan
}
