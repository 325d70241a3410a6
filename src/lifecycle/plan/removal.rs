//! A deletion: what is ours is taken away, in an order that can be interrupted anywhere.

use super::{Connection, Observed, Operation, Plan, Record, Refusal, Subject};
use crate::api::DatabaseMode;
use crate::lifecycle::contents::{SCHEMAS, TABLES, USER_PROFILE};
use crate::lifecycle::obstacle::Grant;
use crate::lifecycle::{ManagedDatabase, RegistryState, Standing};
use crate::scripts::Section;

/// Plans what is left of a deletion. Nothing stands in its way, or a person has confirmed that it may go
/// on: then `revoked` are the privileges that others gave our users and roles.
///
/// What isn't proven ours isn't touched. The claim goes last: while it is there, nobody else can take
/// the warehouse.
pub fn removal(observed: &Observed<'_>, mode: DatabaseMode, revoked: &[Grant]) -> Result<Plan, Refusal> {
    let (recorded, ownership) = (observed.recorded, observed.ownership);
    if let Some(refusal) = Refusal::of_unproven(ownership) {
        return Err(refusal);
    }
    let (initial, managed) = (Connection::InitialDatabase, Connection::ManagedDatabase);
    let mut plan = Plan::default();
    let point_of_no_return = |plan: &mut Plan| {
        if !recorded.point_of_no_return {
            plan.record(Record::PointOfNoReturn);
        }
    };
    if let ManagedDatabase::Registered(registry) = &ownership.database
        && registry.state != RegistryState::Deleting
    {
        plan.in_change(managed, |plan| plan.run(managed, Section::MarkDeleting));
    }
    match (&ownership.database, mode) {
        (ManagedDatabase::Registered(_) | ManagedDatabase::Empty, DatabaseMode::Create) => {
            point_of_no_return(&mut plan);
            plan.run(initial, Section::DropDatabase);
        }
        (ManagedDatabase::Registered(_), DatabaseMode::Existing) => {
            point_of_no_return(&mut plan);
            drop_objects(&mut plan, observed);
            plan.run(initial, Section::RevokeDatabase);
        }
        (ManagedDatabase::Empty, DatabaseMode::Existing) => {
            point_of_no_return(&mut plan);
            if ownership.system_account == Standing::Ours {
                plan.run(initial, Section::RevokeDatabase);
            }
        }
        (ManagedDatabase::Absent | ManagedDatabase::Foreign(_) | ManagedDatabase::Unproven(_), _) => {}
    }
    for grant in revoked {
        plan.add(Operation::Revoke(grant.clone()));
    }
    for role in ownership.own_roles() {
        plan.run_for(initial, Section::DropRole, Subject::Role(role.to_owned()));
    }
    if ownership.system_account == Standing::Ours {
        plan.run(initial, Section::DropSystemAccount);
    }
    if ownership.claim == Standing::Ours {
        plan.run(initial, Section::DropClaim);
    }
    if recorded.secret {
        plan.record(Record::DeleteSecret);
    }
    plan.record(Record::RemoveFinalizer);
    Ok(plan)
}

/// In a database that is others' too: one by one, in one transaction, without CASCADE.
fn drop_objects(plan: &mut Plan, observed: &Observed<'_>) {
    let on = Connection::ManagedDatabase;
    plan.run(on, Section::WaitShortly);
    plan.in_change(on, |plan| {
        // What somebody has dropped already is no obstacle.
        let contents = observed.contents;
        plan.switch_off(on, contents);
        if contents.has_policy_relations() {
            plan.run(on, Section::DropPolicyViews);
        }
        if contents.has_relation(USER_PROFILE) {
            plan.run(on, Section::DropView);
        }
        if contents.has_schema("immuta_functions") {
            plan.run(on, Section::RevokeFutureFunctions);
        }
        for table in TABLES.into_iter().filter(|table| contents.has_relation(&format!("immuta_system.{table}"))) {
            plan.run_for(on, Section::DropTable, Subject::Object("immuta_system", table));
        }
        for schema in SCHEMAS.into_iter().filter(|schema| contents.has_schema(schema)) {
            plan.run_for(on, Section::DropSchema, Subject::Object(schema, ""));
        }
    });
}
