//! What isn't as it was set up, and what mends it. The message is made of the very sections that mend it.

use super::checks::{CLAIM, GRANTS, IMPERSONATION, OBJECTS, Watched};
use super::contents::{Own, OwnKind, PROCEDURES_SCHEMA, USER_ENTITLEMENTS, is_user_profile};
use super::definitions::Defined;
use super::obstacle::{Grant, Grantable};
use super::sweep::DatabaseAcl;
use super::{AccountPower, Member, Mend, Seen, Setup, Subject, parameters};
use crate::api::{DatabaseMode, Remedy};
use crate::scripts::{CLAIM_USER, Section, Statement, statements};

/// Something that isn't as it was set up, and what mends it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Drift {
    /// The test that it fails.
    pub test: &'static str,
    /// What is different.
    pub what: String,
    /// Who can mend it, and how.
    pub mender: Mender,
}

/// Who can mend something, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mender {
    /// The system account, in the managed database.
    SystemAccount(Vec<Mend>),
    /// A superuser, in the managed database.
    Superuser(Vec<Mend>),
    /// A superuser, if something holds that nobody else can tell.
    SuperuserIf(&'static str, Vec<Mend>),
    /// Whoever writes the spec.
    Spec(&'static str),
    /// A person, by hand.
    Person(&'static str),
}

impl Drift {
    /// What a person can do about it.
    #[must_use]
    pub fn remedies(&self, setup: &Setup, auto_bootstrap: bool) -> Vec<Remedy> {
        let Setup { database, system_account, .. } = setup;
        let shown = |mends, whoever: String| shown(mends, setup, &whoever, auto_bootstrap);
        match &self.mender {
            Mender::SystemAccount(mends) => {
                shown(mends, format!("in the database {database}, as {system_account} or a superuser"))
            }
            Mender::Superuser(mends) => shown(mends, format!("in the database {database}, as a superuser")),
            Mender::SuperuserIf(condition, mends) => shown(mends, format!("as a superuser, {condition}")),
            Mender::Spec(what) | Mender::Person(what) => vec![Remedy::new(*what)],
        }
    }
}

/// The statements. One that is long, or holds a secret, is the operator's to execute; in manual mode it stands in a script.
fn shown(mends: &[Mend], setup: &Setup, whoever: &str, auto_bootstrap: bool) -> Vec<Remedy> {
    let render = |mend: &Mend| {
        statements(mend.section, &parameters(setup, AccountPower::Lesser, &mend.subject)).unwrap_or_default()
    };
    let statements: Vec<_> = mends.iter().map(render).collect();
    let is_long = |statement: &Statement| statement.text().contains('\n');
    if statements.iter().any(|statements| statements.is_empty() || statements.iter().any(is_long)) {
        if auto_bootstrap {
            return vec![Remedy::new("with spec.repair set to true, the operator executes again what made it")];
        }
        let names: Vec<_> = statements.iter().flatten().map(Statement::name).collect();
        let names = names.join(", ");
        return vec![Remedy::new(format!("{whoever}, run these statements of the script create.sql again: {names}"))];
    }
    statements.iter().flatten().map(|statement| Remedy::command(whoever, statement.text())).collect()
}

/// The catalogue's letter for what creates schemas in a database, and objects in a schema.
const CREATE: char = 'C';

const RESTORE: &str = "restore the database; or delete the resource and create it anew";

/// All that isn't as it was set up.
#[must_use]
pub fn drift(watched: &Watched) -> Vec<Drift> {
    let mut found = missing(watched);
    found.extend(changed(watched));
    found.extend(owners(watched));
    found.extend(claim(watched));
    found.extend(database(watched));
    found.extend(grants(watched));
    if let Some(role) = &watched.registry.setup.impersonation_role {
        found.extend(impersonation(watched, role));
    }
    found
}

fn run(section: Section) -> Mend {
    Mend { section, subject: Subject::Pass }
}

fn run_on(section: Section, schema: &'static str, name: &'static str) -> Mend {
    Mend { section, subject: Subject::Object(schema, name) }
}

/// What makes a procedure, and who may call it.
fn making_of(procedure: &str) -> Vec<Mend> {
    match procedure {
        "impersonate_user" => vec![run(Section::ImpersonateProcedure), run(Section::GrantImpersonation)],
        _ => vec![run(Section::RoleProcedures)],
    }
}

fn missing(watched: &Watched) -> Vec<Drift> {
    let drift = |(kind, schema, name): (OwnKind, &'static str, &'static str)| {
        let (what, mender) = match kind {
            OwnKind::Schema => (format!("schema {schema}"), Mender::Person(RESTORE)),
            OwnKind::Relation if is_user_profile(schema, name) => {
                let mends = vec![run(Section::UserProfile), run(Section::OpenUserProfile)];
                (format!("relation {schema}.{name}"), Mender::SystemAccount(mends))
            }
            OwnKind::Relation if USER_ENTITLEMENTS.split_once('.') == Some((schema, name)) => {
                (format!("relation {schema}.{name}"), Mender::SystemAccount(vec![run(Section::UserEntitlements)]))
            }
            OwnKind::Relation => (format!("relation {schema}.{name}"), Mender::Person(RESTORE)),
            OwnKind::Procedure => (format!("procedure {schema}.{name}"), Mender::SystemAccount(making_of(name))),
        };
        Drift { test: OBJECTS, what: format!("{what} is missing"), mender }
    };
    watched.contents.missing(&watched.registry).into_iter().map(drift).collect()
}

/// What has another definition than the one that was recorded right after it was made.
fn changed(watched: &Watched) -> Vec<Drift> {
    let (Some(recorded), Seen::Yes(now)) = (&watched.registry.definitions, &watched.definitions) else {
        return Vec::new();
    };
    let drift = |what: Defined| {
        let (what, mender) = match what {
            Defined::Columns(relation) => (format!("the columns of {relation} were changed"), Mender::Person(RESTORE)),
            Defined::View(view) => {
                let text = if view == USER_ENTITLEMENTS { Section::UserEntitlements } else { Section::UserProfile };
                (format!("the view {view} has another text"), Mender::SystemAccount(vec![run(text)]))
            }
            Defined::Procedure(name) => (
                format!("the procedure {PROCEDURES_SCHEMA}.{name} has another text"),
                Mender::SystemAccount(making_of(&name)),
            ),
            Defined::DefaultPrivileges(schema) => return defaults(&schema),
        };
        Drift { test: OBJECTS, what, mender }
    };
    let lost = now.lost_defaults(recorded);
    now.differences(recorded).into_iter().map(drift).chain(lost.iter().map(|schema| defaults(schema))).collect()
}

fn defaults(schema: &str) -> Drift {
    let mender = if schema == "immuta_functions" {
        Mender::SystemAccount(vec![run(Section::OpenFutureFunctions)])
    } else {
        Mender::Person("revoke them (ALTER DEFAULT PRIVILEGES), as the system account")
    };
    Drift { test: GRANTS, what: format!("the default privileges in the schema {schema} were changed"), mender }
}

fn owners(watched: &Watched) -> Vec<Drift> {
    let Some(account) = &watched.account else { return Vec::new() };
    let others = watched.contents.own().into_iter().filter(|own| own.owner != account);
    let drift = |own: Own<'_>| Drift {
        test: OBJECTS,
        what: format!("{own} belongs to somebody else"),
        mender: Mender::Superuser(vec![run_on(
            match own.kind {
                OwnKind::Schema => Section::GiveSchema,
                OwnKind::Relation => Section::GiveRelation,
                OwnKind::Procedure => Section::GiveProcedure,
            },
            own.schema,
            own.name,
        )]),
    };
    others.map(drift).collect()
}

/// The user that keeps others out of the warehouse.
fn claim(watched: &Watched) -> Option<Drift> {
    let drift = |what: String, way: &'static str| Drift { test: CLAIM, what, mender: Mender::Person(way) };
    match (&watched.claim, &watched.registry.claim_user_id) {
        (None, _) => Some(drift(
            format!("the user {CLAIM_USER} was dropped, so that another integration could take the warehouse"),
            "make sure that no other integration has been set up since; then delete the resource and create it anew",
        )),
        (Some(found), Some(made)) if found != made => Some(drift(
            format!("the user {CLAIM_USER} is another one: usesysid {found} instead of usesysid {made}"),
            "find out who made it; if nobody needs it, drop it, then delete the resource and create it anew",
        )),
        (Some(_), _) => None,
    }
}

/// What is held on the managed database as a whole. What others have of it by name is between them and whoever gave it to them.
fn database(watched: &Watched) -> Vec<Drift> {
    let Seen::Yes(Some(DatabaseAcl { database, owner, acl })) = &watched.database else { return Vec::new() };
    let is_own = watched.account.as_ref() == Some(owner);
    let drift = |what: String| {
        let mends = vec![run(Section::DatabaseGrants)];
        let mender = if is_own { Mender::SystemAccount(mends) } else { Mender::Superuser(mends) };
        Drift { test: GRANTS, what, mender }
    };
    let mut found = Vec::new();
    // One that was there before is others' too, and nothing was taken from PUBLIC in it.
    if watched.registry.setup.database_mode == DatabaseMode::Create && acl.of_public().contains(CREATE) {
        found.push(drift(format!("everybody may create schemas in the database {database}")));
    }
    let may_create = |(holder, held): (&str, &str)| holder == watched.account_name && held.contains(CREATE);
    if !is_own && !acl.holders().any(may_create) {
        found.push(drift(format!("{} may not create schemas in the database {database}", watched.account_name)));
    }
    found
}

/// What is held on our own objects, beyond what everybody is to hold.
fn grants(watched: &Watched) -> Vec<Drift> {
    let of_own = |own: Own<'_>| of_public(&own).into_iter().chain(of_others(watched, &own));
    watched.contents.own().into_iter().flat_map(of_own).collect()
}

/// Grants on procedures are what impersonation hangs on.
fn grant_drift(own: &Own<'_>, what: String, mender: Mender) -> Drift {
    let test = if own.kind == OwnKind::Procedure { IMPERSONATION } else { GRANTS };
    Drift { test, what, mender }
}

/// What everybody holds, where that is more or less than it is to be.
fn of_public(own: &Own<'_>) -> Option<Drift> {
    let (meant, held, Own { schema, name, .. }) = (meant_for_public(own), own.acl.of_public(), *own);
    let lacks = meant.chars().any(|privilege| !held.contains(privilege));
    let (what, mends) = match own.kind {
        OwnKind::Schema if is_more_than(held, meant) => (
            format!("everybody may create objects in the schema {schema}"),
            vec![run_on(Section::CloseSchema, schema, name)],
        ),
        OwnKind::Schema if lacks => {
            (format!("PUBLIC can't use the schema {schema}"), vec![run_on(Section::OpenSchema, schema, name)])
        }
        OwnKind::Relation if is_more_than(held, meant) => {
            // That takes everything away, and the rest is given back.
            let again = own.is_user_profile().then(|| run(Section::OpenUserProfile));
            let mends = [run_on(Section::CloseRelation, schema, name)].into_iter().chain(again).collect();
            (format!("PUBLIC has privileges on {schema}.{name}"), mends)
        }
        OwnKind::Relation if lacks => {
            (format!("PUBLIC can't read {schema}.{name}"), vec![run(Section::OpenUserProfile)])
        }
        OwnKind::Procedure if is_more_than(held, meant) => {
            (format!("everybody may call {schema}.{name}"), vec![run_on(Section::CloseProcedure, schema, name)])
        }
        OwnKind::Schema | OwnKind::Relation | OwnKind::Procedure => return None,
    };
    Some(grant_drift(own, what, Mender::SystemAccount(mends)))
}

/// What everybody is to hold on it, by the letters of the catalogue.
fn meant_for_public(own: &Own<'_>) -> &'static str {
    match own.kind {
        OwnKind::Schema => "U",
        OwnKind::Relation if own.is_user_profile() => "r",
        OwnKind::Relation | OwnKind::Procedure => "",
    }
}

fn is_more_than(held: &str, meant: &str) -> bool {
    held.chars().any(|privilege| privilege != '*' && !meant.contains(privilege))
}

/// Users, groups and roles that hold more than everybody is to hold. What is no more than that harms nobody: `GRANT … ON
/// ALL TABLES IN SCHEMA` gives it in passing.
fn of_others(watched: &Watched, own: &Own<'_>) -> Vec<Drift> {
    // Whoever owns it holds everything: that it isn't ours is told already.
    if watched.account.as_ref().is_some_and(|account| own.owner != account) {
        return Vec::new();
    }
    let (setup, meant) = (&watched.registry.setup, meant_for_public(own));
    // Its members begin impersonations, and make nobody else a member.
    let may_call = |holder: &str| own.name == "impersonate_user" && is_role(holder, setup);
    let is_ours = |holder: &str| holder == watched.account_name || holder == setup.system_account || may_call(holder);
    let more = own.acl.holders().filter(|(holder, held)| !is_ours(holder) && is_more_than(held, meant));
    let drift = |(holder, _): (&str, &str)| {
        let what = format!("{holder} has privileges on {own}");
        grant_drift(own, what, revocation(own, holder, setup))
    };
    more.map(drift).collect()
}

/// Whether who holds something is the impersonation role.
fn is_role(holder: &str, setup: &Setup) -> bool {
    setup.impersonation_role.as_deref().is_some_and(|role| holder.trim_start_matches("role ") == role)
}

/// What takes from somebody all that he holds on it.
fn revocation(own: &Own<'_>, holder: &str, setup: &Setup) -> Mender {
    let is_role = is_role(holder, setup);
    if !is_role && (holder.starts_with("group ") || holder.starts_with("role ")) {
        return Mender::Person("revoke all privileges on it from them, as the system account or a superuser");
    }
    let (schema, name) = (own.schema.to_owned(), own.name.to_owned());
    let (section, on) = match own.kind {
        OwnKind::Schema => (Section::RevokeOnSchema, Grantable::Schema(schema)),
        OwnKind::Relation => (Section::RevokeOnRelation, Grantable::Relation(schema, name)),
        OwnKind::Procedure => (Section::RevokeProcedure, Grantable::Relation(schema, name)),
    };
    let subject = Subject::Grant(Grant {
        database: setup.database.clone(),
        on,
        grantee: match &setup.impersonation_role {
            Some(role) if is_role => Member::Role(role.clone()),
            _ => Member::User(holder.to_owned(), false),
        },
        grantor: setup.system_account.clone(),
    });
    Mender::SystemAccount(vec![Mend { section, subject }])
}

fn impersonation(watched: &Watched, role: &str) -> Vec<Drift> {
    let account = &watched.registry.setup.system_account;
    let drift = |what: String, mender| Drift { test: IMPERSONATION, what, mender };
    let grant = || vec![run(Section::GrantRoleAgain)];
    let mut found = Vec::new();
    match watched.own_roles.get(role) {
        Some(true) => {}
        Some(false) => {
            found.push(drift(format!("{account} may not grant the role {role}"), Mender::Superuser(grant())));
        }
        None => {
            let condition = "if the role is there and is not another one that somebody made under this name";
            let what = format!("the role {role} was dropped, or taken from {account}");
            found.push(drift(what.clone(), Mender::SuperuserIf(condition, grant())));
            let other = "if the role is gone, set spec.config.impersonation.role to another name";
            found.push(drift(what, Mender::Spec(other)));
        }
    }
    if watched.keys != 1 {
        let what = format!("there are {} keys instead of one", watched.keys);
        found.push(drift(what, Mender::SystemAccount(vec![run(Section::ImpersonationKey)])));
    }
    found
}
