//! The authorities that a user trusts, and what may be wrong with them. It is said in words of our own: those of parsers
//! quote what they can't read, which may be a private key.

use std::fmt;

use jiff::Timestamp;
use thiserror::Error;

/// Most blocks that are named; of the others there is only their number.
const MOST_NAMED: usize = 5;

/// Certificates of authorities in PEM form, as a user gave them; never shown, since they may be something else.
#[derive(Clone, Eq, PartialEq)]
pub struct CaBundle(Vec<u8>);

/// Why a bundle can't be used. Nothing of its content has a place in here.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BundleFlaw {
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
    /// Binary, and it begins as a certificate does.
    #[error("it is binary, perhaps a certificate in DER form; convert it: openssl x509 -inform der -outform pem")]
    Binary,
    /// UTF-16, as some editors write.
    #[error("it is text in UTF-16; save it as UTF-8 or ASCII")]
    Utf16,
    /// PEM that was encoded once more.
    #[error("it is encoded in base64 twice; give it as it is under `stringData`, or encode it once under `data`")]
    EncodedTwice,
    /// No block.
    #[error("there is no block in it that begins with -----BEGIN CERTIFICATE-----")]
    NoBlock,
    /// One of its blocks, and there is none that can be used.
    #[error(transparent)]
    Block(#[from] FlawedBlock),
}

/// A block of a bundle that can't be used.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("block {number} {flaw}")]
pub struct FlawedBlock {
    /// Which one; the first is 1.
    pub number: usize,
    /// What is wrong with it.
    pub flaw: BlockFlaw,
}

/// The blocks of a bundle that can't be used, beside some that can.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Unused(pub Vec<FlawedBlock>);

impl Unused {
    /// Whether all of the bundle is used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same as what is added to a message about a rejected certificate; nothing if all of the bundle is used.
    pub(super) fn behind_a_semicolon(&self) -> String {
        if self.is_empty() { String::new() } else { format!("; not used of the bundle: {self}") }
    }
}

impl fmt::Display for Unused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<_> = self.0.iter().take(MOST_NAMED).map(ToString::to_string).collect();
        formatter.write_str(&named.join("; "))?;
        match self.0.len() - named.len() {
            0 => Ok(()),
            more => write!(formatter, "; and {more} more"),
        }
    }
}

/// What is wrong with a block of a bundle.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BlockFlaw {
    /// A private key.
    #[error(
        "is a private key, which must not be here: whoever may read the bundle can read it; take it out, and replace it if \
         others could see it"
    )]
    PrivateKey,
    /// Another kind of block.
    #[error("is no certificate but something else; take it out")]
    OtherKind,
    /// Folded into one line, by a template or a variable of a shell.
    #[error("has lost its line breaks; in YAML, put it behind `|` and not behind `>`")]
    Folded,
    /// Cut off.
    #[error("is cut off: its line -----END CERTIFICATE----- is missing")]
    Unfinished,
    /// No base64 between its lines.
    #[error("is damaged: there is something other than base64 between its first and last line")]
    Damaged,
    /// Base64 of something else.
    #[error("holds no certificate that can be read; it may be cut, or damaged")]
    Unreadable,
}

/// A server's certificate that isn't valid now. When that was found isn't told: a message is the same at each try.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Untimely {
    /// Its time is over.
    #[error("expired at {0}; have it renewed there, or check the clock of the operator's node")]
    Expired(Timestamp),
    /// Its time is to come.
    #[error("is valid only from {0} on; check the clock of the operator's node, and of whoever signed it")]
    NotYet(Timestamp),
}

impl CaBundle {
    /// A bundle, not looked at yet.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// What the user gave, for a parser alone.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CaBundle({} bytes)", self.0.len())
    }
}
