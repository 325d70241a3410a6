//! Who logs in.

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::hints::{Hint, hints};
use super::words::Confidential;

/// A user's name. One that was read from a user's Secret shows nowhere: where keys were swapped, it is the password.
#[derive(Clone)]
pub struct UserName {
    text: SecretString,
    is_known: bool,
}

impl UserName {
    /// What is sent to the server.
    pub(crate) fn sent(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_known { self.text.expose_secret() } else { "<from the Secret>" })
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

/// Who logs in.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user.
    pub user: UserName,
    /// The password.
    pub password: SecretString,
    /// When it ends to be valid, of one that AWS has given out.
    pub ends: Option<Timestamp>,
}

impl Credentials {
    /// Of an account whose name the operator has given or checked.
    #[must_use]
    pub fn of_account(name: &str, password: SecretString) -> Self {
        Self { user: UserName { text: SecretString::from(name), is_known: true }, password, ends: None }
    }

    /// Temporary ones, for a user that AWS names.
    #[must_use]
    pub fn temporary(user: &str, password: SecretString, ends: Timestamp) -> Self {
        Self { ends: Some(ends), ..Self::of_account(user, password) }
    }

    /// As a user wrote them into a Secret: either may be anything.
    #[must_use]
    pub fn from_secret(user: SecretString, password: SecretString) -> Self {
        Self { user: UserName { text: user, is_known: false }, password, ends: None }
    }

    /// Whether AWS gave them out.
    #[must_use]
    pub fn are_temporary(&self) -> bool {
        self.ends.is_some()
    }

    /// Whether they were temporary, and their time is over.
    #[must_use]
    pub fn have_run_out(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }

    /// The likely mistakes in what a user wrote.
    pub(crate) fn hints(&self) -> Vec<Hint> {
        if self.user.is_known { Vec::new() } else { hints(self.user.sent(), self.password.expose_secret()) }
    }

    /// What may show in no text about a login with them.
    pub(crate) fn confidential(&self) -> Confidential {
        let user = (!self.user.is_known).then(|| self.user.text.clone());
        Confidential::new(user.into_iter().chain([self.password.clone()]))
    }

    /// What may show in no text of a server that has let them in: the name is one.
    pub(crate) fn confidential_once_in(&self) -> Confidential {
        Confidential::new([self.password.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_only_where_it_is_known_to_be_one() {
        let ours = Credentials::of_account("immuta_system_account", "Abcd1234".into());
        assert_eq!(ours.user.to_string(), "immuta_system_account");
        let theirs = Credentials::from_secret("Abcd1234".into(), "awsuser".into());
        let shown = format!("{} {:?}", theirs.user, theirs);
        assert!(!shown.contains("Abcd1234") && !shown.contains("awsuser"), "{shown}");
    }
}
