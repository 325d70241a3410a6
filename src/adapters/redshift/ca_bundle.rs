//! Reads the authorities that a user trusts.

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::ports::{BlockFlaw, BundleFlaw, CaBundle};

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
const CERTIFICATE: &str = "CERTIFICATE";
/// How base64 of `-----BEGIN ` begins.
const BEGIN_ENCODED: &[u8] = b"LS0tLS1CRUdJTi";
/// How DER of anything large begins: a sequence whose length takes two bytes.
const DER: &[u8] = &[0x30, 0x82];

/// All of its certificates, or none: whoever replaces an authority would not notice that the new one isn't used.
pub(super) fn roots(bundle: &CaBundle) -> Result<RootCertStore, BundleFlaw> {
    let bytes = bundle.bytes();
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

    fn authority() -> String {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn flaw(text: impl AsRef<[u8]>) -> BundleFlaw {
        roots(&CaBundle::new(text.as_ref().to_vec())).unwrap_err()
    }

    fn of_block(number: usize, flaw: BlockFlaw) -> BundleFlaw {
        BundleFlaw::Block { number, flaw }
    }

    #[test]
    fn all_certificates_of_a_bundle_are_trusted_whatever_stands_between_them() {
        let bundle = format!("# ours, since 2024: Zürich\n{}subject=CN = x\r\n{}", authority(), authority());
        assert_eq!(roots(&CaBundle::new(bundle.into_bytes())).unwrap().len(), 2);
        let other_line_ends = authority().replace('\n', "\r\n");
        assert_eq!(roots(&CaBundle::new(other_line_ends.into_bytes())).unwrap().len(), 1);
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
            let flaw = roots(&bundle).unwrap_err();
            assert!(matches!(flaw, BundleFlaw::Block { flaw: BlockFlaw::PrivateKey, .. }), "{flaw}");
            let shown = format!("{flaw} {flaw:?} {bundle:?}");
            for part in [&body[..16], &body[body.len() - 20..], &decimal[..40]] {
                assert!(!shown.contains(part), "{shown}");
            }
        }
    }
}
