//! Why something isn't begun, in words that say what to do. A person who reads them is in trouble: nobody is told to
//! do what can't be done, or to remove what may be others'.

use kube::ResourceExt;

use super::error::Error;
use super::secret::{self, Former};
use crate::api::{CONFIRM_DELETE_ANNOTATION, Reason, RedshiftIntegration, TAKE_OVER_ANNOTATION};
use crate::lifecycle::by_hand::{self, Remnant};
use crate::lifecycle::obstacle::{self, Fate, Obstacle};
use crate::lifecycle::{AccountPower, Failure, Place, Refusal, Setup, proof};
use crate::scripts::show_identifier;

/// The passwords are gone, and with them the proof of what is ours.
pub struct LostProof<'a> {
    /// What is there with a name of ours.
    pub there: &'a [Remnant],
    /// Whether the account that looked could set new passwords, if the registry named us.
    pub power: AccountPower,
    /// Whether the Secret can be made again.
    pub restorable: bool,
    /// What goes on once a person has cleared it away; nothing where it is in use.
    pub then: Option<&'static str>,
}

impl LostProof<'_> {
    /// What there is to do, each way by itself.
    pub fn explain(&self, object: &RedshiftIntegration) -> Error {
        let mut ways = Vec::new();
        if self.restorable {
            ways.push("restore the Secret from a backup".to_owned());
        }
        if self.power == AccountPower::Lesser {
            ways.push(
                "put a superuser's credentials into the Secret that spec.config.credentialsSecretRef names, who can read in \
                 the database whose it is and set new passwords"
                    .to_owned(),
            );
        }
        ways.extend(self.then.map(|then| {
            format!(
                "if they are this integration's and nothing of others' is lost with them, let a superuser run: {}; then \
                 {then}",
                by_hand::removal(self.there)
            )
        }));
        Error::stalled(
            Reason::ProofLost,
            format!(
                "the passwords that the Secret {} held are lost, and without them it can't be proven whether these are this \
                 integration's: {}; {}",
                secret::name(object),
                by_hand::list(self.there),
                ways.join("; or ")
            ),
        )
    }
}

/// Why there is no plan; `foreign` is the reason where things of others' are in its way.
pub fn no_plan(refusal: Refusal, foreign: Reason) -> Error {
    match refusal {
        Refusal::Unproven(why) => Error::waiting(Reason::OwnershipUnknown, format!("whose it is can't be told: {why}")),
        Refusal::Foreign(what) => Error::stalled(foreign, what.join("; ")),
        Refusal::State(why) => Error::stalled(Reason::RegistryState, why),
    }
}

/// Users that go with the registry are not there under their names. `called` is what the system account is called by
/// now.
pub fn users_gone(setup: &Setup, gone: &[&str], called: Option<&str>) -> Error {
    let Setup { database, system_account, .. } = setup;
    let way = match called {
        Some(called) => format!(
            "the owner of the registry is called {called} now: give it its name back (ALTER USER {} RENAME TO {}), once no \
             other user has that",
            show_identifier(called),
            show_identifier(system_account)
        ),
        None => "if one was renamed, give it its name back, else drop the database if it is not needed".to_owned(),
    };
    let gone = gone.iter().map(|user| format!("the user {user}")).collect::<Vec<_>>().join(", ");
    Error::stalled(
        Reason::UsersGone,
        format!(
            "the registry in the database {database} is this integration's, and what goes with it is gone: {gone}; {way}"
        ),
    )
}

/// The account is there, its password isn't ours any more, and nobody here can read the registry.
pub fn refused_proof(object: &RedshiftIntegration) -> Error {
    Error::stalled(
        Reason::ProofLost,
        format!(
            "the password in the Secret {} is refused: somebody has changed it, or another integration took over; with a \
             superuser's credentials in the Secret that spec.config.credentialsSecretRef names it can be told, and the \
             deletion goes on",
            secret::name(object)
        ),
    )
}

/// The name of our Secret is taken by one that isn't ours.
pub fn secret_not_ours(object: &RedshiftIntegration, former: Option<&Former>, wanted: &Place) -> Error {
    let name = secret::name(object);
    let Some(former) = former else {
        return Error::stalled(
            Reason::SecretNotOurs,
            format!(
                "the Secret {name} is there and was not made for this resource; rename or delete it, or give the resource \
                 another name"
            ),
        );
    };
    // It may be the only key to what that one has in the warehouse: nobody is told to delete it.
    let uid = &former.integration_uid;
    let whose =
        format!("the Secret {name} was made for another resource, or for an earlier one of this name (UID {uid})");
    let message = match former.place() {
        Some(is) if !is.is_where(wanted) => format!(
            "{whose}, and is the key to what that has in the database {} on {} (databaseMode {}); give this resource \
             another name; or, to take over what is there, set spec.config to that place, and then: {}",
            is.setup.database,
            is.endpoint.host(),
            is.setup.database_mode.as_str(),
            take_over_command(object, &is.setup.database, uid)
        ),
        _ => format!(
            "{whose}, and is the key to what that has in the warehouse; if this resource is for another warehouse, give it \
             another name; else, to take over what is there: {}",
            take_over_command(object, &object.spec.config.database, uid)
        ),
    };
    Error::stalled(Reason::SecretNotOurs, message)
}

/// The command that takes over what another integration has left.
pub fn take_over_command(object: &RedshiftIntegration, database: &str, uid: &str) -> String {
    format!(
        "kubectl -n {} annotate rsi {} --overwrite {TAKE_OVER_ANNOTATION}={}",
        object.namespace().unwrap_or_default(),
        object.name_any(),
        proof::take_over(database, uid)
    )
}

/// A removal that would stop half-way isn't begun.
pub fn lacking_privileges(object: &RedshiftIntegration, admin: &str, lacking: &[String]) -> Error {
    let secret = object.spec.config.credentials_secret_ref.as_ref();
    Error::stalled(
        Reason::InsufficientPrivileges,
        format!(
            "nothing was removed, since {admin} may not remove all of it: {}; put the credentials that set the integration \
             up, or a superuser's, into the Secret {}",
            lacking.join(", "),
            secret.map_or("", |secret| &secret.name)
        ),
    )
}

/// Others' work is in the way of a deletion, and nobody has confirmed that it may go on, or nobody can.
pub fn unconfirmed(
    object: &RedshiftIntegration,
    database: &str,
    obstacles: &[Obstacle],
    unmoved: &[&Obstacle],
) -> Error {
    let list = |obstacles: &[&Obstacle]| {
        obstacles.iter().map(|obstacle| obstacle.text.as_str()).collect::<Vec<_>>().join("; ")
    };
    let stays: Vec<_> = unmoved.iter().copied().filter(|obstacle| obstacle.fate == Fate::Stays).collect();
    let way_on = if stays.is_empty() {
        format!(
            "move, drop or revoke it, or, to have objects in the managed database dropped and privileges revoked: kubectl \
             -n {} annotate rsi {} --overwrite {CONFIRM_DELETE_ANNOTATION}={}",
            object.namespace().unwrap_or_default(),
            object.name_any(),
            obstacle::confirmation(database, obstacles)
        )
    } else if stays.len() == unmoved.len() {
        "all of it must be moved, dropped or revoked by hand in any case".to_owned()
    } else {
        format!("what must be moved, dropped or revoked by hand in any case: {}", list(&stays))
    };
    Error::stalled(
        Reason::ForeignObjects,
        format!(
            "nothing was removed, since others' work would be lost or something left behind that nobody owns: {}; {way_on}",
            list(unmoved)
        ),
    )
}

/// What a deletion needs of what the spec names and didn't find.
pub fn what_is_missing(object: &RedshiftIntegration, failure: &Failure) -> Option<String> {
    let config = &object.spec.config;
    match failure.reason {
        Reason::SecretMissing => Some(format!("the Secret {}", config.credentials_secret_ref.as_ref()?.name)),
        Reason::CaBundleMissing => {
            let bundle = config.tls.ca_bundle_ref.as_ref()?;
            Some(format!("the {:?} {}", bundle.kind, bundle.name))
        }
        _ => None,
    }
}

/// What a deletion says that misses something which can't be made again.
pub fn went_with_the_namespace(object: &RedshiftIntegration, place: &Place, what: &str) -> String {
    format!(
        "the namespace {} is being deleted, {what} went before the integration could be removed from the warehouse, and \
         nothing can be created in this namespace any more; let a superuser remove the integration by hand, after a look at \
         what others have put there: in the warehouse {}:{}, run: {}; then let go of the resource",
        object.namespace().unwrap_or_default(),
        place.endpoint.host(),
        place.endpoint.port(),
        by_hand::removal(&by_hand::remnants(&place.setup))
    )
}
