//! Manual mode: a person runs the scripts, and the operator publishes them, looks, and says what it sees. For the
//! integration itself it only reads; a rotation is the system account's own matter, and needs nobody.

mod find;
mod passwords;
mod published;
mod removal;
mod verify;

use kube::ResourceExt;

pub use self::published::withdraw;
pub use self::removal::run as remove;

use self::find::{Found, find};
use self::published::{Scripts, publish};
use self::verify::{enable, remember};
use super::error::Error;
use super::validate::{self, Inside, Seen as Look};
use super::work::Work;
use super::{create, edit, look, policy_views, remedies, resource, rotate};
use crate::api::{Phase, Reason, Remedy};
use crate::lifecycle::manual::{self, Script, Secrets, Source};
use crate::lifecycle::{
    self, AccountPower, Activity, Failure, Place, Registry, RegistryState, Schema, Seen, Setup, SystemAccount, Unseen,
    Wanted,
};
use crate::lifecycle::{by_hand, checks};
use crate::ports::{Key, World};

/// What sets things up.
const SET_UP: [Script; 3] =
    [Script::InitialCreate(AccountPower::Superuser), Script::InitialCreate(AccountPower::Lesser), Script::Create];

/// Goes on with it: until it is enabled, or as long as it is.
pub async fn run<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, account: Option<SystemAccount>) {
    match account {
        // The ids come into the Secret with the verification: they tell where status was lost.
        Some(account) if account.ids.is_some() => watch_over(work, wanted, &account).await,
        _ if work.status().was_enabled() => passwords::renew(work, wanted).await,
        account => {
            work.begin(Phase::Creating, Reason::Creating, "the integration is being set up");
            if let Err(error) = set_up(work, wanted, account).await {
                let failure = error.failure();
                if let Error::Connect(_) = error {
                    work.outcome.tests =
                        checks::of_a_beginning(&checks::unwatched(wanted, checks::CONNECTION, &failure));
                }
                work.stop(Phase::CreateError, failure);
            }
        }
    }
}

async fn set_up<W: World>(
    work: &mut Work<'_, W>,
    wanted: &Wanted,
    account: Option<SystemAccount>,
) -> Result<(), Error> {
    refuse_if_held(work, wanted)?;
    let account = write_ahead(work, wanted, account).await?;
    publish(work, &scripts(work, wanted, None, &SET_UP, Secrets::Shown)?).await?;
    let found = find(work, wanted, &account, &wanted.place.endpoint).await?;
    let mut place = wanted.place.clone();
    if let Some(name) = found.account_name() {
        place.setup.system_account = name;
    }
    if !matches!(found, Found::Nothing) && work.outcome.created.is_none() {
        // From here on the warehouse is this integration's, and what says where it is can't be edited any more.
        work.record_plan(&place).await?;
    }
    if place != wanted.place {
        // A script from before the spec was changed.
        return Err(begun_elsewhere(&place, &wanted.place).into());
    }
    let database = &wanted.place.setup.database;
    let first = SET_UP[0].file_name();
    let begun = |what: String| {
        format!("{first} was begun and isn't done: {what}; run it again: it says from which step to go on")
    };
    let (message, scripts) = match found {
        Found::Nothing => {
            work.outcome.activity = Activity::Awaiting(nothing_opens(work, wanted));
            return Ok(());
        }
        Found::Claim => {
            let name = &wanted.place.setup.system_account;
            (begun(format!("there is no user {name} with the password in the script")), &SET_UP[..])
        }
        Found::Account { .. } => (begun(format!("there is no database {database}")), &SET_UP[..]),
        Found::Full => {
            let name = &wanted.place.setup.system_account;
            let message = format!("the server lets {name} open no connection");
            return Err(Failure::waiting(Reason::TooManyConnections, message).into());
        }
        Found::Inside(inside) => match look_inside(work, wanted, inside).await? {
            Awaited::InitialCreate(lacking) => (begun(lacking), &SET_UP[..]),
            Awaited::Create(message) => (message, &SET_UP[2..]),
            Awaited::Nothing => return Ok(()),
        },
    };
    work.outcome.activity = Activity::Awaiting(awaited(work, message, scripts));
    Ok(())
}

/// Nothing is there, as far as the passwords in the Secret tell. They may be others than those in a script that was run.
fn nothing_opens<W: World>(work: &Work<'_, W>, wanted: &Wanted) -> Failure {
    let (setup, first) = (&wanted.place.setup, SET_UP[0].file_name());
    let run = format!(
        "waiting for a person who runs {first} in the database {}, and then {} in the database {}",
        wanted.initial_database,
        Script::Create.file_name(),
        setup.database
    );
    if work.outcome.created.is_none() {
        return awaited(work, run, &SET_UP).remedy(Remedy::new(format!(
            "if {first} says that the users are there already, and no other integration has this warehouse: an old script has \
             made them, with passwords that are lost; drop what it has made, and run {first}"
        )));
    }
    let message = format!(
        "what was begun can't be entered with the passwords in the Secret {}: those before were lost, or changed, or the \
         users were dropped; {run}",
        resource::secret_name(&work.object)
    );
    let anew = Remedy::new(format!(
        "if {first} says that the users are there already: restore the Secret from a backup, or remove what was begun by hand, \
         if it is this integration's and nothing of others' is lost with it, and run {first}"
    ));
    let begun = super::remove::place(work).setup;
    awaited(work, message, &SET_UP).remedy(anew).remedies(by_hand::removal(&by_hand::remnants(&begun)))
}

/// Another resource of this cluster was first.
fn refuse_if_held<W: World>(work: &mut Work<'_, W>, wanted: &Wanted) -> Result<(), Error> {
    if work.outcome.created.is_some() {
        return Ok(());
    }
    let Some(holder) = work.context.recorded_holder(&wanted.place.endpoint, &work.object) else { return Ok(()) };
    let test = checks::held_by(wanted.place.endpoint.host(), &Key::of(&holder).to_string());
    let failure = create::prerequisites(&test, std::slice::from_ref(&test));
    work.outcome.tests = checks::of_a_beginning(&[test]);
    Err(failure.into())
}

/// Finalizer and Secret, before a person can run anything.
async fn write_ahead<W: World>(
    work: &mut Work<'_, W>,
    wanted: &Wanted,
    account: Option<SystemAccount>,
) -> Result<SystemAccount, Error> {
    work.add_finalizer().await?;
    match account {
        None => work.create_secret(&wanted.place).await?,
        Some(account) if account.place == wanted.place => {}
        Some(account) if account.place.is_where(&wanted.place) => work.move_secret(&wanted.place).await?,
        Some(account) if work.outcome.created.is_none() => {
            // It may have been run where the spec led before.
            let endpoint = &account.place.endpoint;
            if !matches!(find(work, wanted, &account, endpoint).await, Ok(Found::Nothing) | Err(_)) {
                let former = account.place.clone();
                work.record_plan(&former).await?;
                return Err(begun_elsewhere(&former, &wanted.place).into());
            }
            work.move_secret(&wanted.place).await?;
        }
        Some(_) => {}
    }
    Ok(work.account.clone().expect("it was there, or was made"))
}

/// What a person has begun can't be renamed or moved before it is done.
fn begun_elsewhere(former: &Place, wanted: &Place) -> Failure {
    let Place { endpoint, setup } = former;
    let message = format!(
        "the set-up was begun with the system account {} in the database {} on {endpoint}",
        setup.system_account, setup.database
    );
    let back = if former.is_where(wanted) { "spec.config.systemAccount.name" } else { "spec.config" };
    Failure::stalled(Reason::RecordedElsewhere, message)
        .remedy(Remedy::new(format!("set {back} back to that; once it is enabled, the account can be renamed")))
        .remedy(Remedy::new("or delete the resource, and create it anew"))
}

/// The scripts for what is wanted, where something else may be `applied`.
fn scripts<W: World>(
    work: &Work<'_, W>,
    wanted: &Wanted,
    applied: Option<&Setup>,
    which: &[Script],
    secrets: Secrets,
) -> Result<Scripts, Error> {
    let (namespace, name, uid) = (work.object.namespace().unwrap_or_default(), work.object.name_any(), work.uid());
    let account = work.account.as_ref().expect("the Secret is made before the scripts");
    let source = Source { wanted, namespace: &namespace, name: &name, uid: &uid, account, applied };
    which.iter().map(|script| Ok((script.file_name(), manual::script(*script, &source, secrets)?))).collect()
}

/// What a person is to do.
fn awaited<W: World>(work: &Work<'_, W>, message: String, scripts: &[Script]) -> Failure {
    let fetch = scripts.iter().map(|script| {
        let file = script.file_name();
        let description = match script {
            Script::InitialCreate(AccountPower::Lesser) => {
                "in its place, for an administrator who is no superuser".to_owned()
            }
            _ => format!("fetch {file}: its first lines say how it is run"),
        };
        Remedy::command(description, remedies::fetch_script(&work.object, file))
    });
    Failure::waiting(Reason::AwaitingScript, message)
        .remedies(fetch.collect::<Vec<_>>())
        .remedy(remedies::look_now(&work.object))
}

/// What is still to be run, and why, where the system account is in the managed database.
enum Awaited {
    /// The end of the first script.
    InitialCreate(String),
    /// The second one.
    Create(String),
    /// Nothing.
    Nothing,
}

/// What the first script gives the system account, and it doesn't have.
async fn lacking<W: World>(inside: &Inside<W>, wanted: &Wanted) -> Result<Option<String>, Error> {
    let (setup, name) = (&wanted.place.setup, inside.credentials.user.to_string());
    let role = setup.impersonation_role.as_deref();
    let own_roles = look::own_roles(&inside.session, &name).await?;
    if let Some(role) = role.filter(|role| own_roles.get(*role) != Some(&true)) {
        return Ok(Some(format!("{name} may not grant the role {role}")));
    }
    let id = look::our_users(&inside.session, &name).await?.remove(&name);
    let acls = look::database_acls(&inside.session).await?;
    let here = acls.iter().find(|here| here.database == setup.database);
    let may_create = here.is_some_and(|here| {
        Some(&here.owner) == id.as_ref()
            || here.acl.holders().any(|(holder, held)| holder == name && held.contains('C'))
    });
    Ok((!may_create).then(|| format!("{name} may not create schemas in the database {}", setup.database)))
}

/// The system account is in the managed database: what is still to be run, if anything is; else it is verified and enabled.
async fn look_inside<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, inside: Inside<W>) -> Result<Awaited, Error> {
    let (database, file) = (&wanted.place.setup.database, Script::Create.file_name());
    let tests = [
        checks::verified(wanted.tls_mode),
        checks::passed(checks::CONNECTION, format!("logged in to {database} as {}", inside.credentials.user)),
    ];
    work.outcome.tests = checks::of_a_beginning(&tests);
    if !look::contents(&inside.session).await?.has_registry() {
        return match lacking(&inside, wanted).await? {
            Some(lacking) => Ok(Awaited::InitialCreate(lacking)),
            None => Ok(Awaited::Create(format!("waiting for a person who runs {file} in the database {database}"))),
        };
    }
    let registry = own_registry(work, &inside, database).await?;
    match registry.state {
        RegistryState::Applying => {
            if let Some(lacking) = lacking(&inside, wanted).await? {
                return Ok(Awaited::InitialCreate(lacking));
            }
            let message = format!("{file} was begun and isn't done; run it again: it says from which step to go on");
            Ok(Awaited::Create(message))
        }
        RegistryState::Deleting => {
            let message = format!("the registry in the database {database} says that the integration is being deleted");
            let way_out = Remedy::new("delete this resource too, and create it anew");
            Err(Failure::stalled(Reason::RegistryState, message).remedy(way_out).into())
        }
        RegistryState::Complete => {
            if registry.schema() != Schema::Current {
                return Err(registry.failure_of_schema().into());
            }
            if registry.setup != wanted.place.setup || registry.applied_hash != wanted.place.setup.hash() {
                return Err(stale(&registry).into());
            }
            enable(work, wanted, inside, registry).await.map(|()| Awaited::Nothing)
        }
    }
}

/// The registry, if it is this integration's.
async fn own_registry<W: World>(work: &Work<'_, W>, inside: &Inside<W>, database: &str) -> Result<Registry, Error> {
    let registry = match look::registry(&inside.session, database).await? {
        Ok(registry) => registry,
        Err(why) => return Err(unreadable(work, inside, database, &why).await?.into()),
    };
    if registry.integration_uid == work.uid() {
        return Ok(registry);
    }
    let message = format!(
        "the registry in the database {database} names the integration {}, not this one ({})",
        registry.integration_uid,
        work.uid()
    );
    Err(Failure::stalled(Reason::NotOurs, message).into())
}

/// The account may not read the registry: another one of those that scripts were made for may have made it.
async fn unreadable<W: World>(
    work: &Work<'_, W>,
    inside: &Inside<W>,
    database: &str,
    why: &str,
) -> Result<Failure, Error> {
    let contents = look::contents(&inside.session).await?;
    let own = inside.credentials.user.to_string();
    for name in work.account.iter().flat_map(SystemAccount::account_names).filter(|name| *name != own) {
        let users = look::our_users(&inside.session, name).await?;
        if users.get(name).is_some_and(|id| Some(id) == contents.registry_owner()) {
            return Ok(set_up_by_an_old_script(
                &format!("with the system account {name}"),
                "set spec.config.systemAccount.name to that; once it is enabled, the account can be renamed",
            ));
        }
    }
    let message = format!("the registry in the database {database} can't be read: {why}");
    Ok(Failure::stalled(Reason::RegistryUnreadable, message))
}

/// A script was run that was made before the spec was changed.
fn stale(registry: &Registry) -> Failure {
    let role = registry.setup.impersonation_role.as_deref();
    let was = role
        .map_or_else(|| "without impersonation".to_owned(), |role| format!("with impersonation by the role {role}"));
    set_up_by_an_old_script(
        &was,
        "set spec.config.impersonation to that: once it is enabled, a change of it is an edit, and there is a script for that",
    )
}

fn set_up_by_an_old_script(how: &str, way_out: &str) -> Failure {
    let message = format!("an old script was run: it has set the integration up {how}");
    Failure::stalled(Reason::RegistryState, message).remedy(Remedy::new(way_out))
}

async fn watch_over<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, account: &SystemAccount) {
    let (uid, mut is_recorded) = (work.uid(), false);
    loop {
        // A rotation changes what the Secret says.
        let account = work.account.clone().unwrap_or_else(|| account.clone());
        let (mut look, inside) = match validate::look(work, wanted, &account).await {
            Ok(found) => found,
            Err(unwatched) => return validate::report_failure(work, wanted, &account, unwatched),
        };
        // What policy-enforced views stand on is the operator's own work, and so is the record of how the server shows it.
        if look.watched.registry.has_policy_views() && look.watched.unrecorded(&uid).is_some() && !is_recorded {
            if let Err(error) = validate::record(work, wanted, look, inside).await {
                return validate::report_failure(work, wanted, &account, error.into());
            }
            is_recorded = true;
            continue;
        }
        remember(&mut look.watched, &account);
        if rotate::is_begun(&uid, &look, &account) {
            if rotate::run(work, wanted, &look, inside).await {
                continue;
            }
            return;
        }
        if edit::is_due(&uid, &look, wanted, &account) {
            let result = edit(work, wanted, look, inside).await;
            return result.unwrap_or_else(|error| work.stop(Phase::EditError, error.failure()));
        }
        if lifecycle::policy_views::is_due(&uid, &look.watched, wanted) {
            if policy_views::run(work, wanted, &look, inside).await {
                continue;
            }
            return;
        }
        if rotate::is_due(work, wanted, &look, &account) {
            rotate::run(work, wanted, &look, inside).await;
            return;
        }
        validate::report(work, wanted, &look);
        if let Err(error) = take_passwords_out(work, wanted).await {
            work.outcome.activity = Activity::Stopped(error.failure());
        }
        return;
    }
}

/// What was run is a credential as long as the digest of a password stands in it.
async fn take_passwords_out<W: World>(work: &Work<'_, W>, wanted: &Wanted) -> Result<(), Error> {
    publish(work, &scripts(work, wanted, None, &SET_UP, Secrets::TakenOut)?).await
}

/// What is registered isn't what is wanted: a person is to run the difference. Or it is what is wanted, since a person has, and
/// the Secret doesn't say so yet.
async fn edit<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, look: Look, inside: Inside<W>) -> Result<(), Error> {
    let (registry, setup) = (&look.watched.registry, &wanted.place.setup);
    let tests = checks::watch(wanted, &look.watched, &work.uid());
    work.begin(Phase::Editing, Reason::Editing, "the integration is being edited");
    work.outcome.ready = Some(checks::first_failure(&tests).is_none());
    work.outcome.tests = tests;
    if registry.setup == *setup && registry.applied_hash == setup.hash() && look.account_name == setup.system_account {
        return enable(work, wanted, inside, look.watched.registry).await;
    }
    // The names that are to come, before a person can run anything.
    let account = work.account.as_ref().expect("it has logged in with what the Secret says");
    if !account.names(setup) {
        work.record_next(setup).await?;
    }
    if !work.status().was_enabled() {
        let place = Place { endpoint: wanted.place.endpoint.clone(), setup: registry.setup.clone() };
        work.outcome.created = Some(place.created(Some(registry.applied_hash.clone())));
    }
    work.record_plan(&wanted.place).await?;
    let applied = look.watched.setup();
    publish(work, &scripts(work, wanted, Some(&applied), &[Script::Edit], Secrets::Shown)?).await?;
    let hidden = Seen::No(Unseen::Hidden { from: look.account_name });
    let message = format!(
        "waiting for a person who runs {} in the database {}: {}",
        Script::Edit.file_name(),
        setup.database,
        edit::describe(&applied, setup, &hidden)
    );
    work.outcome.activity = Activity::Awaiting(awaited(work, message, &[Script::Edit]));
    Ok(())
}
