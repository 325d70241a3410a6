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
use serde_json::{Value, json};

use super::error::{Error, bounded};
use super::secret_content::{self, Flaw, Malformed};
use super::{refusals, resource};
use crate::api::{DatabaseMode, INTEGRATION_UID_LABEL, RedshiftIntegration, TAKE_OVER_ANNOTATION};
use crate::lifecycle::{AccountId, Place, Setup, proof};
use crate::redshift::{Confidential, Credentials, Endpoint};
use crate::scripts::{CLAIM_USER, ObjectName, Password};

// The keys of the Secret. Users may build on the first four.
const USERNAME: &str = "username";
const PASSWORD: &str = "password";
const HOST: &str = "host";
const PORT: &str = "port";
const DATABASE: &str = "database";
const DATABASE_MODE: &str = "databaseMode";
const ROLE: &str = "impersonationRole";
const CLAIM_USERNAME: &str = "claimUsername";
const CLAIM_PASSWORD: &str = "claimPassword";
const CLAIM_USER_ID: &str = "claimUserId";
const USER_ID: &str = "userId";
const NEXT_USERNAME: &str = "nextUsername";
const NEXT_PASSWORD: &str = "nextPassword";
const NEXT_ROLE: &str = "nextImpersonationRole";

/// Between the names of a list; no name holds it.
const SEPARATOR: &str = ",";

/// The content of the Secret.
#[derive(Clone, Debug)]
pub struct SystemAccount {
    /// Where it belongs, and what there is now.
    pub place: Place,
    /// The system account's password.
    pub password: Password,
    /// The claim's password.
    pub claim_password: Password,
    /// The names that the system account was to get since the Secret was last settled: it can have any of them.
    pub next_accounts: Vec<String>,
    /// Its password under each of these.
    pub next_password: Option<Password>,
    /// The names of roles that were to come since then: each of them can be there.
    pub next_roles: Vec<String>,
    /// Ids of the claim and of the system account, once both were there.
    pub ids: Option<(AccountId, AccountId)>,
    /// `None` where it couldn't be stored: then this pass alone knows the passwords.
    stored: Option<Stored>,
}

/// The Secret as it was read or written last.
#[derive(Clone, Debug)]
struct Stored {
    uid: String,
    version: Option<String>,
}

impl Stored {
    fn of(secret: &Secret) -> Self {
        Self { uid: secret.uid().unwrap_or_default(), version: secret.resource_version() }
    }
}

/// The Secret of another resource, or of an earlier one of this name.
#[derive(Clone, Debug)]
pub struct Former {
    /// UID of that integration.
    pub integration_uid: String,
    /// What it holds, or what is wrong with it.
    account: Result<SystemAccount, Malformed>,
}

impl Former {
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

impl SystemAccount {
    /// The names under which the system account can be, the next one first, and their passwords.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &Password)> {
        let next = self.next_accounts.iter().rev().map(String::as_str).zip(self.next_password.iter().cycle());
        next.chain([(self.place.setup.system_account.as_str(), &self.password)])
    }

    /// How the system account logs in under a name.
    pub fn credentials(&self, name: &str) -> Option<Credentials> {
        let (user, password) = self.accounts().find(|(account, _)| *account == name)?;
        Some(Credentials::of_account(user, password.secret().clone()))
    }

    /// How the claim logs in, to prove that it is ours.
    pub fn claim_credentials(&self) -> Credentials {
        Credentials::of_account(CLAIM_USER, self.claim_password.secret().clone())
    }

    /// What may show in no text about the Secret, in either form in which it could be quoted.
    fn confidential(&self) -> Confidential {
        let passwords = [&self.password, &self.claim_password].into_iter().chain(&self.next_password);
        Confidential::new(passwords.flat_map(|password| {
            let encoded = json!(bytes(password.secret().expose_secret()));
            [password.secret().clone(), SecretString::from(encoded.as_str().unwrap_or_default())]
        }))
    }

    /// The names of roles that are ours, or are to be.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.place.setup.impersonation_role.iter().chain(&self.next_roles).map(String::as_str)
    }

    /// Whether everything that is wanted has its name in here.
    pub fn names(&self, wanted: &Setup) -> bool {
        self.accounts().any(|(name, _)| name == wanted.system_account)
            && wanted.impersonation_role.as_ref().is_none_or(|role| self.roles().any(|name| name == role))
    }

    /// Whether it says what is wanted, and nothing else.
    pub fn is_settled(&self, wanted: &Place) -> bool {
        self.place == *wanted && self.next_accounts.is_empty() && self.next_roles.is_empty() && self.ids.is_some()
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
    let account = read(&secret);
    let label = secret.labels().get(INTEGRATION_UID_LABEL);
    if label != object.uid().as_ref() {
        let former = label.map(|uid| Box::new(Former { integration_uid: uid.clone(), account }));
        return Ok(Found::SomebodyElses(former));
    }
    Ok(match account {
        Ok(account) => Found::Ours(Box::new(account)),
        Err(what) => Found::Malformed(what),
    })
}

fn read(secret: &Secret) -> Result<SystemAccount, Malformed> {
    let has = |key: &str| secret.data.as_ref().is_some_and(|data| data.contains_key(key));
    let text = |key| secret_content::text(secret, key).map(|text| text.expose_secret().to_owned());
    // Names show in messages: where keys were swapped, they are passwords.
    let is_name = |key, name: String| match ObjectName::new(&name) {
        Ok(_) => Ok(name),
        Err(_) => Err(Flaw::NotAName.of(key)),
    };
    let name = |key| text(key).and_then(|name| is_name(key, name));
    let optional = |key| has(key).then(|| text(key)).transpose();
    let password = |key| -> Result<Password, Malformed> {
        Password::new(secret_content::text(secret, key)?).map_err(|error| Flaw::NotAPassword(error).of(key))
    };
    let port = text(PORT)?.parse().map_err(|_| Flaw::NotAPort.of(PORT))?;
    let database_mode = match text(DATABASE_MODE)?.as_str() {
        "Create" => DatabaseMode::Create,
        "Existing" => DatabaseMode::Existing,
        _ => return Err(Flaw::NotAMode.of(DATABASE_MODE)),
    };
    let list = |key| -> Result<Vec<String>, Malformed> {
        let names = optional(key)?;
        names.iter().flat_map(|names| names.split(SEPARATOR)).map(|name| is_name(key, name.to_owned())).collect()
    };
    let next_accounts = list(NEXT_USERNAME)?;
    let next_password = if next_accounts.is_empty() { None } else { Some(password(NEXT_PASSWORD)?) };
    let (current, claim) = (password(PASSWORD)?, password(CLAIM_PASSWORD)?);
    for key in [HOST, DATABASE] {
        let value = text(key)?;
        let mut passwords = [&current, &claim].into_iter().chain(&next_password);
        if passwords.any(|password| password.secret().expose_secret().eq_ignore_ascii_case(&value)) {
            return Err(Flaw::NotAName.of(key));
        }
    }
    Ok(SystemAccount {
        place: Place {
            endpoint: Endpoint::new(&text(HOST)?, port),
            setup: Setup {
                // One that was there before can have any name.
                database: if database_mode == DatabaseMode::Create { name(DATABASE)? } else { text(DATABASE)? },
                database_mode,
                system_account: name(USERNAME)?,
                impersonation_role: optional(ROLE)?.map(|role| is_name(ROLE, role)).transpose()?,
            },
        },
        password: current,
        claim_password: claim,
        next_accounts,
        next_password,
        next_roles: list(NEXT_ROLE)?,
        ids: optional(CLAIM_USER_ID)?.zip(optional(USER_ID)?),
        stored: Some(Stored::of(secret)),
    })
}

fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}

/// New passwords that only this pass knows.
pub fn generate(place: Place) -> SystemAccount {
    SystemAccount {
        place,
        password: Password::generate(),
        claim_password: Password::generate(),
        next_accounts: Vec::new(),
        next_password: None,
        next_roles: Vec::new(),
        ids: None,
        stored: None,
    }
}

/// Makes the Secret, with new passwords.
pub async fn create(client: &Client, object: &RedshiftIntegration, place: Place) -> Result<SystemAccount, Error> {
    let account = generate(place);
    let SystemAccount { place, password, claim_password, .. } = &account;
    let mut data = BTreeMap::from(
        [
            (USERNAME, place.setup.system_account.as_str()),
            (PASSWORD, password.secret().expose_secret()),
            (CLAIM_USERNAME, CLAIM_USER),
            (CLAIM_PASSWORD, claim_password.secret().expose_secret()),
            (HOST, place.endpoint.host()),
            (PORT, &place.endpoint.port().to_string()),
            (DATABASE, &place.setup.database),
            (DATABASE_MODE, place.setup.database_mode.as_str()),
        ]
        .map(|(key, value)| (key.to_owned(), bytes(value))),
    );
    data.extend(place.setup.impersonation_role.iter().map(|role| (ROLE.to_owned(), bytes(role))));
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
        data: Some(data),
        ..Secret::default()
    };
    let made =
        bounded("create the system account's Secret", api(client, object).create(&PostParams::default(), &secret))
            .await;
    match made {
        Ok(made) => Ok(SystemAccount { stored: Some(Stored::of(&made)), ..account }),
        Err(error) if error.is_conflict() => Err(refusals::secret_not_ours(object, None, &account.place)),
        Err(error) => Err(error.without(&account.confidential())),
    }
}

/// Whether the namespace is being deleted: then nothing can be created in it. Nothing is created by asking.
pub async fn is_namespace_terminating(client: &Client, object: &RedshiftIntegration) -> bool {
    let secret =
        Secret { metadata: ObjectMeta { name: Some(name(object)), ..ObjectMeta::default() }, ..Secret::default() };
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let asked = bounded("ask whether a Secret can be created", api(client, object).create(&params, &secret)).await;
    asked.is_err_and(|error| error.is_namespace_terminating())
}

/// Merges a change into that very Secret as it was read. A write that was given up and arrives late, when others
/// have been made, is refused.
async fn patch(
    client: &Client,
    object: &RedshiftIntegration,
    account: &mut SystemAccount,
    mut change: Value,
) -> Result<(), Error> {
    // What was never stored isn't changed: only a deletion goes on without its Secret.
    let Some(stored) = &account.stored else { return Ok(()) };
    change["metadata"]["uid"] = json!(stored.uid);
    change["metadata"]["resourceVersion"] = json!(stored.version);
    let request_name = name(object);
    let (api, params) = (api(client, object), PatchParams::default());
    let patched: Secret =
        bounded("update the system account's Secret", api.patch(&request_name, &params, &Patch::Merge(&change)))
            .await
            .map_err(|error| error.without(&account.confidential()))?;
    account.stored = Some(Stored::of(&patched));
    Ok(())
}

/// Adds the names that are to come, with a password for new names of the account. Those that were to come
/// before stay: an edit that was interrupted may have come as far as any of them.
pub async fn record_next(
    client: &Client,
    object: &RedshiftIntegration,
    account: &mut SystemAccount,
    wanted: &Setup,
) -> Result<(), Error> {
    let mut next = account.clone();
    if !account.accounts().any(|(name, _)| name == wanted.system_account) {
        next.next_accounts.push(wanted.system_account.clone());
        next.next_password.get_or_insert_with(Password::generate);
    }
    next.next_roles
        .extend(wanted.impersonation_role.iter().filter(|role| !account.roles().any(|it| it == *role)).cloned());
    let list = |names: &[String]| (!names.is_empty()).then(|| bytes(&names.join(SEPARATOR)));
    let keys = BTreeMap::from([
        (NEXT_USERNAME, list(&next.next_accounts)),
        (NEXT_PASSWORD, next.next_password.as_ref().map(|password| bytes(password.secret().expose_secret()))),
        (NEXT_ROLE, list(&next.next_roles)),
    ]);
    patch(client, object, &mut next, json!({"data": keys})).await?;
    *account = next;
    Ok(())
}

/// Writes what there is now, and forgets what was to come.
pub async fn settle(
    client: &Client,
    object: &RedshiftIntegration,
    account: &mut SystemAccount,
    place: &Place,
    ids: (AccountId, AccountId),
) -> Result<(), Error> {
    let password = account.accounts().find(|(name, _)| *name == place.setup.system_account);
    let password = password.map_or(&account.password, |(_, password)| password).clone();
    let keys = BTreeMap::from([
        (USERNAME, Some(bytes(&place.setup.system_account))),
        (PASSWORD, Some(bytes(password.secret().expose_secret()))),
        (ROLE, place.setup.impersonation_role.as_deref().map(bytes)),
        (NEXT_USERNAME, None),
        (NEXT_PASSWORD, None),
        (NEXT_ROLE, None),
        (HOST, Some(bytes(place.endpoint.host()))),
        (PORT, Some(bytes(&place.endpoint.port().to_string()))),
        (CLAIM_USER_ID, Some(bytes(&ids.0))),
        (USER_ID, Some(bytes(&ids.1))),
    ]);
    patch(client, object, account, json!({"data": keys})).await?;
    account.place = place.clone();
    account.password = password;
    (account.next_accounts, account.next_password) = (Vec::new(), None);
    (account.next_roles, account.ids) = (Vec::new(), Some(ids));
    Ok(())
}

/// Whether a person wants this resource to take over what an integration has left.
pub fn is_to_take_over(object: &RedshiftIntegration, database: &str, uid: &str) -> bool {
    object.annotations().get(TAKE_OVER_ANNOTATION).is_some_and(|value| *value == proof::take_over(database, uid))
}

/// Makes a Secret that an earlier integration left, by `Retain`, this resource's. It must be the one that
/// the person named, and unchanged since it was read.
pub async fn adopt(
    client: &Client,
    object: &mut RedshiftIntegration,
    former: Former,
    wanted: &Place,
) -> Result<SystemAccount, Error> {
    if former.place().is_some_and(|place| !place.is_where(wanted)) {
        return Err(refusals::secret_not_ours(object, Some(&former), wanted));
    }
    let mut account = former.account.map_err(|what| {
        Error::stalled("SecretMalformed", format!("the Secret {} can't be taken over: {what}", name(object)))
    })?;
    // With the finalizer first: from here on a deletion has to look.
    if !resource::has_finalizer(object) {
        *object = resource::add_finalizer(client, object).await?;
    }
    let label = json!({"metadata": {"labels": {INTEGRATION_UID_LABEL: object.uid()}}});
    patch(client, object, &mut account, label).await?;
    Ok(account)
}

/// Deletes the Secret: that very one, not another of its name.
pub async fn delete(client: &Client, object: &RedshiftIntegration, account: &SystemAccount) -> Result<(), Error> {
    let Some(stored) = &account.stored else { return Ok(()) };
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(stored.uid.clone()), resource_version: None }),
        ..DeleteParams::default()
    };
    let request_name = name(object);
    match bounded("delete the system account's Secret", api(client, object).delete(&request_name, &params)).await {
        Err(Error::Api { source, .. }) if matches!(&*source, kube::Error::Api(status) if status.code == 404) => Ok(()),
        other => other.map(|_| ()),
    }
}
