//! Reads the authorities that somebody trusts: a user, for a warehouse, or whoever runs the operator, for AWS and Okta.

use jiff::Timestamp;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::ports::{BlockFlaw, BundleFlaw, FlawedBlock, Untimely, Unused};

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
const CERTIFICATE: &str = "CERTIFICATE";
/// How base64 of `-----BEGIN ` begins.
const BEGIN_ENCODED: &[u8] = b"LS0tLS1CRUdJTi";
/// How DER of anything large begins: a sequence whose length takes two bytes.
const DER: &[u8] = &[0x30, 0x82];

/// What there is in a bundle.
#[derive(Debug)]
pub(super) struct Authorities {
    /// What can be used: one at least.
    pub(super) certificates: Vec<CertificateDer<'static>>,
    /// What else there is. Whoever replaces an authority would not notice otherwise that the new one isn't used.
    pub(super) unused: Unused,
}

/// Its certificates, if there is one at least and no private key.
pub(super) fn read(bytes: &[u8]) -> Result<Authorities, BundleFlaw> {
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
    let (mut certificates, mut unused) = (Vec::new(), Vec::new());
    for (index, block) in text.split(BEGIN).skip(1).enumerate() {
        let flawed = |flaw| FlawedBlock { number: index + 1, flaw };
        match certificate(block) {
            Ok(certificate) if RootCertStore::empty().add(certificate.clone()).is_ok() => {
                certificates.push(certificate);
            }
            Ok(_) => unused.push(flawed(BlockFlaw::Unreadable)),
            // Whatever else there is: as long as it lies there, others can read it.
            Err(BlockFlaw::PrivateKey) => return Err(flawed(BlockFlaw::PrivateKey).into()),
            Err(flaw) => unused.push(flawed(flaw)),
        }
    }
    match (certificates.is_empty(), unused.first()) {
        (false, _) => Ok(Authorities { certificates, unused: Unused(unused) }),
        (true, Some(first)) => Err((*first).into()),
        (true, None) => Err(BundleFlaw::NoBlock),
    }
}

/// Whether a connection failed since nobody who is trusted has signed the certificate. An authority that was replaced by
/// one of the same name is known, and its signature is another.
pub(super) fn is_unknown_authority(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature))
}

/// Whether a connection failed since the certificate isn't valid now.
pub(super) fn untimely(error: &rustls::Error) -> Option<Untimely> {
    let at = |time: &UnixTime| Timestamp::from_second(time.as_secs().try_into().ok()?).ok();
    match error {
        rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            at(not_after).map(Untimely::Expired)
        }
        rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
            at(not_before).map(Untimely::NotYet)
        }
        _ => None,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::ports::CaBundle;

    fn authority() -> String {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn flaw(text: impl AsRef<[u8]>) -> BundleFlaw {
        read(text.as_ref()).unwrap_err()
    }

    fn count(text: &str) -> (usize, Vec<FlawedBlock>) {
        let authorities = read(text.as_bytes()).unwrap();
        (authorities.certificates.len(), authorities.unused.0)
    }

    #[test]
    fn all_certificates_of_a_bundle_are_trusted_whatever_stands_between_them() {
        let bundle = format!("# ours, since 2024: Zürich\n{}subject=CN = x\r\n{}", authority(), authority());
        assert_eq!(count(&bundle), (2, Vec::new()));
        assert_eq!(count(&authority().replace('\n', "\r\n")), (1, Vec::new()));
    }

    #[test]
    fn one_broken_certificate_among_good_ones_is_left_out_and_named_by_its_number() {
        let (good, broken) = (authority(), authority());
        let not_base64 = broken.replacen("MII", "MI!", 1);
        let lines: Vec<_> = broken.lines().collect();
        let without_a_line = [&lines[..2], &lines[3..]].concat().join("\n");
        let of_block = |number, flaw| vec![FlawedBlock { number, flaw }];
        for (text, good_ones, unused) in [
            (format!("{good}{not_base64}"), 1, of_block(2, BlockFlaw::Damaged)),
            (format!("{without_a_line}\n{good}"), 1, of_block(1, BlockFlaw::Unreadable)),
            (format!("{good}{}", &broken[..200]), 1, of_block(2, BlockFlaw::Unfinished)),
            (format!("{}{good}", &broken[..200]), 1, of_block(1, BlockFlaw::Unfinished)),
            (format!("{good}{good}-----BEGIN CERTIF"), 2, of_block(3, BlockFlaw::Unfinished)),
            (format!("{good}{}", broken.replace('\n', " ")), 1, of_block(2, BlockFlaw::Folded)),
            (format!("{good}{}", broken.replace('\n', "\\n")), 1, of_block(2, BlockFlaw::Folded)),
            (format!("{good}{}", good.replace("CERTIFICATE", "X509 CRL")), 1, of_block(2, BlockFlaw::OtherKind)),
        ] {
            assert_eq!(count(&text), (good_ones, unused), "{text}");
        }
        let many = Unused(vec![FlawedBlock { number: 2, flaw: BlockFlaw::OtherKind }; 7]).to_string();
        assert_eq!(many.matches("block 2").count(), 5);
        assert!(many.ends_with("; and 2 more"), "{many}");
    }

    #[test]
    fn a_bundle_without_a_good_certificate_is_refused_and_its_first_block_named() {
        let broken = authority().replacen("MII", "MI!", 1);
        let first = |flaw| BundleFlaw::from(FlawedBlock { number: 1, flaw });
        assert_eq!(flaw(format!("{broken}{}", broken.replace('\n', " "))), first(BlockFlaw::Damaged));
        assert_eq!(flaw(broken.replace('\n', " ")), first(BlockFlaw::Folded));
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
            format!("{key}{}", authority()),
        ];
        for text in malformed {
            let bundle = CaBundle::new(text.clone().into_bytes());
            let flaw = flaw(&text);
            let is_key = matches!(flaw, BundleFlaw::Block(FlawedBlock { flaw: BlockFlaw::PrivateKey, .. }));
            assert!(is_key, "{flaw}");
            let shown = format!("{flaw} {flaw:?} {bundle:?}");
            for part in [&body[..16], &body[body.len() - 20..], &decimal[..40]] {
                assert!(!shown.contains(part), "{shown}");
            }
        }
    }
}
