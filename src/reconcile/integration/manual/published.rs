//! The Secret `<name>-scripts`: what a person runs. It is made by create and never by force, written only where its content
//! isn't what it is to be, and deleted with the integration.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::api::INTEGRATION_UID_LABEL;
use crate::lifecycle::SystemAccount;
use crate::lifecycle::words::Confidential;
use crate::ports::{Creation, Key, Kubernetes, World};
use crate::reconcile::integration::error::Error;
use crate::reconcile::integration::work::Work;
use crate::reconcile::integration::{refusals, resource, secret};

/// The scripts, by the names of their files.
pub type Scripts = BTreeMap<&'static str, SecretString>;

/// Publishes these scripts, and no others.
pub async fn publish<W: World>(work: &Work<'_, W>, scripts: &Scripts) -> Result<(), Error> {
    let wanted: BTreeMap<String, ByteString> = scripts
        .iter()
        .map(|(name, script)| ((*name).to_owned(), ByteString(script.expose_secret().as_bytes().to_vec())))
        .collect();
    let key = Key::beside(&work.object, resource::scripts_name(&work.object));
    let found = work.kubernetes.get::<Secret>(&key).await.map_err(Error::api("read the Secret of the scripts"))?;
    let confidential = || confidential(work, &wanted);
    let Some(found) = found else {
        let secret = secret::made_for(&work.object, key, wanted.clone());
        let made = work.kubernetes.create(&secret, Creation::Real).await;
        return match made.map_err(Error::api("create the Secret of the scripts")) {
            Ok(_) => Ok(()),
            Err(error) if error.is_conflict() => Err(not_ours(work)),
            Err(error) => Err(error.without(&confidential())),
        };
    };
    if !is_ours(work, &found) {
        return Err(not_ours(work));
    }
    let there = found.data.clone().unwrap_or_default();
    if there == wanted {
        return Ok(());
    }
    // What isn't to be there any more is taken out: an old script is a danger.
    let gone = there.keys().filter(|name| !wanted.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let data: serde_json::Map<_, _> =
        wanted.iter().map(|(name, script)| (name.clone(), json!(script))).chain(gone).collect();
    let change = json!({
        "metadata": {"uid": found.uid(), "resourceVersion": found.resource_version()},
        "data": data,
    });
    let merged = work.kubernetes.merge::<Secret>(&key, &change).await;
    let merged = merged.map_err(Error::api("update the Secret of the scripts"));
    merged.map(|_| ()).map_err(|error| error.without(&confidential()))
}

/// Deletes them, if they are this resource's.
pub async fn withdraw<W: World>(work: &Work<'_, W>) -> Result<(), Error> {
    let key = Key::beside(&work.object, resource::scripts_name(&work.object));
    let found = work.kubernetes.get::<Secret>(&key).await.map_err(Error::api("read the Secret of the scripts"))?;
    let Some(uid) = found.filter(|found| is_ours(work, found)).and_then(|found| found.uid()) else { return Ok(()) };
    match work.kubernetes.delete::<Secret>(&key, &uid).await {
        Err(error) if error.is_not_found() => Ok(()),
        other => other.map_err(Error::api("delete the Secret of the scripts")),
    }
}

fn is_ours<W: World>(work: &Work<'_, W>, secret: &Secret) -> bool {
    secret.labels().get(INTEGRATION_UID_LABEL) == work.object.uid().as_ref()
}

fn not_ours<W: World>(work: &Work<'_, W>) -> Error {
    refusals::secret_of_somebody_elses(&resource::scripts_name(&work.object))
}

/// What an admission policy may quote of what it denies: the scripts as the API server gets them.
fn confidential<W: World>(work: &Work<'_, W>, scripts: &BTreeMap<String, ByteString>) -> Confidential {
    let encoded = scripts.values().filter_map(|script| json!(script).as_str().map(SecretString::from));
    let encoded: Vec<_> = encoded.collect();
    let passwords = work.account.as_ref().map(SystemAccount::confidential).unwrap_or_default();
    passwords.with(&encoded)
}
