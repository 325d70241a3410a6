//! Passwords of the accounts that the operator creates.

use md5::{Digest, Md5};
use rand::seq::{IndexedRandom, SliceRandom};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::hex;

/// Length of generated passwords, in characters: 32 of 74 possible ones make about 198 bits.
const GENERATED_LENGTH: usize = 32;

const LOWER: &[u8] = b"abcdefghijkmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const DIGITS: &[u8] = b"23456789";
// Nothing that a shell, a URL or a YAML file would treat specially, and none of ' " \ / @, which
// Redshift refuses.
const MARKS: &[u8] = b"-_.~+";

/// A password that Redshift takes.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

/// Why a text isn't a password for Redshift.
///
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html>
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has 8 to 64 characters")]
    Length,
    /// One kind of character is missing.
    #[error("a password has at least one upper-case letter, one lower-case letter and one digit")]
    Variety,
    /// One character is none of those allowed.
    #[error("a password has only printable ASCII characters without blanks and without ' \" \\ / @")]
    Character,
}

impl Password {
    /// Takes a password that is there already.
    pub fn new(text: SecretString) -> Result<Self, PasswordError> {
        let bytes = text.expose_secret().as_bytes();
        if !bytes.iter().all(|byte| (33..=126).contains(byte) && !b"'\"\\/@".contains(byte)) {
            return Err(PasswordError::Character);
        }
        if !(8..=64).contains(&bytes.len()) {
            return Err(PasswordError::Length);
        }
        let has = |kind: fn(&u8) -> bool| bytes.iter().any(kind);
        if !(has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)) {
            return Err(PasswordError::Variety);
        }
        Ok(Self(text))
    }

    /// Makes one out of the operating system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        let mut random = rand::rng();
        let all: Vec<u8> = [LOWER, UPPER, DIGITS, MARKS].concat();
        let mut bytes: Vec<u8> = [LOWER, UPPER, DIGITS]
            .iter()
            .chain(std::iter::repeat_n(&all.as_slice(), GENERATED_LENGTH - 3))
            .filter_map(|characters| characters.choose(&mut random).copied())
            .collect();
        bytes.shuffle(&mut random);
        Self(SecretString::from(bytes.into_iter().map(char::from).collect::<String>()))
    }

    /// The password itself.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// What `CREATE USER … PASSWORD` takes in place of the clear text, so that this never crosses the
    /// wire: `md5` and the digest of password and user name. It lets its holder log in all the same.
    #[must_use]
    pub fn md5_for(&self, user: &str) -> SecretString {
        let digest = Md5::new().chain_update(self.0.expose_secret()).chain_update(user).finalize();
        SecretString::from(format!("md5{}", hex(&digest)))
    }
}

/// Makes a key for tokens of impersonation: 256 bits out of the operating system's randomness, in hex.
#[must_use]
pub fn generate_key() -> SecretString {
    let bytes: [u8; 32] = rand::random();
    SecretString::from(hex(&bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_generated_password_is_one_that_redshift_takes() {
        for _ in 0..200 {
            let password = Password::generate();
            assert_eq!(password.secret().expose_secret().len(), GENERATED_LENGTH);
            Password::new(password.secret().clone()).unwrap();
        }
    }

    #[test]
    fn two_generated_passwords_differ() {
        let (one, other) = (Password::generate(), Password::generate());
        assert_ne!(one.secret().expose_secret(), other.secret().expose_secret());
    }

    #[test]
    fn the_password_of_the_original_documentation_is_refused() {
        assert_eq!(Password::new("abc1234".into()).unwrap_err(), PasswordError::Length);
        assert_eq!(Password::new("abcd1234".into()).unwrap_err(), PasswordError::Variety);
        assert_eq!(Password::new("Abcd/1234".into()).unwrap_err(), PasswordError::Character);
    }

    #[test]
    fn the_md5_form_is_the_one_of_the_documentation() {
        // The example of AWS's page on CREATE USER.
        let password = Password(SecretString::from("ez".to_owned()));
        assert_eq!(password.md5_for("user1").expose_secret(), "md5153c434b4b77c89e6b94f12c5393af5b");
    }

    #[test]
    fn a_password_never_shows_in_debug_output() {
        let password = Password::generate();
        assert!(!format!("{password:?}").contains(password.secret().expose_secret()));
    }
}
