//! What the Secret `<name>-system-account` says: the passwords that prove what is ours, and where it belongs.
//!
//! What is read and what is written stands in one table each, side by side, so that a key can't be forgotten.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::secret_content::{self, Flaw, Malformed};
use super::words::Confidential;
use super::{Credentials, Endpoint, Place, Setup, UserId};
use crate::api::DatabaseMode;
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

/// The ids of the users that are ours, once both were there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UserIds {
    /// The claim's.
    pub claim: UserId,
    /// The system account's.
    pub account: UserId,
}

/// The Secret as it was read or written last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// Its UID.
    pub uid: String,
    /// Its version.
    pub version: Option<String>,
}

impl Stored {
    /// As it was read, or as the API server answered a write.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        let metadata = &secret.metadata;
        Self { uid: metadata.uid.clone().unwrap_or_default(), version: metadata.resource_version.clone() }
    }
}

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
    pub ids: Option<UserIds>,
    /// `None` where it couldn't be stored: then this pass alone knows the passwords.
    pub stored: Option<Stored>,
}

impl SystemAccount {
    /// New passwords that nobody else knows yet.
    #[must_use]
    pub fn new(place: Place, password: Password, claim_password: Password) -> Self {
        Self {
            place,
            password,
            claim_password,
            next_accounts: Vec::new(),
            next_password: None,
            next_roles: Vec::new(),
            ids: None,
            stored: None,
        }
    }

    /// The names under which the system account can be, the next one first, and their passwords.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &Password)> {
        let next = self.next_accounts.iter().rev().map(String::as_str).zip(self.next_password.iter().cycle());
        next.chain([(self.place.setup.system_account.as_str(), &self.password)])
    }

    /// The password of the system account under a name that it can have.
    #[must_use]
    pub fn password_of(&self, name: &str) -> Option<&Password> {
        self.accounts().find(|(account, _)| *account == name).map(|(_, password)| password)
    }

    /// How the system account logs in under a name.
    #[must_use]
    pub fn credentials(&self, name: &str) -> Option<Credentials> {
        let password = self.password_of(name)?;
        Some(Credentials::of_account(name, password.secret().clone()))
    }

    /// How the claim logs in, to prove that it is ours.
    #[must_use]
    pub fn claim_credentials(&self) -> Credentials {
        Credentials::of_account(CLAIM_USER, self.claim_password.secret().clone())
    }

    /// What may show in no text about the Secret, in either form in which it could be quoted.
    #[must_use]
    pub fn confidential(&self) -> Confidential {
        let passwords = [&self.password, &self.claim_password].into_iter().chain(&self.next_password);
        Confidential::new(passwords.flat_map(|password| {
            let encoded = json!(ByteString(password.secret().expose_secret().as_bytes().to_vec()));
            [password.secret().clone(), SecretString::from(encoded.as_str().unwrap_or_default())]
        }))
    }

    /// The names of roles that are ours, or are to be.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.place.setup.impersonation_role.iter().chain(&self.next_roles).map(String::as_str)
    }

    /// Whether everything that is wanted has its name in here.
    #[must_use]
    pub fn names(&self, wanted: &Setup) -> bool {
        self.accounts().any(|(name, _)| name == wanted.system_account)
            && wanted.impersonation_role.as_ref().is_none_or(|role| self.roles().any(|name| name == role))
    }

    /// Whether it says what is wanted, and nothing else.
    #[must_use]
    pub fn is_settled(&self, wanted: &Place) -> bool {
        self.place == *wanted && self.next_accounts.is_empty() && self.next_roles.is_empty() && self.ids.is_some()
    }

    /// With the names that are to come, and a password for new names of the account. Those that were to come
    /// before stay: an edit that was interrupted may have come as far as any of them.
    #[must_use]
    pub fn with_next(&self, wanted: &Setup, new_password: impl FnOnce() -> Password) -> Self {
        let mut next = self.clone();
        if self.password_of(&wanted.system_account).is_none() {
            next.next_accounts.push(wanted.system_account.clone());
            next.next_password.get_or_insert_with(new_password);
        }
        let is_new = |role: &&String| !self.roles().any(|known| known == *role);
        next.next_roles.extend(wanted.impersonation_role.iter().filter(is_new).cloned());
        next
    }

    /// What there is now, without what was to come.
    #[must_use]
    pub fn settled(&self, place: &Place, ids: UserIds) -> Self {
        Self {
            place: place.clone(),
            password: self.password_of(&place.setup.system_account).unwrap_or(&self.password).clone(),
            claim_password: self.claim_password.clone(),
            next_accounts: Vec::new(),
            next_password: None,
            next_roles: Vec::new(),
            ids: Some(ids),
            stored: self.stored.clone(),
        }
    }

    /// All that stands in the Secret; nothing for a key that isn't to be there.
    #[must_use]
    pub fn data(&self) -> BTreeMap<&'static str, Option<ByteString>> {
        let Self { place, password, claim_password, next_accounts, next_password, next_roles, ids, stored: _ } = self;
        let Setup { database, database_mode, system_account, impersonation_role } = &place.setup;
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        let text = |text: &str| Some(bytes(text));
        let secret = |password: &Password| Some(bytes(password.secret().expose_secret()));
        let list = |names: &[String]| (!names.is_empty()).then(|| bytes(&names.join(SEPARATOR)));
        BTreeMap::from([
            (USERNAME, text(system_account)),
            (PASSWORD, secret(password)),
            (CLAIM_USERNAME, text(CLAIM_USER)),
            (CLAIM_PASSWORD, secret(claim_password)),
            (HOST, text(place.endpoint.host())),
            (PORT, text(&place.endpoint.port().to_string())),
            (DATABASE, text(database)),
            (DATABASE_MODE, text(database_mode.as_str())),
            (ROLE, impersonation_role.as_deref().map(bytes)),
            (NEXT_USERNAME, list(next_accounts)),
            (NEXT_PASSWORD, next_password.as_ref().and_then(secret)),
            (NEXT_ROLE, list(next_roles)),
            (CLAIM_USER_ID, ids.as_ref().map(|ids| bytes(ids.claim.as_str()))),
            (USER_ID, ids.as_ref().map(|ids| bytes(ids.account.as_str()))),
        ])
    }

    /// Reads what stands in the Secret.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in our own words: never its content.
    pub fn read(secret: &Secret) -> Result<Self, Malformed> {
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
        let list = |key| -> Result<Vec<String>, Malformed> {
            let names = optional(key)?;
            names.iter().flat_map(|names| names.split(SEPARATOR)).map(|name| is_name(key, name.to_owned())).collect()
        };
        let port = text(PORT)?.parse().map_err(|_| Flaw::NotAPort.of(PORT))?;
        let database_mode = match text(DATABASE_MODE)?.as_str() {
            "Create" => DatabaseMode::Create,
            "Existing" => DatabaseMode::Existing,
            _ => return Err(Flaw::NotAMode.of(DATABASE_MODE)),
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
        let ids = optional(CLAIM_USER_ID)?.zip(optional(USER_ID)?);
        Ok(Self {
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
            ids: ids.map(|(claim, account)| UserIds { claim: UserId::new(claim), account: UserId::new(account) }),
            stored: Some(Stored::of(secret)),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn account() -> SystemAccount {
        let setup = Setup {
            database: "immuta".to_owned(),
            database_mode: DatabaseMode::Existing,
            system_account: "keeper".to_owned(),
            impersonation_role: None,
        };
        let place = Place { endpoint: Endpoint::new("one.example", 5439), setup };
        SystemAccount::new(place, Password::generate(), Password::generate())
    }

    fn kept(account: &SystemAccount) -> Secret {
        let data = account.data().into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Secret { data: Some(data.collect()), ..Secret::default() }
    }

    /// What a user's Secret has under a key, shown.
    fn secret(account: &SystemAccount, name: &str) -> String {
        account.password_of(name).unwrap().secret().expose_secret().to_owned()
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let wanted = Setup {
            system_account: "warden".to_owned(),
            impersonation_role: Some("masks".to_owned()),
            ..account().place.setup
        };
        let next = account().with_next(&wanted, Password::generate);
        let ids = UserIds { claim: UserId::new("101"), account: UserId::new("102") };
        let place = Place { setup: wanted, ..next.place.clone() };
        let settled = next.settled(&place, ids);
        for account in [account(), next, settled] {
            let read = SystemAccount::read(&kept(&account)).unwrap();
            assert_eq!(read.data(), account.data());
        }
    }

    #[test]
    fn a_password_for_a_new_name_is_kept_when_the_name_changes_again() {
        let setup = |name: &str| Setup { system_account: name.to_owned(), ..account().place.setup };
        let once = account().with_next(&setup("warden"), Password::generate);
        let twice = once.with_next(&setup("steward"), || panic!("there is one already"));
        assert_eq!(secret(&once, "warden"), secret(&twice, "steward"));
        assert_eq!(twice.accounts().map(|(name, _)| name).collect::<Vec<_>>(), ["steward", "warden", "keeper"]);
    }

    #[test]
    fn what_is_wrong_is_said_without_its_content() {
        for key in [PASSWORD, CLAIM_PASSWORD, PORT, DATABASE_MODE] {
            for content in ["s3cret canary".as_bytes(), &[0xff, 0xfe]] {
                let mut secret = kept(&account());
                secret.data.get_or_insert_default().insert(key.to_owned(), ByteString(content.to_vec()));
                let malformed = SystemAccount::read(&secret).unwrap_err();
                let said = format!("{malformed} {malformed:?}");
                assert!(said.contains(key) && !said.contains("canary") && !said.contains("255"), "{said}");
            }
        }
    }
}
