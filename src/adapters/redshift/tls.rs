//! How the connection is protected.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream as PostgresTlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::guard::{Ended, Guarded, Password};
use crate::adapters::ca_bundle::{self, Authorities};
use crate::api::TlsMode;
use crate::ports::{BundleFlaw, ConnectError, TlsSettings, Unused};

/// The authorities that this machine trusts, read at the first connection that needs them: 140 certificates, which each login
/// would parse anew. As those of the image they change with it alone. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct MachinesAuthorities(Arc<OnceLock<Arc<dyn ServerCertVerifier>>>);

impl MachinesAuthorities {
    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, ConnectError> {
        if let Some(verifier) = self.0.get() {
            return Ok(verifier.clone());
        }
        let verifier = rustls_platform_verifier::Verifier::new(provider.clone())
            .map_err(|error| ConnectError::TrustStore(error.to_string()))?;
        Ok(self.0.get_or_init(|| Arc::new(verifier)).clone())
    }
}

impl TlsSettings {
    /// What rustls needs for one connection; `None` where it isn't encrypted.
    pub(super) fn connector(
        &self,
        host: &str,
        machines: &MachinesAuthorities,
    ) -> Result<Option<GuardedTls>, ConnectError> {
        if self.mode == TlsMode::Disable {
            return Ok(None);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authorities = self.authorities().map_err(ConnectError::CaBundle)?;
        let unused = authorities.as_ref().map(|authorities| authorities.unused.clone()).unwrap_or_default();
        let chain = || match authorities {
            None => machines.verifier(&provider),
            Some(authorities) => bundles_verifier(authorities, &provider),
        };
        let verifier: Arc<dyn ServerCertVerifier> = match self.mode {
            TlsMode::VerifyFull => chain()?,
            TlsMode::VerifyCa => Arc::new(AnyName(chain()?)),
            TlsMode::Require | TlsMode::Disable => Arc::new(AnyCertificate(provider.clone())),
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ConnectError::TrustStore(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // There is no second connection with it.
        config.resumption = Resumption::disabled();
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name.clone()).map_err(|_| ConnectError::ServerName(name))?;
        Ok(Some(GuardedTls {
            connector: TlsConnector::from(Arc::new(config)),
            name,
            // Whoever gets the password in the clear must be known to be the server.
            clear_password: self.mode == TlsMode::VerifyFull,
            unused,
            password: None,
            ended: Ended::default(),
        }))
    }

    /// What is in the bundle, where there is one and a chain is verified.
    pub(super) fn authorities(&self) -> Result<Option<Authorities>, BundleFlaw> {
        let bundle = match self.mode {
            TlsMode::VerifyFull | TlsMode::VerifyCa => self.ca_bundle.as_ref(),
            TlsMode::Require | TlsMode::Disable => None,
        };
        bundle.map(|bundle| ca_bundle::read(bundle.bytes())).transpose()
    }
}

fn bundles_verifier(
    authorities: Authorities,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConnectError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.certificates);
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        // There is a root at least, and there are no lists of revoked certificates that could be malformed.
        .map_err(|_| ConnectError::CaBundle(BundleFlaw::NoBlock))?;
    Ok(verifier)
}

/// Verifies the chain and lets any name pass.
#[derive(Debug)]
struct AnyName(Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The verifier looks at the name last, so that a certificate which fails at its name has
        // passed all the rest.
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Lets any certificate pass, as long as the server holds its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Wraps the TCP stream in TLS, and that in the guard.
#[derive(Clone)]
pub(super) struct GuardedTls {
    connector: TlsConnector,
    name: ServerName<'static>,
    clear_password: bool,
    unused: Unused,
    password: Option<SecretString>,
    ended: Ended,
}

impl GuardedTls {
    /// What of the bundle of authorities isn't used.
    pub(super) fn unused(&self) -> Unused {
        self.unused.clone()
    }

    /// The same for one connection, which has a password and wants to know why the guard ended it.
    pub(super) fn for_one(self, password: SecretString, ended: Ended) -> Self {
        Self { password: Some(password), ended, ..self }
    }
}

impl TlsConnect<TcpStream> for GuardedTls {
    type Stream = Guarded<TlsStream<TcpStream>>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Self::Stream>> + Send>>;

    fn connect(self, stream: TcpStream) -> Self::Future {
        Box::pin(async move {
            let stream = self.connector.connect(self.name, stream).await?;
            let password = Password { in_the_clear: self.clear_password, for_a_digest: self.password };
            Ok(Guarded::new(stream, password, self.ended))
        })
    }
}

impl PostgresTlsStream for Guarded<TlsStream<TcpStream>> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}
