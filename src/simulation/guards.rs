//! What the guards of a person's scripts find: whether they let the script go on, and what they say if they don't.

use super::statements::{literal, refuse};
use super::warehouse::{Database, Kind, Object, Warehouse};
use crate::lifecycle::contents::SCHEMAS;

/// Whether a statement is a guard.
pub fn is_guard(name: &str) -> bool {
    name.starts_with("guard-")
}

/// The literal behind a text; none of those that are asked for holds a quote.
fn behind<'t>(text: &'t str, what: &str) -> &'t str {
    let rest = text.rsplit_once(what).map(|(_, rest)| rest).unwrap_or_default();
    rest.split('\'').nth(1).unwrap_or_default()
}

/// What the error says.
fn refusal(text: &str) -> String {
    let from = text.find("ELSE ").expect("a guard says why");
    let said = &text[from..text.find(" END AS INTEGER").expect("a guard is a cast")];
    let said = said.split_once('\'').map(|(_, rest)| rest.trim_end_matches('\'')).unwrap_or_default();
    said.replace("''", "'")
}

fn is_ours_by_name((schema, name): &(String, String)) -> bool {
    let made = [
        ("immuta_system", "registry_lock"),
        ("immuta_system", "registry"),
        ("immuta_system", "profile"),
        ("immuta_system", "impersonation_key"),
        ("immuta_system", "user_profile"),
        ("immuta_procedures", "impersonate_user"),
        ("immuta_procedures", "grant_impersonation"),
        ("immuta_procedures", "revoke_impersonation"),
    ];
    let is_schema = name.is_empty() && (SCHEMAS.contains(&schema.as_str()) || schema == "public");
    is_schema || made.contains(&(schema.as_str(), name.as_str()))
}

fn is_in_ours((schema, _): &(String, String)) -> bool {
    SCHEMAS.contains(&schema.as_str())
}

/// Evaluates a guard, as a user sees things.
pub fn ask(warehouse: &Warehouse, acting: u32, database: &str, name: &str, text: &str) -> Result<(), String> {
    let here = warehouse.databases.get(database).ok_or("the connection was lost")?;
    let registry = || {
        let row = here.registry.as_ref();
        row.ok_or_else(|| "relation \"immuta_system.registry\" does not exist".to_owned())
    };
    let has_user = |name: &str| warehouse.users.contains_key(name);
    let has_database = |name: &str| warehouse.databases.contains_key(name);
    let has_table = |table: &str| here.objects.contains_key(&("immuta_system".to_owned(), table.to_owned()));
    let objects =
        |is_meant: &dyn Fn(&(String, String), &Object) -> bool| here.objects.iter().any(|(k, o)| is_meant(k, o));
    let to_role = |is_meant: &dyn Fn(Kind) -> bool| {
        let role = behind(text, "identity_name = ");
        objects(&|key, it| !is_in_ours(key) && is_meant(it.kind) && it.grantees.contains(role))
    };
    let holds = match name {
        "guard-database" => database == literal(text, 0),
        "guard-user" => warehouse.name_of(acting) == Some(&literal(text, 0)),
        "guard-superuser" => warehouse.is_superuser(acting),
        "guard-database-creator" => warehouse.is_admin(acting),
        "guard-user-absent" => !has_user(behind(text, "usename = ")),
        "guard-user-present" => has_user(behind(text, "usename = ")),
        "guard-role-absent" => !warehouse.roles.contains_key(behind(text, "role_name = ")),
        "guard-role-present" => warehouse.roles.contains_key(behind(text, "role_name = ")),
        "guard-database-absent" => !has_database(behind(text, "lower(datname) = ")),
        "guard-database-present" => has_database(behind(text, "lower(datname) = ")),
        "guard-database-grants-present" => {
            let there = warehouse.databases.get(behind(text, "lower(datname) = "));
            let user = warehouse.users.get(behind(text, "has_database_privilege("));
            let may = |(there, user): (&Database, &super::warehouse::User)| {
                there.owner == user.id || there.is_granted_to(user.id)
            };
            there.zip(user).is_some_and(may)
        }
        "guard-schemas-absent" => {
            SCHEMAS.iter().all(|schema| !here.objects.contains_key(&((*schema).to_owned(), String::new())))
        }
        "guard-registry-present" => has_table("registry"),
        "guard-registry-absent" => !has_table("registry"),
        "guard-registry-owner" => registry()?.integration_uid == literal(text, 0),
        "guard-registry-of-account" => {
            let table = here.objects.get(&("immuta_system".to_owned(), "registry".to_owned()));
            let user = warehouse.users.get(behind(text, "usename = "));
            table.zip(user).is_some_and(|(table, user)| table.owner == user.id)
        }
        "guard-registry-state" => registry()?.state.as_str() == literal(text, 0),
        "guard-registry-removable" | "guard-registry-version" => registry().map(|_| true)?,
        "guard-registry-applied" => registry()?.applied_hash == literal(text, 0),
        "guard-registry-applied-or-begun" => {
            let hash = &registry()?.applied_hash;
            hash.is_empty() || *hash == literal(text, 0)
        }
        "guard-registry-not-applied" => registry()?.applied_hash != literal(text, 0),
        "guard-objects-of-others" => !objects(&|key, _| !is_ours_by_name(key)),
        "guard-objects-in-our-schemas" => !objects(&|key, _| is_in_ours(key) && !is_ours_by_name(key)),
        "guard-views-on-ours" => !objects(&|key, it| !is_in_ours(key) && it.kind == Kind::Reader),
        "guard-ties-of-account" => {
            let account = behind(text, "owner_name = ");
            let id = warehouse.users.get(account).map(|user| user.id);
            !objects(&|key, it| !is_in_ours(key) && (Some(it.owner) == id || it.grantees.contains(account)))
        }
        "guard-schemas-of-role" => !to_role(&|kind| kind == Kind::Schema),
        "guard-relations-of-role" => !to_role(&|kind| matches!(kind, Kind::Relation | Kind::Reader)),
        "guard-functions-of-role" => !to_role(&|kind| kind == Kind::Routine),
        "guard-account-closed" => warehouse.users.get(behind(text, "usename = ")).is_none_or(|user| user.is_closed),
        "guard-account-open" => warehouse.users.get(behind(text, "usename = ")).is_none_or(|user| !user.is_closed),
        "guard-user-is-ours" => {
            let id = behind(text, " <> ");
            warehouse.users.get(behind(text, "usename = ")).is_none_or(|user| user.id.to_string() == id)
        }
        "guard-databases-of-account" => {
            let user = text.rsplit_once("'|\"' || ").map(|(_, rest)| rest.split('\'').nth(1).unwrap_or_default());
            let id = user.and_then(|user| warehouse.users.get(user)).map(|user| user.id);
            !warehouse.databases.values().any(|it| id.is_some_and(|id| it.is_granted_to(id)))
        }
        other => panic!("the simulation doesn't know the guard {other}"),
    };
    refuse(holds, &refusal(text))
}
