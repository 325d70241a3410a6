//! What comes out of Secrets, and what may be wrong with it. Conditions, events and logs are read by people who may not
//! read Secrets, so that the words for it have no place for any of the content, and no error of a parser is passed on.

use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::scripts::PasswordError;

/// Longest document that is read, in bytes: AWS Secrets Manager takes no longer one.
const LONGEST_DOCUMENT: usize = 64 * 1024;

/// A value of a Secret that can't be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{key}` {flaw}")]
pub struct Malformed {
    key: String,
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
    /// It can't be part of a key of AWS's.
    #[error("has a character in it that no access key of AWS's has, such as a blank, a quote or a byte order mark")]
    NotOfAKey,
    /// It is no such document.
    #[error("is no JSON document such as {{\"username\": \"…\", \"password\": \"…\"}}")]
    NotADocument,
    /// It is longer than any document of credentials.
    #[error("is longer than 64 KiB, which no document of AWS Secrets Manager is")]
    TooLong,
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
    /// It isn't one that the operator makes.
    #[error("is no key of 64 hex digits")]
    NotAKey,
    /// It can't be a password that was set.
    #[error("is no password that the operator sets: {0}")]
    NotAPassword(PasswordError),
}

impl Flaw {
    /// Of the value of this key.
    pub fn of(self, key: &str) -> Malformed {
        Malformed { key: key.to_owned(), flaw: self }
    }
}

/// The text of a key.
pub fn text(secret: &Secret, key: &str) -> Result<SecretString, Malformed> {
    let value = secret.data.as_ref().and_then(|data| data.get(key)).ok_or_else(|| Flaw::Missing.of(key))?;
    let text = std::str::from_utf8(&value.0).map_err(|_| Flaw::NotText.of(key))?;
    Ok(SecretString::from(text))
}

/// The text of a key that has one, on one line.
pub fn line(secret: &Secret, key: &str) -> Result<SecretString, Malformed> {
    one_line(text(secret, key)?, key)
}

/// A part of an access key: letters, digits and signs of base64, whatever stands around them by mistake.
pub fn part_of_access_key(secret: &Secret, key: &str) -> Result<SecretString, Malformed> {
    let line = line(secret, key)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-.~".contains(&byte);
    if line.expose_secret().bytes().all(fits) { Ok(line) } else { Err(Flaw::NotOfAKey.of(key)) }
}

/// User and password from the document under a key, as AWS Secrets Manager keeps them. What else is in it isn't looked at.
pub fn document(secret: &Secret, key: &str) -> Result<[SecretString; 2], Malformed> {
    let text = text(secret, key)?;
    let text = text.expose_secret().trim_start_matches('\u{feff}');
    if text.len() > LONGEST_DOCUMENT {
        return Err(Flaw::TooLong.of(key));
    }
    let document: Map<String, Value> = serde_json::from_str(text).map_err(|_| Flaw::NotADocument.of(key))?;
    let value = |field: &str| match document.get(field) {
        None | Some(Value::Null) => Err(Flaw::Missing.of(field)),
        Some(Value::String(text)) => one_line(SecretString::from(text.as_str()), field),
        Some(_) => Err(Flaw::NotText.of(field)),
    };
    Ok([value("username")?, value("password")?])
}

fn one_line(text: SecretString, key: &str) -> Result<SecretString, Malformed> {
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

    #[test]
    fn what_stands_around_a_part_of_a_key_is_named_before_aws_refuses_it() {
        let of = |value: &str| {
            let data = [("accessKeyId".to_owned(), ByteString(value.as_bytes().to_vec()))].into();
            part_of_access_key(&Secret { data: Some(data), ..Secret::default() }, "accessKeyId")
        };
        assert_eq!(of("AKIAIOSFODNN7EXAMPLE").expect("it is one").expose_secret(), "AKIAIOSFODNN7EXAMPLE");
        for value in ["AKIA ", "\u{feff}AKIA", "\"AKIA\"", "{\"accessKeyId\": \"AKIA\"}", "${KEY}", "AKIÄ"] {
            let malformed = of(value).map(|_| ()).expect_err("it is none").to_string();
            assert!(malformed.contains("no access key") && !malformed.contains("AKI"), "{malformed}");
        }
    }

    fn with_document(text: &str) -> Secret {
        let data = [("secret".to_owned(), ByteString(text.as_bytes().to_vec()))].into();
        Secret { data: Some(data), ..Secret::default() }
    }

    #[test]
    fn aws_own_document_is_read_whatever_else_is_in_it() {
        let text = r#"{"username": "awsuser", "password": "Canary-7f3a\\", "engine": "redshift", "host": "h", "port": 5439,
                       "dbClusterIdentifier": "analytics", "more": {"nested": [1, null]}}"#;
        let [user, password] = document(&with_document(text), "secret").expect("it can be used");
        assert_eq!((user.expose_secret(), password.expose_secret()), ("awsuser", "Canary-7f3a\\"));
    }

    #[test]
    fn whatever_is_wrong_with_a_document_nothing_of_it_shows() {
        let long = format!(r#"{{"username": "x", "password": "Canary-7f3a", "more": "{}"}}"#, "x".repeat(70_000));
        let deep = format!(r#"{{"password": "Canary-7f3a", "more": {}"#, "[".repeat(10_000));
        for (text, said) in [
            ("Canary-7f3a", "`secret` is no JSON document"),
            (r#""Canary-7f3a""#, "`secret` is no JSON document"),
            (r#"["awsuser", "Canary-7f3a"]"#, "`secret` is no JSON document"),
            (r#"{"username": "awsuser", "password": "Canary-7f3a""#, "`secret` is no JSON document"),
            (&deep, "`secret` is no JSON document"),
            (&long, "`secret` is longer than 64 KiB"),
            (r#"{"user": "awsuser", "password": "Canary-7f3a"}"#, "`username` is missing"),
            (r#"{"username": "Canary-7f3a", "Password": "Canary-7f3a"}"#, "`password` is missing"),
            (r#"{"username": "awsuser", "password": ["Canary-7f3a"]}"#, "`password` is something other than text"),
            (r#"{"username": "awsuser", "password": "Canary-7f3a\n"}"#, "`password` has a line break"),
            (r#"{"username": "", "password": "Canary-7f3a"}"#, "`username` is empty"),
        ] {
            let malformed = document(&with_document(text), "secret").map(|_| ()).expect_err("it can't be used");
            let shown = format!("{malformed} {malformed:?}");
            assert!(shown.starts_with(said) && !shown.contains("Canary"), "{shown}");
        }
    }
}
