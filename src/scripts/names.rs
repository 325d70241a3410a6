//! Names of what the operator creates.

use std::fmt;

use thiserror::Error;

use super::quote::{QuoteError, quote_identifier};
use super::reserved_words::RESERVED_WORDS;

/// Name of a database, user or role that the operator creates: lower case, simple, no reserved word.
///
/// Redshift folds names of objects to lower case, even quoted ones, and keeps the case of user names;
/// a name that is lower case and simple means the same in every place and setting.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectName(String);

/// A name that Redshift would fold, cut or refuse.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{name}` can't be used as a name: {reason}")]
pub struct NameError {
    name: String,
    reason: &'static str,
}

impl ObjectName {
    /// Takes a name, or says why it can't be one.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let refuse = |reason| Err(NameError { name: name.to_owned(), reason });
        let mut characters = name.chars();
        match characters.next() {
            None => return refuse("it is empty"),
            Some(first) if !(first.is_ascii_lowercase() || first == '_') => {
                return refuse("it must begin with a lower-case letter or an underscore");
            }
            Some(_) => {}
        }
        if !characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '$') {
            return refuse("only lower-case letters, digits, `_` and `$` may stand in it");
        }
        if name.len() > 127 {
            return refuse("Redshift's names have 127 bytes at most");
        }
        if RESERVED_WORDS.contains(&name) {
            return refuse("it is a reserved word of Redshift's");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Databases that belong to the system: nobody enters them, and nothing of a user is in them.
pub const SYSTEM_DATABASES: [&str; 4] = ["padb_harvest", "template0", "template1", "sys:internal"];

/// Name of a database that is there already: whatever a quoted identifier can hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExistingName(String);

impl ExistingName {
    /// Takes a name, or says why it can't be one.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let refuse = |reason| Err(NameError { name: name.to_owned(), reason });
        if SYSTEM_DATABASES.contains(&name) {
            return refuse("this database belongs to Redshift itself");
        }
        match quote_identifier(name) {
            Ok(_) => Ok(Self(name.to_owned())),
            Err(QuoteError::EmptyName) => refuse("it is empty"),
            Err(QuoteError::LongName(_)) => refuse("Redshift's names have 127 bytes at most"),
            Err(_) => refuse("quotes and control characters can't be part of it"),
        }
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_name_that_redshift_would_fold_is_refused() {
        assert!(ObjectName::new("Immuta").is_err());
        assert!(ObjectName::new("immuta-system").is_err());
        assert!(ObjectName::new("1immuta").is_err());
        assert!(ObjectName::new("").is_err());
        assert!(ObjectName::new("user").is_err());
        assert_eq!(ObjectName::new("immuta_1$").unwrap().as_str(), "immuta_1$");
    }
}
