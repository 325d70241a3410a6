//! Passwords that are stored as SHA-256, and logins with them (code 13).
//!
//! `PostgreSQL` has no such thing, but it keeps a SCRAM secret as it is written, whatever is in it. So the secret holds what
//! Redshift would keep, the salt and the digest of the password; and since the keys of the secret are made of the digest, who
//! knows the digest can log in there.
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html>, <https://www.postgresql.org/docs/15/sasl-authentication.html>

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

use crate::protocol::Frame;
use crate::temporary::random;

const LENGTH: usize = 32;
/// What a secret that we made begins with; `PostgreSQL`'s own have 4096 iterations.
const PREFIX: &str = "SCRAM-SHA-256$1:";
const CLIENT_FIRST: &str = "n=,r=";

/// What is kept of a password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stored {
    salt: Vec<u8>,
    digest: [u8; LENGTH],
}

impl Stored {
    /// What `PASSWORD` says: `sha256|password`, or `sha256|digest|salt`, both in hexadecimal digits. `None` if it is another
    /// kind of password.
    pub(crate) fn said(password: &str) -> Option<anyhow::Result<Self>> {
        let said = password.strip_prefix("sha256|")?;
        Some(match said.split_once('|') {
            None => random::<LENGTH>().map(|salt| Self::of(said, &salt)),
            Some((digest, salt)) => Self::given(digest, salt).context("Invalid SHA256 password"),
        })
    }

    fn given(digest: &str, salt: &str) -> Option<Self> {
        Some(Self { salt: bytes(salt)?, digest: bytes(digest)?.try_into().ok()? })
    }

    fn of(password: &str, salt: &[u8]) -> Self {
        Self { salt: salt.to_vec(), digest: sha256(&[password.as_bytes(), salt]) }
    }

    /// As `PostgreSQL` keeps it.
    pub(crate) fn secret(&self) -> String {
        let keys = [sha256(&[&self.digest]), self.digest].map(|key| STANDARD.encode(key));
        format!("{PREFIX}{}${}:{}", STANDARD.encode(&self.salt), keys[0], keys[1])
    }

    /// What `PostgreSQL` has kept; `None` if it is another kind of password.
    pub(crate) fn kept(secret: &str) -> Option<Self> {
        let (salt, keys) = secret.strip_prefix(PREFIX)?.split_once('$')?;
        let digest = STANDARD.decode(keys.split_once(':')?.1).ok()?.try_into().ok()?;
        Some(Self { salt: STANDARD.decode(salt).ok()?, digest })
    }

    /// The question to the client.
    pub(crate) fn question(&self, nonce: &[u8]) -> Frame {
        let algorithm = 0_u32.to_be_bytes();
        Frame::new(b'R', [&13_u32.to_be_bytes()[..], &algorithm, &counted(&self.salt), &counted(nonce)].concat())
    }

    /// Whether that is the answer to it.
    pub(crate) fn is_answered_by(&self, nonce: &[u8], answer: &Frame) -> bool {
        let Some((digest, rest)) = split_counted(&answer.body) else { return false };
        let Some((client_nonce, [])) = split_counted(rest) else { return false };
        answer.kind == b'd' && digest == sha256(&[&self.digest, nonce, client_nonce])
    }

    /// What `PostgreSQL` is answered, who asks in three steps and isn't asked in return.
    pub(crate) fn answer(&self, question: &Frame) -> anyhow::Result<Option<Frame>> {
        let (code, text) = question.body.split_first_chunk::<4>().context("a request without a code")?;
        let text = String::from_utf8_lossy(text);
        Ok(match u32::from_be_bytes(*code) {
            10 => {
                let first = format!("n,,{CLIENT_FIRST}");
                Some(Frame::new(b'p', [&b"SCRAM-SHA-256\0"[..], &counted(first.as_bytes())].concat()))
            }
            11 => {
                let nonce = text.split(',').next().unwrap_or_default();
                let last = format!("c=biws,{nonce}");
                let whole = format!("{CLIENT_FIRST},{text},{last}");
                let key = hmac::Key::new(hmac::HMAC_SHA256, &sha256(&[&self.digest]));
                let signature = hmac::sign(&key, whole.as_bytes());
                let proof: Vec<u8> = self.digest.iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
                Some(Frame::new(b'p', format!("{last},p={}", STANDARD.encode(proof))))
            }
            code => {
                ensure!(code == 12, "PostgreSQL asks for code {code}");
                None
            }
        })
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; LENGTH] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; LENGTH];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()[..], bytes].concat()
}

fn split_counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::temporary::hex;

    #[test]
    fn what_is_kept_is_what_was_said() {
        let clear = Stored::said("sha256|Abcd1234").unwrap().unwrap();
        let (digest, salt) = (hex(&clear.digest), hex(&clear.salt));
        let digested = Stored::said(&format!("sha256|{digest}|{salt}")).unwrap().unwrap();
        assert_eq!(clear, digested);
        assert_eq!(Stored::kept(&clear.secret()), Some(clear.clone()));
        assert_eq!(clear, Stored::of("Abcd1234", &clear.salt));
        assert_eq!(Stored::said("md5x").map(|said| said.is_ok()), None);
        for wrong in ["sha256||", "sha256|00|00", "sha256|0g|00"] {
            assert!(Stored::said(wrong).unwrap().is_err(), "{wrong}");
        }
    }
}
