//! The Secret `<name>-system-account`, whose content is `lifecycle::SystemAccount`.
//!
//! It is made before the warehouse changes, by create and never by force, and deleted last. It has no
//! owner reference: a foreground deletion would remove it before the finalizer has done its work.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::ObjectMeta;
use serde_json::{Value, json};

use super::error::Error;
use super::refusals;
use super::resource::{self, secret_name};
use crate::api::{INTEGRATION_UID_LABEL, Reason, RedshiftIntegration, Remedy, TAKE_OVER_ANNOTATION};
use crate::lifecycle::secret_content::Malformed;
use crate::lifecycle::{Failure, MOST_NAMES, Place, Setup, Stored, SystemAccount, UserIds, proof, word};
use crate::ports::{Creation, Host, Key, Kubernetes};

/// The Secret of another resource, or of an earlier one of this name.
#[derive(Clone, Debug)]
pub struct Former {
    /// UID of that integration.
    pub integration_uid: String,
    /// What it holds, or what is wrong with it.
    account: Result<SystemAccount, Malformed>,
}

impl Former {
    /// Why nothing is done with it.
    pub fn is_not_ours(&self, object: &RedshiftIntegration, wanted: &Place) -> Error {
        refusals::secret_not_ours(object, Some((self.integration_uid.as_str(), self.place())), wanted)
    }

    /// Where that integration is, if the Secret can be read.
    pub fn place(&self) -> Option<&Place> {
        self.account.as_ref().ok().map(|account| &account.place)
    }
}

/// What stands under the name of the Secret.
#[derive(Clone, Debug)]
pub enum Found {
    /// Nothing.
    Absent,
    /// Ours.
    Ours(Box<SystemAccount>),
    /// Somebody else's; another integration's, if it has the label with a UID.
    SomebodyElses(Option<Box<Former>>),
    /// Ours by its label, but not what we wrote.
    Malformed(Malformed),
}

fn key(object: &RedshiftIntegration) -> Key {
    Key::beside(object, secret_name(object))
}

/// Reads the Secret.
pub async fn find(kubernetes: &impl Kubernetes, object: &RedshiftIntegration) -> Result<Found, Error> {
    let secret = kubernetes.get::<Secret>(&key(object)).await;
    let secret = secret.map_err(Error::api("read the system account's Secret"))?;
    Ok(secret.map_or(Found::Absent, |secret| read(&secret, object)))
}

/// What a Secret of this name is to a resource.
pub fn read(secret: &Secret, object: &RedshiftIntegration) -> Found {
    let account = SystemAccount::read(secret);
    let label = secret.labels().get(INTEGRATION_UID_LABEL);
    if label != object.uid().as_ref() {
        let former = label.map(|uid| Box::new(Former { integration_uid: uid.clone(), account }));
        return Found::SomebodyElses(former);
    }
    match account {
        Ok(account) => Found::Ours(Box::new(account)),
        Err(what) => Found::Malformed(what),
    }
}

/// A Secret that is made for a resource.
pub fn made_for(
    object: &RedshiftIntegration,
    Key { name, namespace }: Key,
    data: BTreeMap<String, ByteString>,
) -> Secret {
    let labels = BTreeMap::from([
        (INTEGRATION_UID_LABEL.to_owned(), object.uid().unwrap_or_default()),
        ("app.kubernetes.io/managed-by".to_owned(), "redshift-integration-operator".to_owned()),
        ("app.kubernetes.io/instance".to_owned(), object.name_any()),
    ]);
    let (name, namespace, labels) = (Some(name), Some(namespace), Some(labels));
    Secret {
        metadata: ObjectMeta { name, namespace, labels, ..ObjectMeta::default() },
        type_: Some("Opaque".to_owned()),
        data: Some(data),
        ..Secret::default()
    }
}

/// New passwords that only this pass knows.
pub fn generate(host: &impl Host, place: Place) -> SystemAccount {
    SystemAccount::new(place, host.generate_password(), host.generate_password())
}

/// Makes the Secret, with new passwords.
pub async fn create(
    kubernetes: &impl Kubernetes,
    host: &impl Host,
    object: &RedshiftIntegration,
    place: Place,
) -> Result<SystemAccount, Error> {
    let account = generate(host, place);
    let data = account.data().into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let secret = made_for(object, key(object), data.collect());
    let made = kubernetes.create(&secret, Creation::Real).await;
    match made.map_err(Error::api("create the system account's Secret")) {
        Ok(made) => Ok(SystemAccount { stored: Some(Stored::of(&made)), ..account }),
        Err(error) if error.is_conflict() => Err(refusals::secret_not_ours(object, None, &account.place)),
        Err(error) => Err(error.without(&account.confidential())),
    }
}

/// Whether the namespace is being deleted: then nothing can be created in it. Nothing is created by asking.
pub async fn is_namespace_terminating(kubernetes: &impl Kubernetes, object: &RedshiftIntegration) -> bool {
    let Key { name, namespace } = key(object);
    let metadata = ObjectMeta { name: Some(name), namespace: Some(namespace), ..ObjectMeta::default() };
    let secret = Secret { metadata, ..Secret::default() };
    let asked = kubernetes.create(&secret, Creation::DryRun).await;
    asked.is_err_and(|error| error.is_namespace_terminating())
}

/// Merges a change into that very Secret as it was read. A write that was given up and arrives late, when others
/// have been made, is refused.
async fn merge(
    kubernetes: &impl Kubernetes,
    object: &RedshiftIntegration,
    account: &mut SystemAccount,
    mut change: Value,
) -> Result<(), Error> {
    // What was never stored isn't changed: only a deletion goes on without its Secret.
    let Some(known) = &account.stored else { return Ok(()) };
    change["metadata"]["uid"] = json!(known.uid);
    change["metadata"]["resourceVersion"] = json!(known.version);
    let merged = kubernetes.merge::<Secret>(&key(object), &change).await;
    let merged = merged.map_err(Error::api("update the system account's Secret"));
    account.stored = Some(Stored::of(&merged.map_err(|error| error.without(&account.confidential()))?));
    Ok(())
}

/// Adds the names that are to come, with a password for new names of the account.
pub async fn record_next(
    kubernetes: &impl Kubernetes,
    host: &impl Host,
    object: &RedshiftIntegration,
    account: &mut SystemAccount,
    wanted: &Setup,
) -> Result<(), Error> {
    let mut next = account.with_next(wanted, || host.generate_password());
    refuse_too_many_names(&next, account)?;
    let data = next.data();
    merge(kubernetes, object, &mut next, json!({"data": data})).await?;
    *account = next;
    Ok(())
}

/// Writes what there is now, and forgets what was to come.
pub async fn settle(
    kubernetes: &impl Kubernetes,
    object: &RedshiftIntegration,
    account: &mut SystemAccount,
    place: &Place,
    ids: UserIds,
    asked_for: Option<&str>,
) -> Result<(), Error> {
    let mut settled = account.settled(place, ids, asked_for);
    let data = settled.data();
    merge(kubernetes, object, &mut settled, json!({"data": data})).await?;
    *account = settled;
    Ok(())
}

/// Writes where the integration is to be now: nothing of it is known to be anywhere yet.
pub async fn move_to(
    kubernetes: &impl Kubernetes,
    object: &RedshiftIntegration,
    account: &mut SystemAccount,
    place: &Place,
) -> Result<(), Error> {
    let mut moved = account.moved(place);
    refuse_too_many_names(&moved, account)?;
    let data = moved.data();
    merge(kubernetes, object, &mut moved, json!({"data": data})).await?;
    *account = moved;
    Ok(())
}

/// Whoever edits names again and again, while none of the edits comes to its end, would fill the Secret, and have each of them tried
/// at each look.
fn refuse_too_many_names(next: &SystemAccount, now: &SystemAccount) -> Result<(), Error> {
    if !next.has_too_many_names() {
        return Ok(());
    }
    let Setup { system_account, impersonation_role, .. } = &now.place.setup;
    let message = format!(
        "the system account, or its role, was to have more than {MOST_NAMES} names since an edit came to its end, and each of them may \
         be there: no more are taken on"
    );
    let role = impersonation_role
        .as_ref()
        .map_or_else(String::new, |role| format!(", and spec.config.impersonation.role to {role}"));
    let back = format!(
        "set spec.config.systemAccount.name back to {system_account}{role}; once the integration is enabled, they can be renamed"
    );
    Err(Failure::stalled(Reason::InvalidSpec, message).remedy(Remedy::new(back)).into())
}

/// Adds passwords to rotate to, and what asked for it.
pub async fn record_next_passwords(
    kubernetes: &impl Kubernetes,
    host: &impl Host,
    object: &RedshiftIntegration,
    account: &mut SystemAccount,
    asked_for: Option<&str>,
) -> Result<(), Error> {
    let mut next = account.with_next_passwords(asked_for, || host.generate_password());
    let data = next.data();
    merge(kubernetes, object, &mut next, json!({"data": data})).await?;
    *account = next;
    Ok(())
}

/// Adds a key for pseudonyms.
pub async fn record_masking_key(
    kubernetes: &impl Kubernetes,
    host: &impl Host,
    object: &RedshiftIntegration,
    account: &mut SystemAccount,
) -> Result<(), Error> {
    let mut with_key = account.with_masking_key(|| host.generate_key());
    let data = with_key.data();
    merge(kubernetes, object, &mut with_key, json!({"data": data})).await?;
    *account = with_key;
    Ok(())
}

/// Puts the passwords to which it was rotated in the place of those before, and when that was.
pub async fn promote_passwords(
    kubernetes: &impl Kubernetes,
    host: &impl Host,
    object: &RedshiftIntegration,
    account: &mut SystemAccount,
) -> Result<(), Error> {
    let mut rotated = account.rotated(host.now());
    let data = rotated.data();
    merge(kubernetes, object, &mut rotated, json!({"data": data})).await?;
    *account = rotated;
    Ok(())
}

/// Whether a person wants this resource to take over what an integration has left.
pub fn is_to_take_over(object: &RedshiftIntegration, database: &str, uid: &str) -> bool {
    let asked_for = proof::take_over(database, uid);
    object.annotations().get(TAKE_OVER_ANNOTATION).is_some_and(|given| word::fits(given, &asked_for))
}

/// Makes a Secret that an earlier integration left, by `Retain`, this resource's. It must be the one that
/// the person named, and unchanged since it was read.
pub async fn adopt(
    kubernetes: &impl Kubernetes,
    object: &mut RedshiftIntegration,
    former: Former,
    wanted: &Place,
) -> Result<SystemAccount, Error> {
    if former.place().is_some_and(|place| !place.is_where(wanted)) {
        return Err(former.is_not_ours(object, wanted));
    }
    let mut account = former.account.map_err(|what| {
        let message = format!("the Secret {} can't be taken over: {what}", secret_name(object));
        Error::from(Failure::stalled(Reason::SecretMalformed, message).remedy(Remedy::new("restore it from a backup")))
    })?;
    // With the finalizer first: from here on a deletion has to look.
    if !resource::has_finalizer(object) {
        *object = resource::add_finalizer(kubernetes, object).await?;
    }
    let label = json!({"metadata": {"labels": {INTEGRATION_UID_LABEL: object.uid()}}});
    merge(kubernetes, object, &mut account, label).await?;
    Ok(account)
}

/// Deletes the Secret: that very one, not another of its name.
pub async fn delete(
    kubernetes: &impl Kubernetes,
    object: &RedshiftIntegration,
    account: &SystemAccount,
) -> Result<(), Error> {
    let Some(stored) = &account.stored else { return Ok(()) };
    match kubernetes.delete::<Secret>(&key(object), &stored.uid).await {
        Err(error) if error.is_not_found() => Ok(()),
        other => other.map_err(Error::api("delete the system account's Secret")),
    }
}
