//! From an older version of what is set up to this one's: step by step, each in one transaction behind the lock together
//! with the version in the registry.

use super::{Connection, Plan};
use crate::lifecycle::Registry;
use crate::scripts::{SCHEMA_VERSION, Section};

/// The steps: each leads from a version to the next one. A step is never changed once it was released, and the SQL of each
/// version as released stays in the tests.
const STEPS: [(i64, Section); 1] = [(1, Section::MigrateTo2)];

/// The sections that are left; nothing if no step leads on from where it is.
pub(super) fn sections(registry: &Registry) -> Option<Vec<Section>> {
    let mut version = registry.schema_version;
    let mut sections = Vec::new();
    while version < i64::from(SCHEMA_VERSION) {
        let (_, section) = STEPS.iter().find(|(from, _)| *from == version)?;
        sections.push(*section);
        version += 1;
    }
    Some(sections)
}

/// Whether this version of the operator can migrate what is registered.
#[must_use]
pub fn can_migrate(registry: &Registry) -> bool {
    sections(registry).is_some_and(|sections| !sections.is_empty())
}

/// Plans a migration, as the system account. All steps that are left are one transaction: it is the old version that works,
/// or the new one.
#[must_use]
pub fn migration(registry: &Registry) -> Plan {
    let managed = Connection::ManagedDatabase;
    let mut plan = Plan::default();
    let Some(sections) = sections(registry).filter(|sections| !sections.is_empty()) else { return plan };
    plan.in_change(managed, |plan| {
        for section in sections {
            plan.run(managed, section);
        }
        plan.run(managed, Section::Migrated);
    });
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_step_from_every_released_version() {
        let from: Vec<_> = STEPS.iter().map(|(from, _)| *from).collect();
        assert_eq!(from, (1..i64::from(SCHEMA_VERSION)).collect::<Vec<_>>());
    }
}
