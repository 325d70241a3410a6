//! What comes out of Secrets, and what may be wrong with it. Conditions, events and logs are read by people who may not
//! read Secrets, so that the words for it have no place for any of the content, and no error of a parser is passed on.

use k8s_openapi::api::core::v1::Secret;
use secrecy::SecretString;
use thiserror::Error;

use crate::scripts::PasswordError;

/// A value of a Secret that can't be used.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("`{key}` {flaw}")]
pub struct Malformed {
    key: &'static str,
    flaw: Flaw,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Flaw {
    /// There is none.
    #[error("is missing")]
    Missing,
    /// It has no length.
    #[error("is empty")]
    Empty,
    /// It isn't UTF-8.
    #[error("is something other than text")]
    NotText,
    /// It has a character in it that no name and no password can have.
    #[error("has a NUL character in it")]
    Nul,
    /// It goes over lines.
    #[error("has a line break in it, often from `echo` without `-n`")]
    LineBreak,
    /// It isn't one of the few values that it can have.
    #[error("is neither Create nor Existing")]
    NotAMode,
    /// It isn't a number of a port.
    #[error("is no port")]
    NotAPort,
    /// It isn't a point in time.
    #[error("is no time in the form of RFC 3339")]
    NotATime,
    /// It can't be the name of something that was created.
    #[error("is no name that the operator gives")]
    NotAName,
    /// It can't be a password that was set.
    #[error("is no password that the operator sets: {0}")]
    NotAPassword(PasswordError),
}

impl Flaw {
    /// Of the value of this key.
    pub fn of(self, key: &'static str) -> Malformed {
        Malformed { key, flaw: self }
    }
}

/// The text of a key.
pub fn text(secret: &Secret, key: &'static str) -> Result<SecretString, Malformed> {
    let value = secret.data.as_ref().and_then(|data| data.get(key)).ok_or_else(|| Flaw::Missing.of(key))?;
    let text = std::str::from_utf8(&value.0).map_err(|_| Flaw::NotText.of(key))?;
    Ok(SecretString::from(text))
}

/// The text of a key that has one, on one line.
pub fn line(secret: &Secret, key: &'static str) -> Result<SecretString, Malformed> {
    use secrecy::ExposeSecret;
    let text = text(secret, key)?;
    match text.expose_secret() {
        "" => Err(Flaw::Empty.of(key)),
        line if line.contains('\0') => Err(Flaw::Nul.of(key)),
        line if line.contains(['\n', '\r']) => Err(Flaw::LineBreak.of(key)),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    #[test]
    fn whatever_is_wrong_with_a_value_nothing_of_it_shows() {
        let canary = "Canary-7f3a";
        for value in [
            Vec::new(),
            format!("{canary}\n").into_bytes(),
            format!("{canary}\0").into_bytes(),
            [canary.as_bytes(), &[0xff]].concat(),
            [&[0xff, 0xfe], canary.as_bytes()].concat(),
        ] {
            let data = [("password".to_owned(), ByteString(value))].into();
            let secret = Secret { data: Some(data), ..Secret::default() };
            let malformed = line(&secret, "password").map(|_| ()).expect_err("it can't be used");
            let shown = format!("{malformed} {malformed:?}");
            assert!(!shown.contains("Canary") && !shown.contains("67, 97"), "{shown}");
        }
        let missing = line(&Secret::default(), "password").map(|_| ()).expect_err("there is none");
        assert_eq!(missing.to_string(), "`password` is missing");
    }
}
