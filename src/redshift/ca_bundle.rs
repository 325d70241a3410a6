//! The authorities that a user trusts. What is wrong with a bundle is said in words of our own: those of parsers quote
//! what they can't read, which may be a private key.

use std::fmt;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;

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
    /// One of its blocks; the first is 1.
    #[error("block {number} {flaw}")]
    Block {
        /// Which one.
        number: usize,
        /// What is wrong with it.
        flaw: BlockFlaw,
    },
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

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
const CERTIFICATE: &str = "CERTIFICATE";
/// How base64 of `-----BEGIN ` begins.
const BEGIN_ENCODED: &[u8] = b"LS0tLS1CRUdJTi";
/// How DER of anything large begins: a sequence whose length takes two bytes.
const DER: &[u8] = &[0x30, 0x82];

impl CaBundle {
    /// A bundle, not looked at yet.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// All of its certificates, or none: whoever replaces an authority would not notice that the new one isn't used.
    pub(super) fn roots(&self) -> Result<RootCertStore, BundleFlaw> {
        let bytes = self.0.as_slice();
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(BundleFlaw::Empty);
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(BundleFlaw::Utf16);
        }
        if bytes.starts_with(DER) {
            return Err(BundleFlaw::Binary);
        }
        if bytes.trim_ascii_start().starts_with(BEGIN_ENCODED) {
            return Err(BundleFlaw::EncodedTwice);
        }
        // What stands between the blocks is a comment in whatever encoding.
        let text = String::from_utf8_lossy(bytes);
        let mut roots = RootCertStore::empty();
        for (index, block) in text.split(BEGIN).skip(1).enumerate() {
            let flawed = |flaw| BundleFlaw::Block { number: index + 1, flaw };
            let certificate = certificate(block).map_err(flawed)?;
            roots.add(certificate).map_err(|_| flawed(BlockFlaw::Unreadable))?;
        }
        if roots.is_empty() { Err(BundleFlaw::NoBlock) } else { Ok(roots) }
    }
}

/// The certificate of a block, from behind its `-----BEGIN `.
fn certificate(block: &str) -> Result<CertificateDer<'static>, BlockFlaw> {
    let Some((label, rest)) = block.split_once(DASHES) else { return Err(BlockFlaw::Unfinished) };
    if label.contains("PRIVATE KEY") {
        return Err(BlockFlaw::PrivateKey);
    }
    if label != CERTIFICATE {
        return Err(BlockFlaw::OtherKind);
    }
    let end = format!("{DASHES}END {CERTIFICATE}{DASHES}");
    if !rest.starts_with(['\n', '\r']) {
        return Err(BlockFlaw::Folded);
    }
    let Some((body, _)) = rest.split_once(&end) else { return Err(BlockFlaw::Unfinished) };
    if !body.ends_with(['\n', '\r']) {
        return Err(BlockFlaw::Folded);
    }
    let whole = format!("{BEGIN}{CERTIFICATE}{DASHES}{body}{end}\n");
    CertificateDer::from_pem_slice(whole.as_bytes()).map_err(|_| BlockFlaw::Damaged)
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CaBundle({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn authority() -> String {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn flaw(text: impl AsRef<[u8]>) -> BundleFlaw {
        CaBundle::new(text.as_ref().to_vec()).roots().unwrap_err()
    }

    fn of_block(number: usize, flaw: BlockFlaw) -> BundleFlaw {
        BundleFlaw::Block { number, flaw }
    }

    #[test]
    fn all_certificates_of_a_bundle_are_trusted_whatever_stands_between_them() {
        let bundle = format!("# ours, since 2024: Zürich\n{}subject=CN = x\r\n{}", authority(), authority());
        assert_eq!(CaBundle::new(bundle.into_bytes()).roots().unwrap().len(), 2);
        let other_line_ends = authority().replace('\n', "\r\n");
        assert_eq!(CaBundle::new(other_line_ends.into_bytes()).roots().unwrap().len(), 1);
    }

    #[test]
    fn one_broken_certificate_refuses_the_bundle_and_is_named_by_its_number() {
        let (good, broken) = (authority(), authority());
        let not_base64 = broken.replacen("MII", "MI!", 1);
        assert_eq!(flaw(format!("{good}{not_base64}")), of_block(2, BlockFlaw::Damaged));
        let lines: Vec<_> = broken.lines().collect();
        let without_a_line = [&lines[..2], &lines[3..]].concat().join("\n");
        assert_eq!(flaw(format!("{without_a_line}\n{good}")), of_block(1, BlockFlaw::Unreadable));
        assert_eq!(flaw(format!("{good}{}", &broken[..200])), of_block(2, BlockFlaw::Unfinished));
        assert_eq!(flaw(format!("{good}{good}-----BEGIN CERTIF")), of_block(3, BlockFlaw::Unfinished));
        assert_eq!(flaw(broken.replace('\n', " ")), of_block(1, BlockFlaw::Folded));
        assert_eq!(flaw(broken.replace('\n', "\\n")), of_block(1, BlockFlaw::Folded));
        assert_eq!(
            flaw(format!("{good}{}", good.replace("CERTIFICATE", "X509 CRL"))),
            of_block(2, BlockFlaw::OtherKind)
        );
    }

    #[test]
    fn what_is_no_bundle_at_all_is_told_for_what_it_is() {
        assert_eq!(flaw(" \n"), BundleFlaw::Empty);
        assert_eq!(flaw("a certificate"), BundleFlaw::NoBlock);
        assert_eq!(flaw([0x30, 0x82, 0x01, 0x0a, 0x02]), BundleFlaw::Binary);
        assert_eq!(flaw([0xff, 0xfe, b'-', 0]), BundleFlaw::Utf16);
        assert_eq!(flaw("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"), BundleFlaw::EncodedTwice);
    }

    #[test]
    fn a_private_key_is_named_as_one_and_shows_in_no_form() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
        let decimal = body.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        let malformed = [
            key.clone(),
            key.replace('\n', ""),
            key.replace('\n', " "),
            key.replace('\n', "\\n"),
            key[..key.len() - 40].to_owned(),
            key.replace("-----END", ""),
            format!("{}{key}", authority()),
        ];
        for text in malformed {
            let bundle = CaBundle::new(text.clone().into_bytes());
            let flaw = bundle.roots().unwrap_err();
            assert!(matches!(flaw, BundleFlaw::Block { flaw: BlockFlaw::PrivateKey, .. }), "{flaw}");
            let shown = format!("{flaw} {flaw:?} {bundle:?}");
            for part in [&body[..16], &body[body.len() - 20..], &decimal[..40]] {
                assert!(!shown.contains(part), "{shown}");
            }
        }
    }
}
