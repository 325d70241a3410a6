//! What isn't as it was set up, and what mends it. The message is made of the very sections that mend it.

use super::checks::{CLAIM, GRANTS, IMPERSONATION, OBJECTS, Watched};
use super::contents::{Own, OwnKind, PROCEDURES_SCHEMA, USER_PROFILE};
use super::definitions::Defined;
use super::obstacle::{Grant, Grantable};
use super::{AccountPower, Member, Mend, Seen, Setup, Subject, parameters};
use crate::api::Remedy;
use crate::scripts::{CLAIM_USER, Section, statements};

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
    pub fn remedies(&self, setup: &Setup) -> Vec<Remedy> {
        let Setup { database, system_account, .. } = setup;
        match &self.mender {
            Mender::SystemAccount(mends) => {
                shown(mends, setup, &format!("in the database {database}, as {system_account} or a superuser"))
            }
            Mender::Superuser(mends) => shown(mends, setup, &format!("in the database {database}, as a superuser")),
            Mender::SuperuserIf(condition, mends) => shown(mends, setup, &format!("as a superuser, {condition}")),
            Mender::Spec(what) | Mender::Person(what) => vec![Remedy::new(*what)],
        }
    }
}

/// The statements; one that is long, or holds a secret, is the operator's to execute.
fn shown(mends: &[Mend], setup: &Setup, whoever: &str) -> Vec<Remedy> {
    let render = |mend: &Mend| {
        statements(mend.section, &parameters(setup, AccountPower::Lesser, &mend.subject)).unwrap_or_default()
    };
    let texts: Vec<_> =
        mends.iter().map(render).map(|found| found.iter().map(|it| it.text().to_owned()).collect::<Vec<_>>()).collect();
    if texts.iter().any(|texts| texts.is_empty() || texts.iter().any(|text| text.contains('\n'))) {
        return vec![Remedy::new("with spec.repair set to true, the operator executes again what made it")];
    }
    texts.into_iter().flatten().map(|text| Remedy::command(whoever, text)).collect()
}

const RESTORE: &str = "restore the database; or delete the resource and create it anew";

/// All that isn't as it was set up.
#[must_use]
pub fn drift(watched: &Watched) -> Vec<Drift> {
    let mut found = missing(watched);
    found.extend(changed(watched));
    found.extend(owners(watched));
    found.extend(claim(watched));
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
            OwnKind::Relation if format!("{schema}.{name}") == USER_PROFILE => {
                let mends = vec![run(Section::UserProfile), run(Section::OpenUserProfile)];
                (format!("relation {schema}.{name}"), Mender::SystemAccount(mends))
            }
            OwnKind::Relation => (format!("relation {schema}.{name}"), Mender::Person(RESTORE)),
            OwnKind::Procedure => (format!("procedure {schema}.{name}"), Mender::SystemAccount(making_of(name))),
        };
        Drift { test: OBJECTS, what: format!("{what} is missing"), mender }
    };
    watched.contents.missing(&watched.registry.setup).into_iter().map(drift).collect()
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
                (format!("the view {view} has another text"), Mender::SystemAccount(vec![run(Section::UserProfile)]))
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

/// What is held on our own objects, beyond what everybody is to hold.
fn grants(watched: &Watched) -> Vec<Drift> {
    let mut found = Vec::new();
    for own in watched.contents.own() {
        let meant = meant_for_public(&own);
        let public = own.acl.of_public();
        let (schema, name) = (own.schema, own.name);
        let lacks = meant.chars().any(|privilege| !public.contains(privilege));
        let exceeds = is_more_than(public, meant);
        let (opens, closes): (Option<Mend>, Mend) = match own.kind {
            OwnKind::Schema => {
                (Some(run_on(Section::OpenSchema, schema, name)), run_on(Section::CloseSchema, schema, name))
            }
            OwnKind::Relation if meant.is_empty() => (None, run_on(Section::CloseRelation, schema, name)),
            OwnKind::Relation => (Some(run(Section::OpenUserProfile)), run_on(Section::CloseRelation, schema, name)),
            OwnKind::Procedure => (None, run_on(Section::CloseProcedure, schema, name)),
        };
        if exceeds {
            // What takes more than that away is followed by what gives the rest back.
            let again = (own.kind == OwnKind::Relation).then(|| opens.clone()).flatten();
            let what = match own.kind {
                OwnKind::Procedure => format!("everybody may call {schema}.{name}"),
                OwnKind::Relation => format!("PUBLIC has privileges on {schema}.{name}"),
                OwnKind::Schema => format!("everybody may create objects in the schema {schema}"),
            };
            let test = if own.kind == OwnKind::Procedure { IMPERSONATION } else { GRANTS };
            let mends = [closes].into_iter().chain(again).collect();
            found.push(Drift { test, what, mender: Mender::SystemAccount(mends) });
        } else if lacks {
            let what = match own.kind {
                OwnKind::Schema => format!("PUBLIC can't use the schema {schema}"),
                _ => format!("PUBLIC can't read {schema}.{name}"),
            };
            let mends = opens.into_iter().collect();
            found.push(Drift { test: GRANTS, what, mender: Mender::SystemAccount(mends) });
        }
        found.extend(of_others(watched, &own, meant));
    }
    found
}

/// What everybody is to hold on it, by the letters of the catalogue.
fn meant_for_public(own: &Own<'_>) -> &'static str {
    match own.kind {
        OwnKind::Schema => "U",
        OwnKind::Relation if format!("{}.{}", own.schema, own.name) == USER_PROFILE => "r",
        OwnKind::Relation | OwnKind::Procedure => "",
    }
}

fn is_more_than(held: &str, meant: &str) -> bool {
    held.chars().any(|privilege| privilege != '*' && !meant.contains(privilege))
}

/// Users, groups and roles that hold more than everybody is to hold. What is no more than that harms nobody: `GRANT … ON
/// ALL TABLES IN SCHEMA` gives it in passing.
fn of_others(watched: &Watched, own: &Own<'_>, meant: &str) -> Vec<Drift> {
    let setup = &watched.registry.setup;
    let role = setup.impersonation_role.as_deref();
    let may_call = |holder: &str| {
        own.kind == OwnKind::Procedure && role.is_some_and(|role| holder.trim_start_matches("role ") == role)
    };
    let is_ours = |holder: &str| holder == watched.account_name || holder == setup.system_account || may_call(holder);
    // Whoever owns it holds everything: that it isn't ours is told already.
    if watched.account.as_ref().is_some_and(|account| own.owner != account) {
        return Vec::new();
    }
    let more = own.acl.holders().filter(|(holder, held)| !is_ours(holder) && is_more_than(held, meant));
    let drift = |(holder, _): (&str, &str)| {
        let revoke = |section, subject| Mender::SystemAccount(vec![Mend { section, subject }]);
        let grant = |on| {
            Subject::Grant(Grant {
                database: setup.database.clone(),
                on,
                grantee: Member::User(holder.to_owned(), false),
                grantor: setup.system_account.clone(),
            })
        };
        let mender = match own.kind {
            _ if holder.starts_with("group ") || holder.starts_with("role ") => {
                Mender::Person("revoke all privileges on it from them, as the system account or a superuser")
            }
            OwnKind::Schema => revoke(Section::RevokeOnSchema, grant(Grantable::Schema(own.schema.to_owned()))),
            OwnKind::Relation => {
                let on = Grantable::Relation(own.schema.to_owned(), own.name.to_owned());
                revoke(Section::RevokeOnRelation, grant(on))
            }
            OwnKind::Procedure => {
                let on = Grantable::Relation(own.schema.to_owned(), own.name.to_owned());
                revoke(Section::RevokeProcedure, grant(on))
            }
        };
        let test = if own.kind == OwnKind::Procedure { IMPERSONATION } else { GRANTS };
        Drift { test, what: format!("{holder} has privileges on {own}"), mender }
    };
    more.map(drift).collect()
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
