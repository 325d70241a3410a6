//! Whether what a person has made is what the scripts make; then it is enabled.

use super::find::{Left, enter, left_behind, opens};
use super::take_passwords_out;
use crate::api::{DatabaseMode, Reason, Remedy};
use crate::lifecycle::checks::{self, Test, Watched};
use crate::lifecycle::manual::{self, Script, Shown};
use crate::lifecycle::{Failure, Outcome, Registry, Seen, Setup, SystemAccount, UserIds, Wanted, brief, by_hand};
use crate::ports::World;
use crate::reconcile::integration::error::Error;
use crate::reconcile::integration::validate::Inside;
use crate::reconcile::integration::work::Work;
use crate::reconcile::integration::{look, remedies, resource};
use crate::scripts::{CLAIM_USER, show_identifier};

/// Verifies what a person has made, and remembers how the server shows it.
pub async fn enable<W: World>(
    work: &mut Work<'_, W>,
    wanted: &Wanted,
    inside: Inside<W>,
    registry: Registry,
) -> Result<(), Error> {
    let name = inside.credentials.user.to_string();
    let (mut watched, shown) = look::watched_and_shown(&inside.session, registry, &name).await?;
    let tests = verified(work, wanted, &inside, &watched, shown).await?;
    work.outcome.tests = checks::of_a_beginning(&tests);
    if let Some(failure) = Failure::of_validation(&tests) {
        // A person mends them all at once.
        let failed = tests.iter().filter(|test| test.has_failed());
        let message = failed.map(|test| format!("{}: {}", test.name, test.message)).collect::<Vec<_>>().join("; ");
        return Err(Failure { message, ..failure }.into());
    }
    let (Some(claim), Some(account)) = (watched.claim.clone(), watched.account.clone()) else {
        let message = "the users that were made aren't listed in pg_user";
        return Err(Failure::waiting(Reason::StatementFailed, message).into());
    };
    let definitions = match &watched.definitions {
        Seen::Yes(definitions) => Some(definitions.clone()),
        Seen::No(_) => None,
    };
    work.settle_verified(&wanted.place, UserIds { claim, account }, definitions).await?;
    if let Some(account) = &work.account {
        remember(&mut watched, account);
    }
    let said = format!(
        "the digests of the passwords are out of the Secret {}; whoever has kept a script has them still, until they are \
         rotated: {}",
        resource::scripts_name(&work.object),
        remedies::rotate(&work.object)
    );
    work.outcome = Outcome::of_look(&work.status(), &work.uid(), wanted, &watched);
    take_passwords_out(work, wanted).await?;
    work.tell(Reason::Verified, "Create", said);
    Ok(())
}

/// Every test of what was made, and what only the texts tell.
async fn verified<W: World>(
    work: &Work<'_, W>,
    wanted: &Wanted,
    inside: &Inside<W>,
    watched: &Watched,
    shown: Seen<Shown>,
) -> Result<Vec<Test>, Error> {
    let setup = &wanted.place.setup;
    let mut tests = checks::watch(wanted, watched, &work.uid());
    let callers = look::with_callers_rights(&inside.session, &watched.contents).await?;
    let mut fail = |failed: Test| match tests.iter_mut().find(|test| test.name == failed.name) {
        Some(test) if !test.has_failed() => *test = failed,
        _ => {}
    };
    let mut differences = match shown {
        Seen::Yes(shown) => manual::differences(setup, &shown)?,
        Seen::No(_) => Vec::new(),
    };
    differences.extend(callers.into_iter().map(manual::with_callers_rights));
    if !differences.is_empty() {
        fail(checks::failed(checks::OBJECTS, brief::list(&differences)).remedy(Remedy::new(format!(
            "in the database {}, as {}, run the statements of the script {} again that make it; a table can only be made anew \
             with everything: delete the resource, and create it anew",
            setup.database,
            setup.system_account,
            Script::Create.file_name()
        ))));
    }
    let account = work.account.as_ref().expect("it has logged in with what the Secret says");
    if watched.claim.is_some()
        && opens(work, &inside.target, &account.claim_credentials(), &wanted.initial_database).await?.is_none()
    {
        let secret = resource::secret_name(&work.object);
        let message = format!("the user {CLAIM_USER} has another password than the one in the Secret {secret}");
        fail(checks::failed(checks::CLAIM, message).remedy(Remedy::command(
            "unless another integration has this warehouse: set its password to the claimPassword there, as a superuser",
            format!("ALTER USER {} PASSWORD '…'", show_identifier(CLAIM_USER)),
        )));
    }
    let others = account.account_names().filter(|name| *name != setup.system_account);
    let others: Vec<_> = others.flat_map(|name| account.credentials(name)).collect();
    let mut of_others = Vec::new();
    if let Some((session, user)) = enter(work, &inside.target, &others, &wanted.initial_database).await? {
        let mut left = left_behind(&session, account, user).await?;
        left.roles.retain(|role| setup.impersonation_role.as_ref() != Some(role));
        fail(checks::failed(checks::LOGIN, left.said()).remedies(drop_user(setup, &left)));
        of_others = left.roles;
    }
    let is_ours =
        |role: &&str| setup.impersonation_role.as_deref() != Some(*role) && watched.own_roles.get(*role) == Some(&true);
    let left: Vec<_> = account.roles().filter(is_ours).filter(|role| !of_others.iter().any(|it| it == role)).collect();
    if !left.is_empty() {
        let message = format!("an old script has left the role {}", brief::list(left.iter().copied()));
        let drop = |role: &&str| Remedy::command("as a superuser", by_hand::drop_role(role));
        fail(checks::failed(checks::GRANTS, message).remedies(left.iter().map(drop).collect::<Vec<_>>()));
    }
    Ok(tests)
}

/// Drops a user that an old script has left, with its roles, and takes from it what stands in the way of that.
fn drop_user(setup: &Setup, left: &Left) -> Vec<Remedy> {
    let Setup { database, database_mode, system_account, impersonation_role } = setup;
    let [database, account, name] = [database, system_account, left.user.as_str()].map(show_identifier);
    let is_created = *database_mode == DatabaseMode::Create;
    let owner = is_created.then(|| format!("ALTER DATABASE {database} OWNER TO {account}"));
    let role = impersonation_role.as_ref();
    let role = role.map(|role| format!("ALTER ROLE {} OWNER TO {account}", show_identifier(role)));
    let revoke = format!("REVOKE ALL PRIVILEGES ON DATABASE {database} FROM {name}");
    let all = owner.into_iter().chain(role).chain([revoke]).chain(left.removal());
    all.map(|statement| Remedy::command("one after the other, as a superuser", statement)).collect()
}

/// What the registry holds in automatic mode, the Secret holds in manual mode: the operator writes nothing into the former.
pub fn remember(watched: &mut Watched, account: &SystemAccount) {
    let registry = &mut watched.registry;
    if registry.definitions.is_none() && registry.setup == account.place.setup {
        registry.definitions.clone_from(&account.definitions);
        registry.claim_user_id = account.ids.as_ref().map(|ids| ids.claim.clone());
    }
}
