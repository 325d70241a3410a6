//! The certificates that it presents.

use std::sync::Arc;

use anyhow::anyhow;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Which certificate is presented.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presented {
    /// One that an authority has signed, which is new.
    Signed,
    /// The same, and it isn't valid any more.
    Expired,
    /// The same, and it isn't valid yet.
    NotYetValid,
    /// One that nobody else has signed.
    SelfSigned,
}

/// A certificate, ready to be presented.
pub(crate) struct Certificate {
    pub(crate) acceptor: TlsAcceptor,
    /// What a client has to trust.
    pub(crate) authority: String,
}

impl Certificate {
    /// Of a new authority, with these names besides the usual ones.
    pub(crate) fn new(names: &[String], presented: Presented) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let all = ["localhost", "127.0.0.1"].into_iter().map(str::to_owned).chain(names.iter().cloned());
        let mut parameters = CertificateParams::new(all.collect::<Vec<_>>())?;
        match presented {
            Presented::Signed | Presented::SelfSigned => {}
            Presented::Expired => parameters.not_after = date_time_ymd(2024, 2, 29),
            Presented::NotYetValid => parameters.not_before = date_time_ymd(2999, 1, 1),
        }
        let (certificate, authority) = if presented == Presented::SelfSigned {
            let certificate = parameters.self_signed(&key)?;
            let pem = certificate.pem();
            (certificate, pem)
        } else {
            let ca_key = KeyPair::generate()?;
            let mut ca = CertificateParams::new(Vec::new())?;
            ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            ca.distinguished_name.push(rcgen::DnType::CommonName, "Redshift stand-in, for tests");
            let authority = ca.self_signed(&ca_key)?.pem();
            (parameters.signed_by(&key, &Issuer::new(ca, ca_key))?, authority)
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| anyhow!("its key: {error}"))?;
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            // TLS 1.2 and newer, as Redshift since January 2026. MG/behavior-changes
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), authority })
    }
}
