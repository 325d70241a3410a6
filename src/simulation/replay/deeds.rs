//! What others do, in the statements with which they would do it.

use crate::scripts::CLAIM_USER;
use crate::simulation::histories::{ACCOUNTS, DATABASES, ROLES};
use crate::simulation::others::{ALIAS, Deed, PLACES};
use crate::simulation::warehouse::{INITIAL, Warehouse};

/// Whoever isn't us.
const SOMEBODY: &str = "analyst";

/// The statements, each with the database that it is executed in, by a superuser; `before` and `after` are
/// what the model's warehouse is before the deed and after it.
pub fn statements(deed: Deed, before: &Warehouse, after: &Warehouse) -> Vec<(String, String)> {
    let in_initial = |texts: Vec<String>| texts.into_iter().map(|text| (INITIAL.to_owned(), text)).collect();
    // An attempt that comes to nothing, there as here.
    let nothing_new = || {
        let (mut before, after) = (before.clone(), after.clone());
        before.next_id = after.next_id;
        before == after
    };
    if nothing_new() {
        return Vec::new();
    }
    let account = |n: usize| ACCOUNTS.get(n).copied().unwrap_or(CLAIM_USER);
    match deed {
        Deed::TakeUser(n) => in_initial(vec![format!("CREATE USER {} PASSWORD 'Others-password-1'", account(n))]),
        Deed::TakeRole(n) => in_initial(vec![
            format!("CREATE ROLE {}", ROLES[n]),
            format!("ALTER ROLE {} OWNER TO {SOMEBODY}", ROLES[n]),
        ]),
        Deed::TakeDatabase(n) => in_initial(vec![format!("CREATE DATABASE {} OWNER {SOMEBODY}", DATABASES[n])]),
        Deed::Table { database, inside } => {
            let schema = if inside { "immuta_system" } else { "public" };
            let texts = [
                format!("CREATE TABLE {schema}.orders (id INTEGER)"),
                format!("ALTER TABLE {schema}.orders OWNER TO {SOMEBODY}"),
            ];
            texts.map(|text| (PLACES[database].to_owned(), text)).into()
        }
        Deed::Reader(n) => [
            "CREATE VIEW public.mine AS SELECT * FROM immuta_system.user_profile".to_owned(),
            format!("ALTER TABLE public.mine OWNER TO {SOMEBODY}"),
        ]
        .map(|text| (PLACES[n].to_owned(), text))
        .into(),
        Deed::Tie { account: n, owns } => {
            let mut texts =
                vec!["DROP TABLE IF EXISTS public.tied".to_owned(), "CREATE TABLE public.tied (id INTEGER)".to_owned()];
            let owner = if owns { account(n) } else { SOMEBODY };
            texts.push(format!("ALTER TABLE public.tied OWNER TO {owner}"));
            if !owns {
                texts.push(format!("GRANT SELECT ON public.tied TO {}", account(n)));
            }
            in_initial(texts)
        }
        Deed::GrantToRole(n) => in_initial(vec![format!("GRANT TEMP ON DATABASE {INITIAL} TO ROLE {}", ROLES[n])]),
        Deed::Join => in_initial(
            after
                .roles
                .iter()
                .filter(|(name, role)| before.roles.get(*name) != Some(role))
                .map(|(name, _)| format!("GRANT ROLE {name} TO {SOMEBODY}"))
                .collect(),
        ),
        Deed::Connect(_) => Vec::new(),
        Deed::Expose => changed_databases(before, after)
            .map(|name| (name, "GRANT SELECT ON immuta_system.profile TO PUBLIC".to_owned()))
            .collect(),
        Deed::ChangePassword(n) => in_initial(vec![format!("ALTER USER {} PASSWORD 'Others-password-1'", account(n))]),
        Deed::RenameAccount(n) => in_initial(vec![format!("ALTER USER {} RENAME TO {ALIAS}", account(n))]),
        Deed::Tamper(how) => changed_databases(before, after)
            .flat_map(|name| tampering(how).into_iter().map(move |text| (name.clone(), text.to_owned())))
            .collect(),
        Deed::Outdate => changed_databases(before, after)
            .flat_map(|name| {
                let registry = &before.databases[&name].registry;
                let is_current = registry.as_ref().is_some_and(|registry| registry.schema_version != 1);
                let texts = [
                    "ALTER TABLE immuta_system.registry DROP COLUMN definitions",
                    "ALTER TABLE immuta_system.registry DROP COLUMN claim_user_id",
                    "UPDATE immuta_system.registry SET schema_version = 1",
                ];
                texts.into_iter().filter(move |_| is_current).map(move |text| (name.clone(), text.to_owned()))
            })
            .collect(),
        Deed::DropRole(n) => {
            let mut texts = Vec::new();
            if before.databases[INITIAL].granted_by_others.contains(ROLES[n]) {
                texts.push(format!("REVOKE TEMP ON DATABASE {INITIAL} FROM ROLE {}", ROLES[n]));
            }
            texts.push(format!("DROP ROLE {} FORCE", ROLES[n]));
            in_initial(texts)
        }
    }
}

fn changed_databases<'a>(before: &'a Warehouse, after: &'a Warehouse) -> impl Iterator<Item = String> + 'a {
    let changed = after.databases.iter().filter(|(name, database)| before.databases.get(*name) != Some(database));
    changed.map(|(name, _)| name.clone())
}

/// In the order of the model's ways.
fn tampering(how: usize) -> Vec<&'static str> {
    match how {
        0 => vec![
            "CREATE OR REPLACE VIEW immuta_system.user_profile AS SELECT max(immuta__userid) AS immuta__userid, \
             max(immuta__groups) AS immuta__groups, max(immuta__attributes) AS immuta__attributes, \
             max(immuta__permitted_objects) AS immuta__permitted_objects FROM immuta_system.profile",
        ],
        1 => vec![
            "CREATE OR REPLACE PROCEDURE immuta_procedures.impersonate_user(target VARCHAR(128)) AS $$ BEGIN NULL; END; $$ \
             LANGUAGE plpgsql SECURITY DEFINER",
        ],
        2 => vec!["REVOKE SELECT ON immuta_system.user_profile FROM PUBLIC"],
        3 => vec!["GRANT EXECUTE ON PROCEDURE immuta_procedures.impersonate_user(VARCHAR) TO PUBLIC"],
        4 => vec!["ALTER TABLE immuta_system.user_profile OWNER TO superuser"],
        _ => vec!["GRANT SELECT ON immuta_system.profile TO analyst"],
    }
}
