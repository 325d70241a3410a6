//! The values of statements that a plan and a setup decide. Secrets, and what only a pass knows, are
//! added by whoever carries the plan out.

use super::obstacle::Grantable;
use super::{AccountPower, Member, Setup, Subject};
use crate::api::DatabaseMode;
use crate::scripts::{CLAIM_USER, Fact, POLICY_VIEWS_VERSION, Parameters, SCHEMA_VERSION};

/// The values for a section that is about a subject.
#[must_use]
pub fn parameters(setup: &Setup, power: AccountPower, subject: &Subject) -> Parameters {
    let role = setup.impersonation_role.as_deref().unwrap_or_default();
    let parameters = Parameters::new()
        .identifier("database", &setup.database)
        .identifier("system_account", &setup.system_account)
        .identifier("impersonation_role", role)
        .text("system_account_name", &setup.system_account)
        .text("impersonation_role_name", role)
        .text("database_mode", setup.database_mode.as_str())
        .text("operator_version", env!("CARGO_PKG_VERSION"))
        .text("applied_hash", &setup.hash())
        .text("applied", &applied_list(setup))
        .integer("schema_version", i64::from(SCHEMA_VERSION))
        .integer("policy_views_version", i64::from(POLICY_VIEWS_VERSION))
        .fact(match power {
            AccountPower::Superuser => Fact::Superuser,
            AccountPower::Lesser => Fact::LesserAdmin,
        });
    let parameters = match setup.database_mode {
        DatabaseMode::Create => parameters.fact(Fact::CreateMode),
        DatabaseMode::Existing => parameters,
    };
    match subject {
        Subject::Pass => parameters,
        Subject::Role(role) => parameters.identifier("role", role),
        Subject::Membership(role, member) => {
            parameters.identifier("role", role).identifier("member", member.name()).fact(match member {
                Member::User(_, false) => Fact::MemberIsUser,
                Member::User(_, true) => Fact::MemberIsAdministrator,
                Member::Role(_) => Fact::MemberIsRole,
            })
        }
        Subject::Renaming { former, new } => parameters.identifier("former_name", former).identifier("new_name", new),
        Subject::Grant(grant) => {
            let parameters = match &grant.on {
                Grantable::Database(name) | Grantable::Schema(name) => parameters.identifier("object", name),
                Grantable::Relation(schema, name) => parameters.identifier("schema", schema).identifier("object", name),
            };
            let parameters =
                parameters.identifier("member", grant.grantee.name()).identifier("grantor", &grant.grantor);
            parameters.fact(match grant.grantee {
                Member::User(..) => Fact::MemberIsUser,
                Member::Role(_) => Fact::MemberIsRole,
            })
        }
        Subject::Object(schema, object) => parameters.identifier("schema", schema).identifier("object", object),
    }
}

/// What the registry lists as applied, for people and for later versions.
fn applied_list(setup: &Setup) -> String {
    serde_json::json!({
        "database": setup.database,
        "databaseMode": setup.database_mode.as_str(),
        "systemAccount": setup.system_account,
        "impersonationRole": setup.impersonation_role,
        "claim": CLAIM_USER,
        "schemas": super::contents::SCHEMAS,
        // The account is new: it had none before.
        "grantsAdded": [format!("ALL ON DATABASE {} TO {}", setup.database, setup.system_account)],
        "grantsBefore": [],
    })
    .to_string()
}
