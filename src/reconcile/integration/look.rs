//! Looks at the warehouse. Reads only; every answer that decides anything is taken from there.

use std::collections::{BTreeMap, BTreeSet};

use super::asker::Asker;
use super::error::Error;
use crate::api::{DatabaseMode, Reason};
use crate::lifecycle::checks::Watched;
use crate::lifecycle::contents::{
    Acl, Contents, DefaultPrivileges, PROCEDURES_SCHEMA, Relation, Routine, SCHEMAS, Schema, USER_ENTITLEMENTS,
    USER_PROFILE,
};
use crate::lifecycle::definitions::Definitions;
use crate::lifecycle::manual::Shown;
use crate::lifecycle::obstacle::Grantable;
use crate::lifecycle::sweep::{DatabaseAcl, RoleGrants};
use crate::lifecycle::{
    Account, Failure, Member, Registry, RegistryState, Seen, Setup, Unseen, UserId, WarehouseFacts,
};
use crate::ports::{Row, Session};
use crate::scripts::{CLAIM_USER, LookUp, Parameters, SYSTEM_DATABASES, look_up};

fn pair(row: &Row) -> (String, String) {
    (row.text(0).to_owned(), row.text(1).to_owned())
}

fn pairs<C: FromIterator<(String, String)>>(rows: &[Row]) -> C {
    rows.iter().map(pair).collect()
}

/// Names, and the ids of users beside them.
fn owned(rows: &[Row]) -> BTreeMap<String, UserId> {
    rows.iter().map(|row| (row.text(0).to_owned(), UserId::new(row.text(1)))).collect()
}

/// The look-ups that `warehouse` reads in any case.
const WAREHOUSE: [LookUp; 7] = [
    LookUp::Version,
    LookUp::OwnAccount,
    LookUp::Users,
    LookUp::Databases,
    LookUp::KindsOfDatabases,
    LookUp::CaseSensitivity,
    LookUp::Roles,
];

/// What the warehouse as a whole is, as far as it matters for what is to be set up in it.
pub async fn warehouse(session: &impl Session, setup: &Setup) -> Result<WarehouseFacts, Error> {
    let mut look = Asker::new(session);
    let of_language = setup.impersonation_role.as_ref().map(|_| LookUp::LanguagePrivileges);
    look.ask(&WAREHOUSE.into_iter().chain(of_language).collect::<Vec<_>>()).await?;
    let version = look.rows(LookUp::Version).await?.first().map(|row| row.text(0).to_owned());
    let account = look.rows(LookUp::OwnAccount).await?;
    let account = account.first().map(|row| Account {
        name: row.text(0).to_owned(),
        superuser: row.text(1) == "1",
        may_create_databases: row.text(2) == "1",
    });
    let Some(account) = account else {
        let message = "the server doesn't list the user who asks in pg_user";
        return Err(Failure::waiting(Reason::StatementFailed, message).into());
    };
    let users = owned(&look.rows(LookUp::Users).await?);
    let databases = local_databases(&mut look).await?;
    let is_on = |rows: Vec<Row>| rows.first().is_some_and(|row| matches!(row.text(0), "on" | "true"));
    let case_sensitive_identifiers = look.seen(LookUp::CaseSensitivity, is_on).await?;
    let roles = look.seen(LookUp::Roles, |rows| pairs(&rows)).await?;
    let language_is_public = if of_language.is_some() {
        let is_public = |rows: Vec<Row>| rows.iter().any(|row| row.text(1) == "public");
        look.seen(LookUp::LanguagePrivileges, is_public).await?
    } else {
        Seen::No(Unseen::NotAsked)
    };
    let grantable_databases = if setup.database_mode == DatabaseMode::Existing && !account.superuser {
        let is_grantable = |row: &&Row| row.text(1).eq_ignore_ascii_case("create") && row.text(2) == account.name;
        let own = |rows: Vec<Row>| rows.iter().filter(is_grantable).map(|row| row.text(0).to_owned()).collect();
        look.seen(LookUp::GrantablePrivileges, own).await?
    } else {
        Seen::No(Unseen::NotAsked)
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

/// All users, with their ids.
pub async fn users(session: &impl Session) -> Result<BTreeMap<String, UserId>, Error> {
    Ok(owned(&Asker::new(session).rows(LookUp::Users).await?))
}

/// Whether a database of the warehouse's own is there.
pub async fn has_database(session: &impl Session, name: &str) -> Result<bool, Error> {
    Ok(local_databases(&mut Asker::new(session)).await?.contains_key(name))
}

/// The warehouse's own databases that can hold anything of a user's, with their owners. Shared ones, and catalogues of AWS
/// Glue, are listed beside them and take no logins.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_DATABASES.html>
async fn local_databases<S: Session>(look: &mut Asker<'_, S>) -> Result<BTreeMap<String, UserId>, Error> {
    let mut databases = owned(&look.rows(LookUp::Databases).await?);
    databases.retain(|name, _| !SYSTEM_DATABASES.contains(&name.as_str()));
    let kinds: Seen<BTreeMap<String, String>> = look.seen(LookUp::KindsOfDatabases, |rows| pairs(&rows)).await?;
    if let Seen::Yes(kinds) = kinds {
        databases.retain(|name, _| kinds.get(name).is_none_or(|kind| kind == "local"));
    }
    Ok(databases)
}

/// The roles of a user, through other roles too, and the system privileges that they carry.
async fn held(session: &impl Session, user: &str) -> Result<Seen<BTreeSet<String>>, Error> {
    let mut look = Asker::at(session, "admin_name", user);
    let role = |rows: Vec<Row>| rows.iter().map(|row| row.text(0).to_owned()).collect::<BTreeSet<_>>();
    look.ask(&[LookUp::OwnRoles, LookUp::NestedRoles, LookUp::SystemPrivileges]).await?;
    let own = look.seen(LookUp::OwnRoles, role).await?;
    let nested = look.seen(LookUp::NestedRoles, |rows| pairs::<Vec<_>>(&rows)).await?;
    let privileges = look.seen(LookUp::SystemPrivileges, |rows| pairs::<Vec<_>>(&rows)).await?;
    let (mut held, nested, privileges) = match (own, nested, privileges) {
        (Seen::Yes(own), Seen::Yes(nested), Seen::Yes(privileges)) => (own, nested, privileges),
        (Seen::No(why), ..) | (_, Seen::No(why), _) | (.., Seen::No(why)) => return Ok(Seen::No(why)),
    };
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

/// Proves that a connection works: a login alone may be one that the server is about to end.
pub async fn prove(session: &impl Session) -> Result<(), Error> {
    Asker::new(session).rows(LookUp::ProveLogin).await.map(|_| ())
}

/// What ties our users to objects of one database in ways that its lists of privileges don't show: to whom, and what it
/// is. Where it can't be seen, the server has the last word when the user is dropped.
pub async fn hidden_ties(session: &impl Session, account: &str) -> Result<Vec<(String, String)>, Error> {
    let parameters = Parameters::new().text("claim_name", CLAIM_USER).text("system_account_name", account);
    let mut look = Asker::with(session, parameters);
    look.ask(&[LookUp::ColumnPrivileges, LookUp::LanguagesOfUsers]).await?;
    let columns = look
        .seen(LookUp::ColumnPrivileges, |rows| {
            let tie = |row: &Row| {
                let (user, privilege) = (row.text(0).to_owned(), row.text(4));
                (user, format!("{privilege} on the column {}.{}.{}", row.text(1), row.text(2), row.text(3)))
            };
            rows.iter().map(tie).collect::<Vec<_>>()
        })
        .await?;
    let languages = look
        .seen(LookUp::LanguagesOfUsers, |rows| {
            let tie = |row: &Row| (row.text(0).to_owned(), format!("{} on the language {}", row.text(2), row.text(1)));
            rows.iter().map(tie).collect::<Vec<_>>()
        })
        .await?;
    let found = [columns, languages].into_iter().filter_map(|seen| match seen {
        Seen::Yes(ties) => Some(ties),
        Seen::No(_) => None,
    });
    Ok(found.flatten().collect())
}

/// The look-ups that `contents_of` reads.
const CONTENTS: [LookUp; 4] = [LookUp::Schemas, LookUp::Relations, LookUp::Routines, LookUp::DefaultPrivileges];

/// What is in the database that the session is connected to.
pub async fn contents(session: &impl Session) -> Result<Contents, Error> {
    let mut look = Asker::new(session);
    look.ask(&CONTENTS).await?;
    contents_of(&mut look).await
}

async fn contents_of<S: Session>(look: &mut Asker<'_, S>) -> Result<Contents, Error> {
    let text = |row: &Row, column: usize| row.text(column).to_owned();
    Ok(Contents {
        schemas: look
            .rows(LookUp::Schemas)
            .await?
            .iter()
            .map(|row| Schema { name: text(row, 0), owner: UserId::new(row.text(1)), acl: Acl::parse(row.text(2)) })
            .collect(),
        relations: look
            .rows(LookUp::Relations)
            .await?
            .iter()
            .map(|row| Relation {
                schema: text(row, 0),
                name: text(row, 1),
                owner: UserId::new(row.text(3)),
                acl: Acl::parse(row.text(4)),
            })
            .collect(),
        routines: look
            .rows(LookUp::Routines)
            .await?
            .iter()
            .map(|row| Routine {
                schema: text(row, 0),
                name: text(row, 1),
                owner: UserId::new(row.text(2)),
                acl: Acl::parse(row.text(3)),
            })
            .collect(),
        default_privileges: look
            .rows(LookUp::DefaultPrivileges)
            .await?
            .iter()
            .map(|row| DefaultPrivileges {
                owner: UserId::new(row.text(0)),
                acl: Acl::parse(row.text(1)),
                schema: Some(text(row, 2)).filter(|schema| !schema.is_empty()),
            })
            .collect(),
    })
}

/// The roles of the system account, seen by itself, and which of them it may grant.
pub async fn own_roles(session: &impl Session, account: &str) -> Result<BTreeMap<String, bool>, Error> {
    let mut look = Asker::at(session, "system_account_name", account);
    Ok(granted(&look.rows(LookUp::RolesOfSystemAccount).await?))
}

/// Roles, and which of them may be granted.
fn granted(rows: &[Row]) -> BTreeMap<String, bool> {
    rows.iter().map(|row| (row.text(0).to_owned(), row.text(1) == "1")).collect()
}

/// The members of a role, other than one user.
pub async fn members(session: &impl Session, role: &str, but: &str) -> Result<Seen<Vec<Member>>, Error> {
    let mut look = Asker::at(session, "role_name", role);
    look.ask(&[LookUp::MemberUsers, LookUp::MemberRoles]).await?;
    let users = look
        .seen(LookUp::MemberUsers, |rows| {
            let member = |row: &Row| Member::User(row.text(0).to_owned(), row.text(1) == "1");
            rows.iter().map(member).filter(|member| member.name() != but).collect::<Vec<_>>()
        })
        .await?;
    let roles = look
        .seen(LookUp::MemberRoles, |rows| {
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
    let mut look = Asker::at(session, "role_name", role);
    let mut grants = RoleGrants::new();
    let look_ups: [(LookUp, DescribeGrant); 4] = [
        (LookUp::SchemaGrantsOfRole, |row| {
            let on = Grantable::Schema(row.text(0).to_owned());
            (format!("{} on the schema {}", row.text(1), row.text(0)), Some(on))
        }),
        (LookUp::RelationGrantsOfRole, |row| {
            let on = Grantable::Relation(row.text(0).to_owned(), row.text(1).to_owned());
            (format!("{} on {}.{}", row.text(2), row.text(0), row.text(1)), Some(on))
        }),
        (LookUp::RoutineGrantsOfRole, |row| (format!("{} on {}.{}", row.text(2), row.text(0), row.text(1)), None)),
        (LookUp::DefaultPrivilegesOfRole, |row| {
            (format!("{} by default on {} of {}", row.text(2), row.text(1), row.text(0)), None)
        }),
    ];
    look.ask(&look_ups.map(|(which, _)| which)).await?;
    for (which, describe) in look_ups {
        match look.seen(which, |rows| rows).await? {
            Seen::Yes(rows) => grants.extend(rows.iter().map(describe)),
            Seen::No(why) => return Ok(Seen::No(why)),
        }
    }
    grants.remove("EXECUTE on immuta_procedures.impersonate_user");
    Ok(Seen::Yes(grants))
}

/// What a role may do with databases as a whole.
pub async fn database_grants_to_role(session: &impl Session, role: &str) -> Result<Seen<RoleGrants>, Error> {
    let mut look = Asker::at(session, "role_name", role);
    let describe = |row: &Row| {
        let on = Grantable::Database(row.text(0).to_owned());
        (format!("{} on the database {}", row.text(1), row.text(0)), Some(on))
    };
    look.seen(LookUp::DatabaseGrantsOfRole, |rows| rows.iter().map(describe).collect()).await
}

/// Views outside of our schemas that speak of them: schema, name and definition.
pub async fn views_that_speak_of_us(session: &impl Session) -> Result<Seen<Vec<(String, String)>>, Error> {
    let view = |row: &Row| (format!("{}.{}", row.text(0), row.text(1)), row.text(2).to_owned());
    let ours = |row: &&Row| SCHEMAS.contains(&row.text(0));
    let others = |rows: Vec<Row>| rows.iter().filter(|row| !ours(row)).map(view).collect();
    Asker::new(session).seen(LookUp::ViewsThatSpeakOfUs, others).await
}

/// The row of the registry; an error's text where it isn't exactly one that can be read.
pub async fn registry(session: &impl Session, database: &str) -> Result<Result<Registry, String>, Error> {
    let rows = match Asker::new(session).rows(LookUp::Registry).await {
        Ok(rows) => rows,
        Err(error) if error.unseen().is_some() => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
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
            definitions: Definitions::parse(row.text(11)),
            claim_user_id: Some(row.text(12)).filter(|id| !id.is_empty()).map(UserId::new),
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
    Ok(Asker::new(session).rows(LookUp::DatabaseAcls).await?.iter().map(database_acl).collect())
}

fn database_acl(row: &Row) -> DatabaseAcl {
    DatabaseAcl { database: row.text(0).to_owned(), owner: UserId::new(row.text(1)), acl: Acl::parse(row.text(2)) }
}

/// What `db_collation()` says of the database that the session is connected to.
pub async fn collation(session: &impl Session) -> Result<Seen<String>, Error> {
    Asker::new(session).seen(LookUp::Collation, |rows| first_text(&rows)).await
}

fn first_text(rows: &[Row]) -> String {
    rows.first().map(|row| row.text(0).to_owned()).unwrap_or_default()
}

/// Our own users that are there, and their ids.
pub async fn our_users(session: &impl Session, account: &str) -> Result<BTreeMap<String, UserId>, Error> {
    let parameters = Parameters::new().text("claim_name", CLAIM_USER).text("system_account_name", account);
    Ok(owned(&Asker::with(session, parameters).rows(LookUp::OurUsers).await?))
}

/// What the server shows of our objects, as far as they are there.
async fn shown(session: &impl Session, contents: &Contents) -> Result<Seen<Shown>, Error> {
    let mut look = Asker::new(session);
    let column = |row: &Row| {
        let relation = format!("{}.{}", row.text(0), row.text(1));
        (relation, [2, 3, 4].map(|column| row.text(column)).join(" "))
    };
    // Once, and not for each column: there can be thousands of objects.
    let own: Vec<_> = contents.own().iter().map(ToString::to_string).collect();
    let ours = |(relation, _): &(String, String)| own.contains(relation);
    let columns = |rows: Vec<Row>| rows.iter().map(column).filter(ours).collect::<Vec<_>>();
    let views = [(USER_PROFILE, LookUp::View), (USER_ENTITLEMENTS, LookUp::UserEntitlements)];
    let views = views.map(|(name, look_up)| contents.has_relation(name).then_some(look_up));
    look.ask(&[LookUp::Columns].into_iter().chain(views.into_iter().flatten()).collect::<Vec<_>>()).await?;
    let columns = match look.seen_again(LookUp::Columns, columns).await? {
        Seen::Yes(columns) => columns,
        Seen::No(why) => return Ok(Seen::No(why)),
    };
    let mut texts = [String::new(), String::new()];
    for (text, view) in texts.iter_mut().zip(views) {
        let Some(view) = view else { continue };
        match look.seen_again(view, |rows| first_text(&rows)).await? {
            Seen::Yes(shown) => *text = shown,
            Seen::No(why) => return Ok(Seen::No(why)),
        }
    }
    let [view, entitlements] = texts;
    let mut procedures = Vec::new();
    let of = |name| Parameters::new().identifier("schema", PROCEDURES_SCHEMA).identifier("object", name);
    let names = contents.procedures();
    let asked = names.iter().map(|name| look_up(LookUp::Procedure, &of(name))).collect::<Result<Vec<_>, _>>()?;
    for (name, answer) in names.into_iter().zip(session.query_all(&asked).await?) {
        let mut look = Asker::with(session, of(name)).knowing(LookUp::Procedure, answer);
        match look.seen_again(LookUp::Procedure, |rows| first_text(&rows)).await? {
            Seen::Yes(text) => procedures.push((name, text)),
            Seen::No(why) => return Ok(Seen::No(why)),
        }
    }
    Ok(Seen::Yes(Shown { columns, view, entitlements, procedures }))
}

/// Our procedures that run with the rights of whoever calls them, as far as that can be seen.
pub async fn with_callers_rights(session: &impl Session, contents: &Contents) -> Result<Vec<&'static str>, Error> {
    let ours = contents.procedures();
    if ours.is_empty() {
        return Ok(Vec::new());
    }
    let name = |row: &Row| row.text(0).to_owned();
    let callers = |rows: Vec<Row>| rows.iter().filter(|row| row.text(1) == "0").map(name).collect::<BTreeSet<_>>();
    Ok(match Asker::new(session).seen_again(LookUp::DefinerRights, callers).await? {
        Seen::Yes(callers) => ours.into_iter().filter(|name| callers.contains(*name)).collect(),
        Seen::No(_) => Vec::new(),
    })
}

/// The same as digests.
fn definitions(shown: &Seen<Shown>, contents: &Contents, account: &str) -> Seen<Definitions> {
    match shown {
        Seen::Yes(shown) => {
            let views = [(USER_PROFILE, &shown.view), (USER_ENTITLEMENTS, &shown.entitlements)];
            let there = views.into_iter().filter(|(name, _)| contents.has_relation(name));
            let views: Vec<_> = there.map(|(name, text)| (name, text.clone())).collect();
            Seen::Yes(Definitions::of(&shown.columns, &views, &shown.procedures, contents, account))
        }
        Seen::No(why) => Seen::No(why.clone()),
    }
}

/// What the periodic validation looks at, as the system account.
pub async fn watched(session: &impl Session, registry: Registry, account: &str) -> Result<Watched, Error> {
    watched_and_shown(session, registry, account).await.map(|(watched, _)| watched)
}

/// The same, and the texts of what is recorded of it as digests.
pub async fn watched_and_shown(
    session: &impl Session,
    registry: Registry,
    account: &str,
) -> Result<(Watched, Seen<Shown>), Error> {
    let parameters = Parameters::new().text("claim_name", CLAIM_USER).text("system_account_name", account);
    let mut look = Asker::with(session, parameters);
    let others = [
        LookUp::Collation,
        LookUp::Isolation,
        LookUp::ManagedDatabase,
        LookUp::CountKeys,
        LookUp::OurUsers,
        LookUp::RolesOfSystemAccount,
    ];
    look.ask(&[&others[..], &CONTENTS].concat()).await?;
    let collation = look.seen(LookUp::Collation, |rows| first_text(&rows)).await?;
    let name = &registry.setup.database;
    let levels = look
        .seen(LookUp::Isolation, |rows| {
            rows.iter().find(|row| row.text(0) == name).map(|row| row.text(1).to_owned()).unwrap_or_default()
        })
        .await?;
    let database = look.seen(LookUp::ManagedDatabase, |rows| rows.first().map(database_acl)).await?;
    let contents = contents_of(&mut look).await?;
    // One of another length than ours is none.
    let whole = |rows: Vec<Row>| {
        let row = rows.first().filter(|row| row.text(0) == row.text(1) || row.text(0) == "0")?;
        row.text(0).parse().ok()
    };
    let keys = match look.seen(LookUp::CountKeys, whole).await? {
        Seen::Yes(count) => count.unwrap_or_default(),
        // The table is gone: another test says so.
        Seen::No(_) => 0,
    };
    let users = owned(&look.rows(LookUp::OurUsers).await?);
    let own_roles = granted(&look.rows(LookUp::RolesOfSystemAccount).await?);
    let shown = shown(session, &contents).await?;
    let watched = Watched {
        definitions: definitions(&shown, &contents, account),
        contents,
        own_roles,
        keys,
        account_name: account.to_owned(),
        account: users.get(account).cloned(),
        claim: users.get(CLAIM_USER).cloned(),
        collation,
        isolation: isolation(levels),
        database,
        registry,
    };
    Ok((watched, shown))
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
        Some(other) => Seen::No(Unseen::Unknown(format!("the concurrency model {other} is unknown"))),
        None => Seen::No(Unseen::Unknown("the catalogue doesn't show it".to_owned())),
    }
}
