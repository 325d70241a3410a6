//! A system account that somebody else has renamed. A login knows it no more, but its id stays. A superuser, who reads in
//! the registry whose it is, names it back.

use std::collections::BTreeMap;

use super::proof::Heritage;
use super::{Mend, RegistryState, Schema, Standing, Subject, SystemAccount, UserId};
use crate::api::Remedy;
use crate::scripts::{Section, quote_identifier, show_identifier};

/// A system account that isn't called as its Secret says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Renamed {
    /// Its id, as the Secret remembers it.
    pub id: UserId,
    /// The name that the Secret says.
    pub former: String,
    /// What it is called.
    pub called: String,
    /// Who has the former name now, if anybody does.
    pub successor: Option<UserId>,
}

/// What a superuser has found who looks whether it can be named back.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// UID of the integration.
    pub uid: &'a str,
    /// What the Secret says.
    pub account: &'a SystemAccount,
    /// All users, with their ids.
    pub users: &'a BTreeMap<String, UserId>,
    /// Whose the claim is.
    pub claim: &'a Standing,
    /// The registry, and who owns it.
    pub heritage: Option<&'a Heritage>,
}

impl Renamed {
    /// Finds it among all users. One that has a name which the Secret knows was not renamed by others: it has another
    /// password.
    #[must_use]
    pub fn find(account: &SystemAccount, users: &BTreeMap<String, UserId>) -> Option<Self> {
        let id = &account.ids.as_ref()?.account;
        let (called, _) = users.iter().find(|(_, found)| *found == id)?;
        if account.account_names().any(|name| name == called) {
            return None;
        }
        let former = account.place.setup.system_account.clone();
        let successor = users.get(&former).cloned();
        Some(Self { id: id.clone(), former, called: called.clone(), successor })
    }

    /// What has happened: the same words, whatever it is called by now.
    #[must_use]
    pub fn what(&self) -> String {
        format!("the system account {} was renamed", self.former)
    }

    /// The same, with the new name.
    #[must_use]
    pub fn what_exactly(&self) -> String {
        format!("{} to {}", self.what(), self.called)
    }

    /// The whole of it, in a sentence.
    #[must_use]
    pub fn message(&self) -> String {
        let Self { id, former, successor, .. } = self;
        let renamed = format!("{} (usesysid {id}), so that its login is refused", self.what_exactly());
        match successor {
            None => renamed,
            Some(other) => format!("{renamed}, and another user has the name {former} now (usesysid {other})"),
        }
    }

    /// What a person does, as a superuser; `secret` is the name of the Secret.
    #[must_use]
    pub fn by_hand(&self, secret: &str) -> Vec<Remedy> {
        let Self { former, called, .. } = self;
        // What is printed may be pasted: a name that isn't one is described instead.
        let renaming = quote_identifier(called).is_ok().then(|| {
            let (from, to) = (show_identifier(called), show_identifier(former));
            format!("ALTER USER {from} RENAME TO {to}")
        });
        let make_room = self
            .successor
            .is_some()
            .then(|| Remedy::new(format!("find out whose the user {former} is, and give that one another name first")));
        make_room
            .into_iter()
            .chain([
                Remedy { description: "name it back, as a superuser".to_owned(), command: renaming },
                Remedy::command(
                    format!(
                        "then set its password, which a new name makes worthless, to the one in the Secret {secret}, as a \
                         superuser"
                    ),
                    format!("ALTER USER {} PASSWORD '…'", show_identifier(former)),
                ),
            ])
            .collect()
    }

    /// What names it back.
    ///
    /// # Errors
    ///
    /// Why that isn't done, where there is any doubt: the registry must be this integration's, and belong to that very
    /// account, and its name must be free.
    pub fn mend(&self, found: Found<'_>) -> Result<Mend, String> {
        let Found { uid, account, users, claim, heritage } = found;
        if *claim != Standing::Ours {
            return Err("it isn't proven that the claim on the warehouse is this integration's".to_owned());
        }
        let Some(Heritage { registry, owner }) = heritage else {
            return Err(format!("no registry in the database {} can be read", account.place.setup.database));
        };
        if registry.integration_uid != uid {
            return Err(format!("the registry names the integration {}", registry.integration_uid));
        }
        if registry.state != RegistryState::Complete || registry.schema() == Schema::Newer {
            let (state, version) = (registry.state.as_str(), registry.schema_version);
            return Err(format!("the registry says `{state}`, schema version {version}"));
        }
        if *owner != self.id {
            return Err(format!("the registry belongs to another user (usesysid {owner})"));
        }
        if users.get(&self.called) != Some(&self.id) {
            return Err(format!("it isn't called {} any more", self.called));
        }
        let wanted = &registry.setup.system_account;
        if let Some(other) = users.get(wanted) {
            return Err(format!("another user has the name {wanted} (usesysid {other})"));
        }
        if account.passwords_of(wanted).next().is_none() {
            return Err(format!("the Secret holds no password for the name {wanted}, which the registry says"));
        }
        let subject = Subject::Renaming { former: self.called.clone(), new: wanted.clone() };
        Ok(Mend { section: Section::RenameAccount, subject })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::lifecycle::{Registry, Setup, UserIds};
    use crate::scripts::{Password, SCHEMA_VERSION};

    fn account() -> SystemAccount {
        let ids = UserIds { claim: UserId::new("101"), account: UserId::new("102") };
        SystemAccount { ids: Some(ids), ..crate::lifecycle::account::tests::account() }
    }

    fn heritage() -> Heritage {
        let registry = Registry {
            integration_uid: "ours".to_owned(),
            state: RegistryState::Complete,
            fencing_counter: 7,
            schema_version: i64::from(SCHEMA_VERSION),
            applied_hash: String::new(),
            setup: account().place.setup,
            definitions: None,
            claim_user_id: None,
        };
        Heritage { registry, owner: UserId::new("102") }
    }

    fn users(users: &[(&str, &str)]) -> BTreeMap<String, UserId> {
        users.iter().map(|(name, id)| ((*name).to_owned(), UserId::new(*id))).collect()
    }

    fn renamed() -> Renamed {
        Renamed::find(&account(), &users(&[("governess", "102")])).unwrap()
    }

    #[test]
    fn only_an_account_with_a_name_that_the_secret_does_not_know_was_renamed() {
        assert_eq!(renamed().called, "governess");
        assert_eq!(Renamed::find(&account(), &users(&[("keeper", "102")])), None);
        assert_eq!(Renamed::find(&account(), &users(&[("governess", "103")])), None);
        let wanted = Setup { system_account: "warden".to_owned(), ..account().place.setup };
        let editing = account().with_next(&wanted, Password::generate);
        assert_eq!(Renamed::find(&editing, &users(&[("warden", "102")])), None);
        assert_eq!(Renamed::find(&SystemAccount { ids: None, ..account() }, &users(&[("governess", "102")])), None);
    }

    #[test]
    fn it_is_named_back_where_there_is_no_doubt() {
        let (account, users, heritage) = (account(), users(&[("governess", "102")]), heritage());
        let found =
            Found { uid: "ours", account: &account, users: &users, claim: &Standing::Ours, heritage: Some(&heritage) };
        let subject = Subject::Renaming { former: "governess".to_owned(), new: "keeper".to_owned() };
        assert_eq!(renamed().mend(found), Ok(Mend { section: Section::RenameAccount, subject }));
    }

    #[test]
    fn it_is_left_alone_where_there_is_any() {
        let there = [("governess", "102")];
        let with = |change: &dyn Fn(&mut Heritage)| {
            let mut heritage = heritage();
            change(&mut heritage);
            Some(heritage)
        };
        let ours = Standing::Ours;
        let cases = [
            (Standing::Absent, Some(heritage()), users(&there), "the claim"),
            (ours.clone(), None, users(&there), "no registry"),
            (ours.clone(), with(&|it| it.registry.integration_uid.push('2')), users(&there), "the integration ours2"),
            (ours.clone(), with(&|it| it.registry.state = RegistryState::Deleting), users(&there), "`deleting`"),
            (ours.clone(), with(&|it| it.registry.schema_version += 2), users(&there), "schema version"),
            (ours.clone(), with(&|it| it.owner = UserId::new("1")), users(&there), "another user (usesysid 1)"),
            (ours.clone(), Some(heritage()), users(&[("other", "102")]), "isn't called governess"),
            (ours.clone(), Some(heritage()), users(&[there[0], ("keeper", "9")]), "has the name keeper (usesysid 9)"),
            (
                ours,
                with(&|it| "warden".clone_into(&mut it.registry.setup.system_account)),
                users(&there),
                "no password",
            ),
        ];
        let account = account();
        for (claim, heritage, users, says) in cases {
            let (claim, heritage) = (&claim, heritage.as_ref());
            let found = Found { uid: "ours", account: &account, users: &users, claim, heritage };
            let why = renamed().mend(found).unwrap_err();
            assert!(why.contains(says), "{why}, not {says}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_in_no_statement() {
        let renamed = Renamed { called: "a\"; DROP USER b; --".to_owned(), ..renamed() };
        assert!(renamed.by_hand("secret").iter().all(|it| it.command.as_ref().is_none_or(|it| !it.contains("DROP"))));
    }
}
