//! Why something isn't begun, in words that say what to do. A person who reads them is in trouble: nobody is told to
//! do what can't be done, or to remove what may be others'.

use kube::ResourceExt;

use super::error::Error;
use super::system_account;
use crate::api::{CONFIRM_DELETE_ANNOTATION, RedshiftIntegration};
use crate::lifecycle::by_hand::{self, Remnant};
use crate::lifecycle::obstacle::{self, Fate, Obstacle};
use crate::lifecycle::{AccountPower, Failure, Place};

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
            "ProofLost",
            format!(
                "the passwords that the Secret {} held are lost, and without them it can't be proven whether these are this \
                 integration's: {}; {}",
                system_account::name(object),
                by_hand::list(self.there),
                ways.join("; or ")
            ),
        )
    }
}

/// The account is there, its password isn't ours any more, and nobody here can read the registry.
pub fn refused_proof(object: &RedshiftIntegration) -> Error {
    Error::stalled(
        "ProofLost",
        format!(
            "the password in the Secret {} is refused: somebody has changed it, or another integration took over; with a \
             superuser's credentials in the Secret that spec.config.credentialsSecretRef names it can be told, and the \
             deletion goes on",
            system_account::name(object)
        ),
    )
}

/// A removal that would stop half-way isn't begun.
pub fn lacking_privileges(object: &RedshiftIntegration, admin: &str, lacking: &[String]) -> Error {
    let secret = object.spec.config.credentials_secret_ref.as_ref();
    Error::stalled(
        "InsufficientPrivileges",
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
        "ForeignObjects",
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
        "SecretMissing" => Some(format!("the Secret {}", config.credentials_secret_ref.as_ref()?.name)),
        "CaBundleMissing" => {
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
