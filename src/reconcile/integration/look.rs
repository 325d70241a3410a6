//! Looks at the warehouse. Reads only; every answer that decides anything is taken from there.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{DatabaseMode, Reason};
use crate::lifecycle::checks::Watched;
use crate::lifecycle::contents::{Acl, Contents, DefaultPrivileges, Relation, Routine, SCHEMAS, Schema};
use crate::lifecycle::obstacle::Grantable;
use crate::lifecycle::sweep::{DatabaseAcl, RoleGrants};
use crate::lifecycle::{Account, Member, Registry, RegistryState, Seen, Setup, WarehouseFacts};
use crate::ports::{Row, Session, StatementError};
use crate::scripts::{Parameters, Section, Statement, statements};

use super::error::Error;

/// Databases that belong to the system: nobody enters them, and nothing of a user is in them.
const SYSTEM_DATABASES: [&str; 4] = ["padb_harvest", "template0", "template1", "sys:internal"];

/// The look-ups of a section, by their names.
struct LookUps(Vec<Statement>);

impl LookUps {
    fn of(section: Section, parameters: &Parameters) -> Result<Self, Error> {
        Ok(Self(statements(section, parameters)?))
    }

    async fn rows(&self, session: &impl Session, name: &str) -> Result<Vec<Row>, StatementError> {
        let statement = self.0.iter().find(|statement| statement.name() == name);
        session.query(statement.expect("the section holds the look-up")).await
    }

    /// A look-up that the server may refuse without harm: then it can't be told.
    async fn seen<T>(
        &self,
        session: &impl Session,
        name: &str,
        read: impl FnOnce(Vec<Row>) -> T,
    ) -> Result<Seen<T>, StatementError> {
        match self.rows(session, name).await {
            Ok(rows) => Ok(Seen::Yes(read(rows))),
            Err(error) if error.definitely_refused() => Ok(Seen::No(error.to_string())),
            Err(error) => Err(error),
        }
    }
}

/// What the warehouse as a whole is, as far as it matters for what is to be set up in it.
pub async fn warehouse(session: &impl Session, setup: &Setup) -> Result<WarehouseFacts, Error> {
    let look = LookUps::of(Section::LookAtWarehouse, &Parameters::new())?;
    let version = look.rows(session, "read-version").await?.first().map(|row| row.text(0).to_owned());
    let account = look.rows(session, "read-own-account").await?;
    let account = account.first().map_or_else(
        || Err(Error::waiting(Reason::StatementFailed, "the server doesn't list the user who asks in pg_user")),
        |row| {
            Ok(Account {
                name: row.text(0).to_owned(),
                superuser: row.text(1) == "1",
                may_create_databases: row.text(2) == "1",
            })
        },
    )?;
    let pairs = |rows: Vec<Row>| -> BTreeMap<String, String> {
        rows.iter().map(|row| (row.text(0).to_owned(), row.text(1).to_owned())).collect()
    };
    let users = pairs(look.rows(session, "read-users").await?);
    let mut databases = pairs(look.rows(session, "read-databases").await?);
    databases.retain(|name, _| !SYSTEM_DATABASES.contains(&name.as_str()));
    let case_sensitive_identifiers = look
        .seen(session, "read-case-sensitivity", |rows| {
            rows.first().is_some_and(|row| matches!(row.text(0), "on" | "true"))
        })
        .await?;
    let roles = LookUps::of(Section::LookAtRoles, &Parameters::new())?.seen(session, "read-roles", pairs).await?;
    let language_is_public = if setup.impersonation_role.is_some() {
        LookUps::of(Section::LookAtLanguage, &Parameters::new())?
            .seen(session, "read-language-privileges", |rows| rows.iter().any(|row| row.text(1) == "public"))
            .await?
    } else {
        Seen::No("nobody asked".to_owned())
    };
    let grantable_databases = if setup.database_mode == DatabaseMode::Existing && !account.superuser {
        let name = account.name.clone();
        LookUps::of(Section::LookAtDatabasePrivileges, &Parameters::new())?
            .seen(session, "read-grantable-privileges", |rows| {
                let create =
                    rows.iter().filter(|row| row.text(1).eq_ignore_ascii_case("create") && row.text(2) == name);
                create.map(|row| row.text(0).to_owned()).collect()
            })
            .await?
    } else {
        Seen::No("nobody asked".to_owned())
    };
    // A superuser needs no privileges, and a look-up less is a round trip less.
    let held = if account.superuser { Seen::Yes(BTreeSet::new()) } else { held(session, &account.name).await? };
    Ok(WarehouseFacts {
        version: version.unwrap_or_default(),
        account,
        users,
        databases,
        roles,
        held,
        grantable_databases,
        case_sensitive_identifiers,
        language_is_public,
        collation: None,
    })
}

/// The roles of a user, through other roles too, and the system privileges that they carry.
async fn held(session: &impl Session, user: &str) -> Result<Seen<BTreeSet<String>>, Error> {
    let look = LookUps::of(Section::LookAtPrivileges, &Parameters::new().text("admin_name", user))?;
    let texts = |rows: Vec<Row>| -> Vec<(String, String)> {
        rows.iter().map(|row| (row.text(0).to_owned(), row.text(1).to_owned())).collect()
    };
    let own = look.seen(session, "read-own-roles", texts).await?;
    let nested = look.seen(session, "read-nested-roles", texts).await?;
    let privileges = look.seen(session, "read-system-privileges", texts).await?;
    let (own, nested, privileges) = match (own, nested, privileges) {
        (Seen::Yes(own), Seen::Yes(nested), Seen::Yes(privileges)) => (own, nested, privileges),
        (Seen::No(why), ..) | (_, Seen::No(why), _) | (.., Seen::No(why)) => return Ok(Seen::No(why)),
    };
    let mut held: BTreeSet<String> = own.into_iter().map(|(role, _)| role).collect();
    loop {
        let more: Vec<_> = nested
            .iter()
            .filter(|(role, granted)| held.contains(role) && !held.contains(granted))
            .map(|(_, granted)| granted.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        held.extend(more);
    }
    let carried: Vec<_> =
        privileges.into_iter().filter(|(_, role)| held.contains(role)).map(|(privilege, _)| privilege).collect();
    held.extend(carried.into_iter().map(|privilege| privilege.to_uppercase()));
    Ok(Seen::Yes(held))
}

/// What is in the database that the session is connected to.
pub async fn contents(session: &impl Session) -> Result<Contents, Error> {
    let look = LookUps::of(Section::LookAtContents, &Parameters::new())?;
    let text = |row: &Row, column: usize| row.text(column).to_owned();
    Ok(Contents {
        schemas: look
            .rows(session, "read-schemas")
            .await?
            .iter()
            .map(|row| Schema { name: text(row, 0), owner: text(row, 1), acl: Acl::parse(row.text(2)) })
            .collect(),
        relations: look
            .rows(session, "read-relations")
            .await?
            .iter()
            .map(|row| Relation {
                schema: text(row, 0),
                name: text(row, 1),
                owner: text(row, 3),
                acl: Acl::parse(row.text(4)),
            })
            .collect(),
        routines: look
            .rows(session, "read-routines")
            .await?
            .iter()
            .map(|row| Routine {
                schema: text(row, 0),
                name: text(row, 1),
                owner: text(row, 2),
                acl: Acl::parse(row.text(3)),
            })
            .collect(),
        default_privileges: look
            .rows(session, "read-default-privileges")
            .await?
            .iter()
            .map(|row| DefaultPrivileges {
                owner: text(row, 0),
                acl: Acl::parse(row.text(1)),
                schema: Some(text(row, 2)).filter(|schema| !schema.is_empty()),
            })
            .collect(),
    })
}

/// The roles of the system account, seen by itself, and which of them it may grant.
pub async fn own_roles(session: &impl Session, account: &str) -> Result<BTreeMap<String, bool>, Error> {
    let look = LookUps::of(Section::LookAtOwnRoles, &Parameters::new().text("system_account_name", account))?;
    let rows = look.rows(session, "read-roles-of-system-account").await?;
    Ok(rows.iter().map(|row| (row.text(0).to_owned(), row.text(1) == "1")).collect())
}

/// The members of a role, other than one user.
pub async fn members(session: &impl Session, role: &str, but: &str) -> Result<Seen<Vec<Member>>, Error> {
    let look = LookUps::of(Section::LookAtMembers, &Parameters::new().text("role_name", role))?;
    let users = look
        .seen(session, "read-member-users", |rows| {
            let member = |row: &Row| Member::User(row.text(0).to_owned(), row.text(1) == "1");
            rows.iter().map(member).filter(|member| member.name() != but).collect::<Vec<_>>()
        })
        .await?;
    let roles = look
        .seen(session, "read-member-roles", |rows| {
            rows.iter().map(|row| Member::Role(row.text(0).to_owned())).collect::<Vec<_>>()
        })
        .await?;
    Ok(match (users, roles) {
        (Seen::Yes(users), Seen::Yes(roles)) => {
            let mut members: Vec<_> = users.into_iter().chain(roles).collect();
            members.sort();
            Seen::Yes(members)
        }
        (Seen::No(why), _) | (_, Seen::No(why)) => Seen::No(why),
    })
}

/// How a row of a look-up tells of a grant.
type DescribeGrant = fn(&Row) -> (String, Option<Grantable>);

/// What a role may do with the objects of one database, other than what we gave it.
pub async fn grants_to_role(session: &impl Session, role: &str) -> Result<Seen<RoleGrants>, Error> {
    let look = LookUps::of(Section::LookAtRoleGrants, &Parameters::new().text("role_name", role))?;
    let mut grants = RoleGrants::new();
    let look_ups: [(&str, DescribeGrant); 4] = [
        ("read-schema-grants-of-role", |row| {
            let on = Grantable::Schema(row.text(0).to_owned());
            (format!("{} on the schema {}", row.text(1), row.text(0)), Some(on))
        }),
        ("read-relation-grants-of-role", |row| {
            let on = Grantable::Relation(row.text(0).to_owned(), row.text(1).to_owned());
            (format!("{} on {}.{}", row.text(2), row.text(0), row.text(1)), Some(on))
        }),
        ("read-routine-grants-of-role", |row| (format!("{} on {}.{}", row.text(2), row.text(0), row.text(1)), None)),
        ("read-default-privileges-of-role", |row| {
            (format!("{} by default on {} of {}", row.text(2), row.text(1), row.text(0)), None)
        }),
    ];
    for (name, describe) in look_ups {
        match look.seen(session, name, |rows| rows).await? {
            Seen::Yes(rows) => grants.extend(rows.iter().map(describe)),
            Seen::No(why) => return Ok(Seen::No(why)),
        }
    }
    grants.remove("EXECUTE on immuta_procedures.impersonate_user");
    Ok(Seen::Yes(grants))
}

/// What a role may do with databases as a whole.
pub async fn database_grants_to_role(session: &impl Session, role: &str) -> Result<Seen<RoleGrants>, Error> {
    let look = LookUps::of(Section::LookAtRoleGrants, &Parameters::new().text("role_name", role))?;
    let describe = |row: &Row| {
        let on = Grantable::Database(row.text(0).to_owned());
        (format!("{} on the database {}", row.text(1), row.text(0)), Some(on))
    };
    Ok(look.seen(session, "read-database-grants-of-role", |rows| rows.iter().map(describe).collect()).await?)
}

/// Views outside of our schemas that speak of them: schema, name and definition.
pub async fn views_that_speak_of_us(session: &impl Session) -> Result<Seen<Vec<(String, String)>>, Error> {
    let look = LookUps::of(Section::LookAtDependents, &Parameters::new())?;
    let view = |row: &Row| (format!("{}.{}", row.text(0), row.text(1)), row.text(2).to_owned());
    let ours = |row: &&Row| SCHEMAS.contains(&row.text(0));
    Ok(look
        .seen(session, "read-views-that-speak-of-us", |rows| rows.iter().filter(|row| !ours(row)).map(view).collect())
        .await?)
}

/// The row of the registry; an error's text where it isn't exactly one that can be read.
pub async fn registry(session: &impl Session, database: &str) -> Result<Result<Registry, String>, Error> {
    let look = LookUps::of(Section::LookAtRegistry, &Parameters::new())?;
    let rows = match look.rows(session, "read-registry").await {
        Ok(rows) => rows,
        Err(error) if error.definitely_refused() => return Ok(Err(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let [row] = rows.as_slice() else {
        return Ok(Err(format!("the registry has {} rows instead of one", rows.len())));
    };
    let number = |column| row.text(column).parse::<i64>().map_err(|_| "the registry has a malformed number".to_owned());
    let state = match row.text(1) {
        "applying" => RegistryState::Applying,
        "complete" => RegistryState::Complete,
        "deleting" => RegistryState::Deleting,
        other => return Ok(Err(format!("the registry has the unknown state `{other}`"))),
    };
    let database_mode = match row.text(4) {
        "Create" => DatabaseMode::Create,
        "Existing" => DatabaseMode::Existing,
        other => return Ok(Err(format!("the registry has the unknown database mode `{other}`"))),
    };
    let role = row.text(6);
    Ok(number(2).and_then(|fencing_counter| {
        Ok(Registry {
            integration_uid: row.text(0).to_owned(),
            state,
            fencing_counter,
            schema_version: number(3)?,
            applied_hash: row.text(7).to_owned(),
            setup: Setup {
                database: database.to_owned(),
                database_mode,
                system_account: row.text(5).to_owned(),
                impersonation_role: (!role.is_empty()).then(|| role.to_owned()),
            },
        })
    }))
}

/// Who may do what with each database.
pub async fn database_acls(session: &impl Session) -> Result<Vec<DatabaseAcl>, Error> {
    let look = LookUps::of(Section::LookAtDatabaseAcls, &Parameters::new())?;
    let rows = look.rows(session, "read-database-acls").await?;
    let acl = |row: &Row| DatabaseAcl {
        database: row.text(0).to_owned(),
        owner: row.text(1).to_owned(),
        acl: Acl::parse(row.text(2)),
    };
    Ok(rows.iter().map(acl).collect())
}

/// What `db_collation()` says of the database that the session is connected to.
pub async fn collation(session: &impl Session) -> Result<Seen<String>, Error> {
    let look = LookUps::of(Section::LookAtSettings, &Parameters::new())?;
    let text = |rows: Vec<Row>| rows.first().map(|row| row.text(0).to_owned()).unwrap_or_default();
    Ok(look.seen(session, "read-collation", text).await?)
}

/// What the periodic validation looks at, as the system account.
pub async fn watched(session: &impl Session, registry: Registry, account: &str) -> Result<Watched, Error> {
    let look = LookUps::of(Section::LookAtSettings, &Parameters::new())?;
    let collation = collation(session).await?;
    let database = &registry.setup.database;
    let levels = look
        .seen(session, "read-isolation", |rows| {
            rows.iter().find(|row| row.text(0) == database).map(|row| row.text(1).to_owned()).unwrap_or_default()
        })
        .await?;
    let contents = contents(session).await?;
    let keys =
        match look.seen(session, "count-keys", |rows| rows.first().and_then(|row| row.text(0).parse().ok())).await? {
            Seen::Yes(count) => count.unwrap_or_default(),
            // The table is gone: another test says so.
            Seen::No(_) => 0,
        };
    Ok(Watched {
        contents,
        own_roles: own_roles(session, account).await?,
        keys,
        collation,
        isolation: isolation(levels),
        registry,
    })
}

/// `datconfig` of `pg_database_info`: 1 is SNAPSHOT, 2 is SERIALIZABLE.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_DATABASE.html>
fn isolation(configuration: Seen<String>) -> Seen<String> {
    let configuration = match configuration {
        Seen::Yes(configuration) => configuration,
        Seen::No(why) => return Seen::No(why),
    };
    let level = configuration.split('|').find_map(|setting| setting.strip_prefix("concurrency_model="));
    match level {
        Some("1") => Seen::Yes("SNAPSHOT".to_owned()),
        Some("2") => Seen::Yes("SERIALIZABLE".to_owned()),
        Some(other) => Seen::No(format!("the concurrency model {other} is unknown")),
        None => Seen::No("the catalogue doesn't show it".to_owned()),
    }
}
