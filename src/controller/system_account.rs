//! The Secret `<name>-system-account`: the passwords that prove what is ours, and where it belongs.
//!
//! It is made before the warehouse changes, by create and never by force, and deleted last. It has no
//! owner reference: a foreground deletion would remove it before the finalizer has done its work.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, ResourceExt};
use secrecy::{ExposeSecret, SecretString};

use super::error::{Error, bounded};
use crate::api::{Created, INTEGRATION_UID_LABEL, RedshiftIntegration};
use crate::lifecycle::AccountId;
use crate::redshift::Credentials;
use crate::scripts::{CLAIM_USER, Password};

/// Where an integration belongs: what the Secret and the status remember of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Host of the warehouse, as DNS compares it.
    pub host: String,
    /// Port of the warehouse.
    pub port: u16,
    /// The managed database.
    pub database: String,
    /// The system account.
    pub system_account: String,
}

impl From<&Created> for Place {
    fn from(created: &Created) -> Self {
        Self {
            host: created.host.clone(),
            port: created.port,
            database: created.database.clone(),
            system_account: created.system_account.clone(),
        }
    }
}

/// The content of the Secret.
#[derive(Clone, Debug)]
pub struct SystemAccount {
    /// Where it belongs.
    pub place: Place,
    /// The system account's password.
    pub password: Password,
    /// The claim's password.
    pub claim_password: Password,
    /// Ids of the claim and of the system account, once both were there.
    pub ids: Option<(AccountId, AccountId)>,
    uid: String,
}

/// What stands under the name of the Secret.
#[derive(Clone, Debug)]
pub enum Found {
    /// Nothing.
    Absent,
    /// Ours.
    Ours(Box<SystemAccount>),
    /// Somebody else's: it doesn't have our label.
    SomebodyElses,
    /// Ours by its label, but not what we wrote.
    Malformed(String),
}

impl SystemAccount {
    /// How the system account logs in.
    pub fn credentials(&self) -> Credentials {
        Credentials { user: self.place.system_account.clone(), password: self.password.secret().clone() }
    }

    /// How the claim logs in, to prove that it is ours.
    pub fn claim_credentials(&self) -> Credentials {
        Credentials { user: CLAIM_USER.to_owned(), password: self.claim_password.secret().clone() }
    }
}

/// Name of the Secret.
pub fn name(object: &RedshiftIntegration) -> String {
    format!("{}-system-account", object.name_any())
}

fn api(client: &Client, object: &RedshiftIntegration) -> Api<Secret> {
    Api::namespaced(client.clone(), &object.namespace().unwrap_or_default())
}

/// Reads the Secret.
pub async fn find(client: &Client, object: &RedshiftIntegration) -> Result<Found, Error> {
    let secret = bounded("read the system account's Secret", api(client, object).get_opt(&name(object))).await?;
    let Some(secret) = secret else { return Ok(Found::Absent) };
    if secret.labels().get(INTEGRATION_UID_LABEL) != object.uid().as_ref() {
        return Ok(Found::SomebodyElses);
    }
    Ok(match read(&secret) {
        Ok(account) => Found::Ours(Box::new(account)),
        Err(what) => Found::Malformed(what),
    })
}

fn read(secret: &Secret) -> Result<SystemAccount, String> {
    let data = secret.data.as_ref().ok_or("it is empty")?;
    let text = |key: &str| -> Result<String, String> {
        let value = data.get(key).ok_or_else(|| format!("the key {key} is missing"))?;
        String::from_utf8(value.0.clone()).map_err(|_| format!("the key {key} holds no text"))
    };
    let password = |key: &str| -> Result<Password, String> {
        Password::new(SecretString::from(text(key)?)).map_err(|error| format!("the key {key}: {error}"))
    };
    let port = text("port")?;
    Ok(SystemAccount {
        place: Place {
            host: text("host")?,
            port: port.parse().map_err(|_| "the key port holds no port".to_owned())?,
            database: text("database")?,
            system_account: text("username")?,
        },
        password: password("password")?,
        claim_password: password("claimPassword")?,
        ids: text("claimUserId").ok().zip(text("userId").ok()),
        uid: secret.uid().unwrap_or_default(),
    })
}

/// Makes the Secret, with new passwords.
pub async fn create(client: &Client, object: &RedshiftIntegration, place: Place) -> Result<SystemAccount, Error> {
    let (password, claim_password) = (Password::generate(), Password::generate());
    let entry = |key: &str, value: &str| (key.to_owned(), ByteString(value.as_bytes().to_vec()));
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name(object)),
            labels: Some(BTreeMap::from([
                (INTEGRATION_UID_LABEL.to_owned(), object.uid().unwrap_or_default()),
                ("app.kubernetes.io/managed-by".to_owned(), "redshift-integration-operator".to_owned()),
                ("app.kubernetes.io/instance".to_owned(), object.name_any()),
            ])),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        data: Some(BTreeMap::from([
            entry("username", &place.system_account),
            entry("password", password.secret().expose_secret()),
            entry("claimUsername", CLAIM_USER),
            entry("claimPassword", claim_password.secret().expose_secret()),
            entry("host", &place.host),
            entry("port", &place.port.to_string()),
            entry("database", &place.database),
            entry("databaseMode", "Create"),
        ])),
        ..Secret::default()
    };
    let made =
        bounded("create the system account's Secret", api(client, object).create(&PostParams::default(), &secret))
            .await;
    match made {
        Ok(made) => {
            Ok(SystemAccount { place, password, claim_password, ids: None, uid: made.uid().unwrap_or_default() })
        }
        Err(error) if error.is_conflict() => Err(somebody_elses(object)),
        Err(error) => Err(error),
    }
}

/// The words for a Secret of that name which isn't ours.
pub fn somebody_elses(object: &RedshiftIntegration) -> Error {
    Error::stalled(
        "SecretNotOurs",
        format!(
            "the Secret {} is there and was not made for this resource; rename or delete it, or give the resource \
             another name",
            name(object)
        ),
    )
}

/// Adds the ids of the accounts.
pub async fn record_ids(
    client: &Client,
    object: &RedshiftIntegration,
    account: &mut SystemAccount,
    ids: (AccountId, AccountId),
) -> Result<(), Error> {
    let patch = serde_json::json!({
        "metadata": {"uid": account.uid},
        "stringData": {"claimUserId": ids.0, "userId": ids.1},
    });
    let request_name = name(object);
    let (api, params) = (api(client, object), PatchParams::default());
    bounded("update the system account's Secret", api.patch(&request_name, &params, &Patch::Merge(&patch))).await?;
    account.ids = Some(ids);
    Ok(())
}

/// Deletes the Secret: that very one, not another of its name.
pub async fn delete(client: &Client, object: &RedshiftIntegration, account: &SystemAccount) -> Result<(), Error> {
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(account.uid.clone()), resource_version: None }),
        ..DeleteParams::default()
    };
    let request_name = name(object);
    match bounded("delete the system account's Secret", api(client, object).delete(&request_name, &params)).await {
        Err(Error::Api { source, .. }) if matches!(&*source, kube::Error::Api(status) if status.code == 404) => Ok(()),
        other => other.map(|_| ()),
    }
}
