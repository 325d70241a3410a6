//! What the Secret `<name>-system-account` says: the passwords that prove what is ours, and where it belongs.
//!
//! What is read and what is written stands in one table each, side by side, so that a key can't be forgotten.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::definitions::Definitions;
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
const NEXT_CLAIM_PASSWORD: &str = "nextClaimPassword";
const ROTATED_AT: &str = "rotatedAt";
const ROTATED_FOR: &str = "rotatedFor";
const DEFINITIONS: &str = "definitions";
const MASKING_KEY: &str = "maskingKey";

/// Between the names of a list; no name holds it.
const SEPARATOR: &str = ",";

/// What pseudonyms are made with: 64 hex digits.
#[derive(Clone, Debug)]
pub struct MaskingKey(SecretString);

impl MaskingKey {
    fn read(secret: &Secret) -> Result<Self, Malformed> {
        let key = secret_content::text(secret, MASKING_KEY)?;
        let is_key = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_key(key.expose_secret()) { Ok(Self(key)) } else { Err(Flaw::NotAKey.of(MASKING_KEY)) }
    }

    /// For the statement that writes it.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

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
    /// When it was made.
    pub created: Option<Timestamp>,
}

impl Stored {
    /// As it was read, or as the API server answered a write.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        let metadata = &secret.metadata;
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            version: metadata.resource_version.clone(),
            created: metadata.creation_timestamp.as_ref().map(|created| created.0),
        }
    }
}

/// So many other names the system account, or its role, can be to have at once: a look tries each of them.
pub const MOST_NAMES: usize = 20;

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
    /// Its password under each of these; during a rotation it can have it under its present name too.
    pub next_password: Option<Password>,
    /// The password that the claim gets by a rotation, from when that is begun until it is done.
    pub next_claim_password: Option<Password>,
    /// The names of roles that were to come since then: each of them can be there.
    pub next_roles: Vec<String>,
    /// Ids of the claim and of the system account, once both were there.
    pub ids: Option<UserIds>,
    /// When the passwords were rotated last, if they ever were.
    pub rotated_at: Option<Timestamp>,
    /// The value of the annotation that asks for rotations, when the last one was begun or the passwords were new.
    pub rotated_for: Option<String>,
    /// In manual mode, what the server showed of our objects when they were verified: the operator writes nothing into the
    /// registry then.
    pub definitions: Option<Definitions>,
    /// What pseudonyms in policy-enforced views are made with: 64 hex digits. It is in here before it is in the warehouse.
    pub masking_key: Option<MaskingKey>,
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
            next_claim_password: None,
            next_roles: Vec::new(),
            ids: None,
            rotated_at: None,
            rotated_for: None,
            definitions: None,
            masking_key: None,
            stored: None,
        }
    }

    /// What the Secret of a resource is called.
    #[must_use]
    pub fn secret_name(resource: &str) -> String {
        format!("{resource}-system-account")
    }

    /// The names that the system account can have, the next one first.
    pub fn account_names(&self) -> impl Iterator<Item = &str> {
        self.next_accounts.iter().rev().chain([&self.place.setup.system_account]).map(String::as_str)
    }

    /// The passwords that the system account can have under a name; the first is the one that it is to have. Of a name
    /// that it can't have there are none.
    pub fn passwords_of(&self, name: &str) -> impl Iterator<Item = &Password> {
        let is_present = self.place.setup.system_account == name;
        let is_next = self.next_accounts.iter().any(|next| next == name) || is_present && self.is_rotating();
        self.next_password
            .iter()
            .filter(move |_| is_next)
            .chain([&self.password].into_iter().filter(move |_| is_present))
    }

    /// The passwords that the claim can have; the first is the one that it is to have.
    pub fn claim_passwords(&self) -> impl Iterator<Item = &Password> {
        self.next_claim_password.iter().chain([&self.claim_password])
    }

    /// How the system account may be able to log in under a name.
    #[must_use]
    pub fn credentials(&self, name: &str) -> Vec<Credentials> {
        let passwords = self.passwords_of(name);
        passwords.map(|password| Credentials::of_account(name, password.secret().clone())).collect()
    }

    /// How the claim may be able to log in, to prove that it is ours.
    #[must_use]
    pub fn claim_credentials(&self) -> Vec<Credentials> {
        let passwords = self.claim_passwords();
        passwords.map(|password| Credentials::of_account(CLAIM_USER, password.secret().clone())).collect()
    }

    /// Whether a rotation was begun and isn't done.
    #[must_use]
    pub fn is_rotating(&self) -> bool {
        self.next_claim_password.is_some()
    }

    /// Whether both passwords of a rotation are there.
    #[must_use]
    pub fn has_next_passwords(&self) -> bool {
        self.next_claim_password.is_some() && self.next_password.is_some()
    }

    /// Since when the passwords are what they are, as far as is known.
    #[must_use]
    pub fn passwords_since(&self) -> Option<Timestamp> {
        self.rotated_at.or_else(|| self.stored.as_ref()?.created)
    }

    /// With passwords to rotate to. Those that were to come before stay: they may be set already.
    #[must_use]
    pub fn with_next_passwords(&self, asked_for: Option<&str>, new_password: impl Fn() -> Password) -> Self {
        let mut next = self.clone();
        next.next_password.get_or_insert_with(&new_password);
        next.next_claim_password.get_or_insert_with(&new_password);
        if let (false, Some(value)) = (self.is_rotating(), asked_for) {
            next.rotated_for = Some(value.to_owned());
        }
        next
    }

    /// With the passwords to which it was rotated, and without those before.
    #[must_use]
    pub fn rotated(&self, now: Timestamp) -> Self {
        let mut rotated = self.clone();
        rotated.password = self.next_password.clone().unwrap_or_else(|| self.password.clone());
        rotated.claim_password = self.next_claim_password.clone().unwrap_or_else(|| self.claim_password.clone());
        // A name that is to come has it as well.
        rotated.next_password = rotated.next_password.filter(|_| !self.next_accounts.is_empty());
        rotated.next_claim_password = None;
        rotated.rotated_at = Some(Timestamp::from_second(now.as_second()).unwrap_or(now));
        rotated
    }

    /// What may show in no text about the Secret, in either form in which it could be quoted.
    #[must_use]
    pub fn confidential(&self) -> Confidential {
        let next = self.next_password.iter().chain(&self.next_claim_password);
        let passwords = [&self.password, &self.claim_password].into_iter().chain(next).map(Password::secret);
        let secrets = passwords.chain(self.masking_key.iter().map(|key| &key.0));
        Confidential::new(secrets.flat_map(|secret| {
            let encoded = json!(ByteString(secret.expose_secret().as_bytes().to_vec()));
            [secret.clone(), SecretString::from(encoded.as_str().unwrap_or_default())]
        }))
    }

    /// The names of roles that are ours, or are to be.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.place.setup.impersonation_role.iter().chain(&self.next_roles).map(String::as_str)
    }

    /// Whether so many names are to come that no more are taken on.
    #[must_use]
    pub fn has_too_many_names(&self) -> bool {
        self.next_accounts.len().max(self.next_roles.len()) > MOST_NAMES
    }

    /// Whether everything that is wanted has its name in here.
    #[must_use]
    pub fn names(&self, wanted: &Setup) -> bool {
        self.account_names().any(|name| name == wanted.system_account)
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
        if self.account_names().all(|name| name != wanted.system_account) {
            next.next_accounts.push(wanted.system_account.clone());
            next.next_password.get_or_insert_with(new_password);
        }
        let is_new = |role: &&String| !self.roles().any(|known| known == *role);
        next.next_roles.extend(wanted.impersonation_role.iter().filter(is_new).cloned());
        next
    }

    /// What there is now, without what was to come. A rotation that was begun goes on: which of two passwords a name has
    /// that stays isn't known here. `asked_for` is what the annotation says that asks for rotations: passwords that are
    /// new are what it asks for.
    #[must_use]
    pub fn settled(&self, place: &Place, ids: UserIds, asked_for: Option<&str>) -> Self {
        let name = &place.setup.system_account;
        let is_renamed = *name != self.place.setup.system_account && self.next_accounts.contains(name);
        let renamed_to = self.next_password.as_ref().filter(|_| is_renamed);
        Self {
            place: place.clone(),
            password: renamed_to.unwrap_or(&self.password).clone(),
            claim_password: self.claim_password.clone(),
            next_accounts: Vec::new(),
            next_password: self.next_password.clone().filter(|_| self.is_rotating() && !is_renamed),
            next_claim_password: self.next_claim_password.clone(),
            next_roles: Vec::new(),
            rotated_at: self.rotated_at,
            rotated_for: asked_for
                .filter(|_| self.ids.is_none())
                .map(str::to_owned)
                .or_else(|| self.rotated_for.clone()),
            ids: Some(ids),
            definitions: self.definitions.clone(),
            masking_key: self.masking_key.clone(),
            stored: self.stored.clone(),
        }
    }

    /// With a key for pseudonyms, unless there is one.
    #[must_use]
    pub fn with_masking_key(&self, new_key: impl FnOnce() -> SecretString) -> Self {
        let masking_key = self.masking_key.clone().unwrap_or_else(|| MaskingKey(new_key()));
        Self { masking_key: Some(masking_key), ..self.clone() }
    }

    /// With what the server showed of our objects when they were verified.
    #[must_use]
    pub fn with_definitions(&self, definitions: Option<Definitions>) -> Self {
        Self { definitions, ..self.clone() }
    }

    /// The same for another place or other names, where nothing is set up yet: a person was given scripts. Those that were given
    /// before may be run all the same, so that the names in them stay known, with the one password.
    #[must_use]
    pub fn moved(&self, place: &Place) -> Self {
        let mut moved = Self { place: place.clone(), ..self.clone() };
        let (account, role) = (&place.setup.system_account, &place.setup.impersonation_role);
        moved.next_accounts.push(self.place.setup.system_account.clone());
        moved.next_accounts.retain(|name| name != account);
        moved.next_roles.extend(self.place.setup.impersonation_role.clone());
        moved.next_roles.retain(|name| Some(name) != role.as_ref());
        moved.next_password = (!moved.next_accounts.is_empty()).then(|| self.password.clone());
        moved
    }

    /// All that stands in the Secret; nothing for a key that isn't to be there.
    #[must_use]
    pub fn data(&self) -> BTreeMap<&'static str, Option<ByteString>> {
        let Self { place, password, claim_password, next_accounts, next_password, next_claim_password, .. } = self;
        let Self { next_roles, ids, rotated_at, rotated_for, definitions, masking_key, stored: _, .. } = self;
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
            (NEXT_CLAIM_PASSWORD, next_claim_password.as_ref().and_then(secret)),
            (NEXT_ROLE, list(next_roles)),
            (ROTATED_AT, rotated_at.map(|at| bytes(&at.to_string()))),
            (ROTATED_FOR, rotated_for.as_deref().map(bytes)),
            (MASKING_KEY, masking_key.as_ref().map(|key| bytes(key.0.expose_secret()))),
            (DEFINITIONS, definitions.as_ref().map(|definitions| bytes(&definitions.to_string()))),
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
        let is_needed = !next_accounts.is_empty() || has(NEXT_PASSWORD);
        let next_password = is_needed.then(|| password(NEXT_PASSWORD)).transpose()?;
        let next_claim_password = has(NEXT_CLAIM_PASSWORD).then(|| password(NEXT_CLAIM_PASSWORD)).transpose()?;
        let (current, claim) = (password(PASSWORD)?, password(CLAIM_PASSWORD)?);
        for key in [HOST, DATABASE] {
            let value = text(key)?;
            let mut passwords = [&current, &claim].into_iter().chain(&next_password).chain(&next_claim_password);
            if passwords.any(|password| password.secret().expose_secret().eq_ignore_ascii_case(&value)) {
                return Err(Flaw::NotAName.of(key));
            }
        }
        let ids = optional(CLAIM_USER_ID)?.zip(optional(USER_ID)?);
        let is_time = |text: String| text.parse().map_err(|_| Flaw::NotATime.of(ROTATED_AT));
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
            next_claim_password,
            next_roles: list(NEXT_ROLE)?,
            ids: ids.map(|(claim, account)| UserIds { claim: UserId::new(claim), account: UserId::new(account) }),
            rotated_at: optional(ROTATED_AT)?.map(is_time).transpose()?,
            rotated_for: optional(ROTATED_FOR)?,
            masking_key: has(MASKING_KEY).then(|| MaskingKey::read(secret)).transpose()?,
            definitions: optional(DEFINITIONS)?.and_then(|text| Definitions::parse(&text)),
            stored: Some(Stored::of(secret)),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    pub(in crate::lifecycle) fn account() -> SystemAccount {
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
        account.passwords_of(name).next().unwrap().secret().expose_secret().to_owned()
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
        let settled = next.settled(&place, ids, Some("once"));
        let rotating = settled.with_next_passwords(Some("again"), Password::generate);
        let rotated = rotating.rotated("2026-11-27T08:00:00Z".parse().unwrap());
        for account in [account(), next, settled, rotating, rotated] {
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
        assert_eq!(twice.account_names().collect::<Vec<_>>(), ["steward", "warden", "keeper"]);
    }

    #[test]
    fn no_end_of_names_is_to_come() {
        let setup = |n: usize| Setup { system_account: format!("warden{n}"), ..account().place.setup };
        let next = |account: SystemAccount, n| account.with_next(&setup(n), Password::generate);
        let most = (0..MOST_NAMES).fold(account(), next);
        assert!(!most.has_too_many_names() && !next(most.clone(), 0).has_too_many_names());
        assert!(next(most, MOST_NAMES).has_too_many_names());
    }

    fn shown<'a>(passwords: impl Iterator<Item = &'a Password>) -> Vec<String> {
        passwords.map(|password| password.secret().expose_secret().to_owned()).collect()
    }

    fn ids() -> UserIds {
        UserIds { claim: UserId::new("101"), account: UserId::new("102") }
    }

    #[test]
    fn during_a_rotation_either_password_is_tried_and_afterwards_the_new_one_alone() {
        let before = account();
        let rotating = before.with_next_passwords(None, Password::generate);
        assert_eq!(shown(rotating.passwords_of("keeper")).len(), 2);
        assert_eq!(shown(rotating.claim_passwords()).len(), 2);
        assert_eq!(shown(rotating.passwords_of("keeper"))[1], secret(&before, "keeper"));
        let again = rotating.with_next_passwords(None, || panic!("they may be set already"));
        let rotated = again.rotated(Timestamp::UNIX_EPOCH);
        assert_eq!(shown(rotated.passwords_of("keeper")), shown(rotating.passwords_of("keeper"))[..1]);
        assert_eq!(shown(rotated.claim_passwords()), shown(rotating.claim_passwords())[..1]);
        assert!(!rotated.is_rotating() && rotated.next_password.is_none());
    }

    #[test]
    fn an_edit_that_comes_between_loses_no_password_of_a_rotation() {
        let rotating = account().with_next_passwords(None, Password::generate);
        let same = rotating.settled(&rotating.place, ids(), None);
        assert_eq!(shown(same.passwords_of("keeper")), shown(rotating.passwords_of("keeper")));
        assert_eq!(shown(same.claim_passwords()), shown(rotating.claim_passwords()));
        // A new name has one password, and the claim may have either of two.
        let setup = Setup { system_account: "warden".to_owned(), ..account().place.setup };
        let renaming = rotating.with_next(&setup, || panic!("there is one already"));
        assert_eq!(shown(renaming.passwords_of("keeper")), shown(rotating.passwords_of("keeper")));
        let renamed = renaming.settled(&Place { setup, ..renaming.place.clone() }, ids(), None);
        assert_eq!(shown(renamed.passwords_of("warden")), shown(rotating.passwords_of("keeper"))[..1]);
        assert_eq!(shown(renamed.claim_passwords()), shown(rotating.claim_passwords()));
        // The rotation goes on, with another password.
        let on = renamed.with_next_passwords(None, Password::generate).rotated(Timestamp::UNIX_EPOCH);
        assert_ne!(shown(on.passwords_of("warden")), shown(renamed.passwords_of("warden")));
        assert_eq!(shown(on.claim_passwords()), shown(renamed.claim_passwords())[..1]);
        // And the other way round: a name that is to come keeps its password.
        let finished = renaming.rotated(Timestamp::UNIX_EPOCH);
        assert_eq!(shown(finished.passwords_of("warden")), shown(renaming.passwords_of("warden")));
    }

    #[test]
    fn what_asks_for_a_rotation_counts_as_done_where_the_passwords_are_new() {
        let made = account().settled(&account().place, ids(), Some("1"));
        assert_eq!(made.rotated_for.as_deref(), Some("1"));
        assert_eq!(made.settled(&made.place, ids(), Some("2")).rotated_for.as_deref(), Some("1"));
        let begun = made.with_next_passwords(Some("2"), Password::generate);
        assert_eq!(begun.rotated_for.as_deref(), Some("2"));
        // Asked for behind the beginning: that is another one.
        assert_eq!(begun.with_next_passwords(Some("3"), Password::generate).rotated_for.as_deref(), Some("2"));
    }

    #[test]
    fn what_is_wrong_is_said_without_its_content() {
        for key in [PASSWORD, CLAIM_PASSWORD, NEXT_CLAIM_PASSWORD, PORT, DATABASE_MODE, ROTATED_AT] {
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
