//! Why something isn't begun, and what can be done about it. A person who reads it is in trouble: nobody is told to do
//! what can't be done, or to remove what may be others'.

use kube::ResourceExt;

use super::error::Error;
use super::remedies;
use super::resource::secret_name;
use crate::api::{CONFIRM_DELETE_ANNOTATION, Reason, RedshiftIntegration, Remedy, TAKE_OVER_ANNOTATION};
use crate::lifecycle::by_hand::{self, Remnant};
use crate::lifecycle::obstacle::{self, Fate, Obstacle};
use crate::lifecycle::{AccountPower, Failure, Place, Refusal, Setup, brief, queries, word};
use crate::scripts::{quote_identifier, show_identifier};

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
            ways.push(Remedy::new("restore the Secret from a backup"));
        }
        if self.power == AccountPower::Lesser {
            let for_what = "they can read in the database whose it is, and set new passwords";
            ways.push(remedies::a_superusers_credentials(for_what));
        }
        if let Some(then) = self.then {
            ways.push(Remedy::new(format!(
                "or remove them by hand, if they are this integration's and nothing of others' is lost with them; then {then}"
            )));
            ways.extend(by_hand::removal(self.there));
        }
        let message = format!(
            "the passwords in the Secret {} are lost; without them nothing proves that these are this integration's: {}",
            secret_name(object),
            by_hand::list(self.there)
        );
        Failure::stalled(Reason::ProofLost, message).remedies(ways).into()
    }
}

/// Why there is no plan; `foreign` is the reason where things of others' are in its way.
pub fn no_plan(refusal: Refusal, foreign: Reason) -> Error {
    let unknown = |why: &str| format!("whose it is can't be told: {why}");
    match refusal {
        Refusal::Unproven(why) => Failure::waiting(Reason::OwnershipUnknown, unknown(&why)),
        Refusal::LockedOut(why) => Failure::stalled(Reason::OwnershipUnknown, unknown(&why))
            .remedy(remedies::a_superusers_credentials("the password is set again with them")),
        Refusal::Foreign(what) => Failure::stalled(foreign, what),
        Refusal::State(why, way_out) => Failure::stalled(Reason::RegistryState, why).remedy(Remedy::new(way_out)),
    }
    .into()
}

/// Users that go with the registry are not there under their names. `called` is what the system account is called by
/// now.
pub fn users_gone(setup: &Setup, gone: &[&str], called: Option<&str>) -> Error {
    let Setup { database, system_account, .. } = setup;
    let gone = gone.iter().map(|user| format!("the user {user}"));
    let message = format!(
        "the registry in the database {database} is this integration's, and what goes with it is gone: {}",
        brief::list(gone)
    );
    let failure = Failure::stalled(Reason::UsersGone, message);
    match called {
        Some(called) => {
            let renaming =
                format!("ALTER USER {} RENAME TO {}", show_identifier(called), show_identifier(system_account));
            let description = format!(
                "the owner of the registry is called {called} now: give it its name back, once no other user has that"
            );
            let is_one_name = quote_identifier(called).is_ok();
            failure.remedy(Remedy { description, command: is_one_name.then_some(renaming) })
        }
        None => failure.remedy(Remedy::new(
            "if one was renamed, give it its name back; else drop the database, if it is not needed",
        )),
    }
    .into()
}

/// The account is there, its password isn't ours any more, and nobody here can read the registry.
pub fn refused_proof(object: &RedshiftIntegration) -> Error {
    let message = format!(
        "the password in the Secret {} is refused: somebody has changed it, or another integration took over",
        secret_name(object)
    );
    Failure::stalled(Reason::ProofLost, message)
        .remedy(remedies::a_superusers_credentials("with them it can be told which, and the deletion goes on"))
        .into()
}

/// A Secret has the name of one of ours, and nothing says that any resource's it is.
pub fn secret_of_somebody_elses(name: &str) -> Error {
    Failure::stalled(Reason::SecretNotOurs, format!("the Secret {name} is there and was not made for this resource"))
        .remedy(Remedy::new("rename or delete it, or give the resource another name"))
        .into()
}

/// The name of our Secret is taken by one that isn't ours; `former` is the UID of whose it is, and where that one is, as far
/// as it says.
pub fn secret_not_ours(object: &RedshiftIntegration, former: Option<(&str, Option<&Place>)>, wanted: &Place) -> Error {
    let name = secret_name(object);
    let Some((uid, former)) = former else { return secret_of_somebody_elses(&name) };
    // It may be the only key to what that one has in the warehouse: nobody is told to delete it.
    let whose = format!(
        "the Secret {name} was made for another resource, or for an earlier one of this name (UID {uid}), and is the key to \
         what that has in"
    );
    let failure = |place: &str| Failure::stalled(Reason::SecretNotOurs, format!("{whose} {place}"));
    let failure = match former {
        Some(is) if !is.is_where(wanted) => {
            failure(&is.to_string()).remedy(Remedy::new("give this resource another name")).remedy(remedies::take_over(
                object,
                "or, to take over what is there, set spec.config to that place, and then",
                &is.setup.database,
                uid,
            ))
        }
        _ => failure("the warehouse")
            .remedy(Remedy::new("if this resource is for another warehouse, give it another name"))
            .remedy(remedies::take_over(object, "else, to take over what is there", &wanted.setup.database, uid)),
    };
    with_answer_to(object, TAKE_OVER_ANNOTATION, failure).into()
}

/// There is no script that takes over: it begins with a look that only a superuser's credentials allow.
pub fn no_take_over_by_hand(object: &RedshiftIntegration) -> Error {
    let message = format!(
        "the Secret {} was made for another resource, or for an earlier one of this name, and is the key to what that has in \
         the warehouse",
        secret_name(object)
    );
    Failure::stalled(Reason::SecretNotOurs, message)
        .remedy(Remedy::new("if this resource is for another warehouse, give it another name"))
        .remedy(Remedy::new(
            "to take over what is there, set spec.autoBootstrap to true: a take-over is done by the operator",
        ))
        .into()
}

/// A removal that would stop half-way isn't begun.
pub fn lacking_privileges(object: &RedshiftIntegration, admin: &str, lacking: &[String]) -> Error {
    let secret = object.spec.config.credentials_secret_ref.as_ref().map_or("", |secret| &secret.name);
    let message = format!("nothing was removed: {admin} may not remove all of it: {}", brief::list(lacking));
    let remedy = format!("put the credentials that set the integration up, or a superuser's, into the Secret {secret}");
    Failure::stalled(Reason::InsufficientPrivileges, message).remedy(Remedy::new(remedy)).into()
}

/// Others' work is in the way of a deletion, and nobody has confirmed that it may go on, or nobody can.
pub fn unconfirmed(
    object: &RedshiftIntegration,
    database: &str,
    obstacles: &[Obstacle],
    unmoved: &[&Obstacle],
) -> Error {
    let texts = |obstacles: &[&Obstacle]| brief::list(obstacles.iter().map(|obstacle| obstacle.text.as_str()));
    let stays: Vec<_> = unmoved.iter().copied().filter(|obstacle| obstacle.fate == Fate::Stays).collect();
    let status = object.status.as_ref();
    let is_begun = status.and_then(|status| status.deletion.as_ref()).is_some_and(|it| it.point_of_no_return);
    let message = format!(
        "{}, since others' work would be lost or something left behind that nobody owns ({}): {}",
        if is_begun { "the deletion goes no further" } else { "nothing was removed" },
        brief::count(unmoved.len(), "thing", "things"),
        texts(unmoved)
    );
    let dropped = obstacles.iter().filter(|obstacle| obstacle.fate == Fate::Dropped).count();
    let failure = Failure::stalled(Reason::ForeignObjects, message);
    let failure = if stays.is_empty() {
        let failure = failure.remedy(Remedy::new("move, drop or revoke all of it"));
        let remembered = obstacle::to_remember(obstacles).len();
        if remembered > obstacle::MOST_REMEMBERED {
            let bound = obstacle::MOST_REMEMBERED;
            failure.remedy(Remedy::new(format!(
                "{remembered} privileges are outside of the managed database: what is left can be confirmed once they are \
                 no more than {bound}"
            )))
        } else {
            failure.remedy(remedies::confirm(object, &obstacle::confirmation(database, obstacles)))
        }
    } else if stays.len() == unmoved.len() {
        failure.remedy(Remedy::new("move, drop or revoke all of it by hand: nothing of it is removed on a word"))
    } else {
        let stays = texts(&stays);
        failure.remedy(Remedy::new(format!("move, drop or revoke this by hand in any case: {stays}")))
    };
    let queries = if dropped > MOST_LISTED { queries::objects(database) } else { Vec::new() };
    with_answer_to(object, CONFIRM_DELETE_ANNOTATION, failure.remedies(queries)).into()
}

/// So many objects have room in a message.
const MOST_LISTED: usize = 5;

/// A word that a person has given, and that isn't the one that is asked for, is answered.
pub fn with_answer_to(object: &RedshiftIntegration, annotation: &str, mut failure: Failure) -> Failure {
    if let Some(given) = object.annotations().get(annotation) {
        failure.message = format!("{}; {}", word::does_not_fit(annotation, given), failure.message);
    }
    failure
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
pub fn went_with_the_namespace(object: &RedshiftIntegration, place: &Place, what: &str, reason: Reason) -> Failure {
    let message = format!(
        "the namespace {} is being deleted, and {what} went before the integration could be removed from the warehouse; \
         nothing can be created there any more",
        object.namespace().unwrap_or_default()
    );
    let Place { endpoint, setup } = place;
    let by_hand = format!(
        "remove the integration by hand, after a look at what others have put there, in the warehouse {endpoint}; then let \
         go of the resource"
    );
    Failure::stalled(reason, message).remedy(Remedy::new(by_hand)).remedies(by_hand::removal(&by_hand::remnants(setup)))
}
