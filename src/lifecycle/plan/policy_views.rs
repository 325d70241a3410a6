//! What policy-enforced views stand on, once the spec asks for it: as the system account, without the credentials that set things
//! up.

use super::{Connection, Operation, Plan, Record};
use crate::lifecycle::checks::Watched;
use crate::lifecycle::{SystemAccount, Wanted, drift};
use crate::scripts::Section;

/// Whether it is asked for and not there. What the server shows of our objects is recorded anew afterwards: so not before all
/// else is as it was recorded.
#[must_use]
pub fn is_due(uid: &str, watched: &Watched, wanted: &Wanted) -> bool {
    let registry = &watched.registry;
    wanted.policy_views.is_enabled
        && registry.is_current_for(uid)
        && !registry.has_policy_views()
        && registry.definitions.is_some()
        && drift::drift(watched).is_empty()
}

/// Plans it: the key in the Secret first, then all of it in one transaction.
#[must_use]
pub fn set_up(account: &SystemAccount) -> Plan {
    let managed = Connection::ManagedDatabase;
    let mut plan = Plan::default();
    if account.masking_key.is_none() {
        plan.add(Operation::Record(Record::MaskingKey));
    }
    plan.in_change(managed, |plan| {
        for section in [Section::PolicyTables, Section::UserEntitlements, Section::PolicyViewsSetUp] {
            plan.run(managed, section);
        }
    });
    plan
}
