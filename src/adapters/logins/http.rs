//! Requests to Okta and AWS: over verified TLS, within a deadline, with an answer of a bounded size, and no redirect.
//!
//! There are two doors. What a resource may name (Okta's host) is held to the operator's list of hosts, and connected to at the
//! very address that was checked. What the operator's own settings name (AWS, and whatever proxy there is) isn't.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;
use rustls::ClientConfig;
use tracing::warn;

use crate::adapters::ca_bundle::{self, Authorities};
use crate::adapters::causes::{chain, find};
use crate::adapters::proxy;
use crate::lifecycle::hosts::AddressPolicy;
use crate::lifecycle::words::Confidential;
use crate::ports::{LoginError, LoginStep, ProxyFault, Unusable, Unused};

/// Longest answer that is read. Okta's page takes some tens of thousands of bytes.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// What the client says of a proxy that answers 407, and of one that answers with another refusal, or hangs up. It has no type for
/// them that could be asked.
const PROXY_WANTS_A_USER: &str = "proxy authorization required";
const TUNNEL_IS_REFUSED: [&str; 2] = ["tunnel error: unsuccessful", "tunnel error: unexpected end of file"];

/// Who is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Door {
    /// A host that a resource names.
    OfResource,
    /// One that the operator's settings name.
    OfOperator,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: http::StatusCode,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Sends requests.
#[derive(Clone, Debug)]
pub(super) struct Http {
    tls: ClientConfig,
    unused: Unused,
    policy: Arc<AddressPolicy>,
    deadline: Deadline,
}

/// How long a step may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    /// As a rule: what a message names, since nothing in it may change from try to try.
    pub(super) usual: Duration,
    /// How many times as long it may take at this try.
    pub(super) patience: u32,
}

impl Deadline {
    /// At this try.
    pub(super) fn now(self) -> Duration {
        self.usual.saturating_mul(self.patience)
    }

    /// Nobody answered in that time.
    pub(super) fn passed(self, step: LoginStep, host: &str) -> LoginError {
        LoginError::Deadline { step, host: host.to_owned(), seconds: self.usual.as_secs() }
    }

    /// The same, where a proxy may have been asked for the way.
    fn passed_behind(self, step: LoginStep, host: &str, proxy: Option<String>) -> LoginError {
        let Some(proxy) = proxy else { return self.passed(step, host) };
        LoginError::Proxy { step, host: host.to_owned(), proxy, why: ProxyFault::Silent(self.usual.as_secs()) }
    }
}

impl Http {
    pub(super) fn new(
        policy: Arc<AddressPolicy>,
        ca_file: Option<&Path>,
        deadline: Deadline,
    ) -> Result<Self, LoginError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (more, unused) = match ca_file {
            None => (Vec::new(), Unused::default()),
            Some(path) => {
                let Authorities { certificates, unused } = authorities(path)?;
                if !unused.is_empty() {
                    warn!(file = %path.display(), %unused, "not all of the file of --ca-file is used");
                }
                (certificates, unused)
            }
        };
        let unusable = |error: rustls::Error| LoginError::CaFile(error.to_string());
        let verifier =
            rustls_platform_verifier::Verifier::new_with_extra_roots(more, provider.clone()).map_err(unusable)?;
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self { tls, unused, policy, deadline })
    }

    /// How long a step may take.
    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Sends a request and reads the answer. `confidential` is what may show in no error.
    pub(super) async fn send(
        &self,
        step: LoginStep,
        door: Door,
        request: http::Request<Vec<u8>>,
        confidential: &Confidential,
    ) -> Result<Answer, LoginError> {
        let host = request.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let proxy = proxy_to(request.uri())?;
        let client = self.client(door, &host, proxy.as_ref())?;
        let proxy = proxy.as_ref().map(shown);
        let asked = async {
            let request = reqwest::Request::try_from(request)?;
            let mut response = client.execute(request).await?;
            let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
            let mut body = Vec::new();
            while let Some(piece) = response.chunk().await? {
                if body.len() + piece.len() > LONGEST_ANSWER {
                    return Ok(Err(LoginError::Unusable { step, why: Unusable::TooLarge }));
                }
                body.extend_from_slice(&piece);
            }
            Ok(Ok(Answer { status, headers, body }))
        };
        let answer = match tokio::time::timeout(self.deadline.now(), asked).await {
            Err(_) => return Err(self.deadline.passed_behind(step, &host, proxy)),
            Ok(Err(error)) => return Err(self.classify(&error, step, &host, proxy, confidential)),
            Ok(Ok(answer)) => answer?,
        };
        if answer.status.is_redirection() {
            return Err(LoginError::Unusable { step, why: Unusable::Redirect });
        }
        Ok(answer)
    }

    fn client(&self, door: Door, host: &str, proxy: Option<&http::Uri>) -> Result<reqwest::Client, LoginError> {
        let mut builder = reqwest::Client::builder()
            // None but the one that was chosen here.
            .no_proxy()
            .tls_backend_preconfigured(self.tls.clone())
            .redirect(redirect::Policy::none())
            .referer(false)
            .http1_only()
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0);
        if let Some(proxy) = proxy {
            let unusable = |_| LoginError::Setting("the address of the proxy is none of a proxy".to_owned());
            builder = builder.proxy(reqwest::Proxy::all(proxy.to_string()).map_err(unusable)?);
        }
        if door == Door::OfResource {
            self.check(host, proxy.is_some())?;
            builder = builder.https_only(true);
            if proxy.is_none() {
                builder = builder.dns_resolver(Arc::new(Allowed(self.policy.clone())));
            }
        }
        builder.build().map_err(|error| LoginError::CaFile(chain(&error)))
    }

    /// Finds the cause. The library's own text names the address of the page, which may hold a token.
    fn classify(
        &self,
        error: &reqwest::Error,
        step: LoginStep,
        host: &str,
        proxy: Option<String>,
        confidential: &Confidential,
    ) -> LoginError {
        let host = host.to_owned();
        if let Some(unresolved) = find::<Unresolved>(error) {
            return match unresolved.clone() {
                Unresolved::Forbidden { address } => LoginError::HostForbidden { host, address: Some(address) },
                Unresolved::Unknown { reason } => LoginError::NameResolution { step, host, reason },
            };
        }
        if let Some(tls) = find::<rustls::Error>(error) {
            if let Some(when) = ca_bundle::untimely(tls) {
                return LoginError::CertificateUntimely { host, when };
            }
            let unused = if ca_bundle::is_unknown_authority(tls) { self.unused.clone() } else { Unused::default() };
            return LoginError::CertificateRejected { host, reason: confidential.pass_on(&tls.to_string()), unused };
        }
        let text = error.source().map_or_else(|| "the conversation broke".to_owned(), chain);
        let reason = confidential.pass_on(&text);
        match proxy {
            // Behind it the conversation is with the host itself.
            Some(proxy) if error.is_connect() => {
                let why = if text.contains(PROXY_WANTS_A_USER) {
                    ProxyFault::Unauthorized
                } else if TUNNEL_IS_REFUSED.iter().any(|refused| text.contains(refused)) {
                    ProxyFault::Refused
                } else {
                    ProxyFault::Unreachable(reason)
                };
                LoginError::Proxy { step, host, proxy, why }
            }
            _ => LoginError::Unreachable { step, host, reason },
        }
    }

    /// What can be told before a name is resolved. An address needs no resolving, and behind a proxy the proxy does it.
    fn check(&self, host: &str, is_proxied: bool) -> Result<(), LoginError> {
        let forbidden = |address| Err(LoginError::HostForbidden { host: host.to_owned(), address });
        match host.parse::<IpAddr>() {
            Ok(address) if !self.policy.allows(host, address) => forbidden(None),
            Err(_) if is_proxied && !self.policy.allows_name(host) => forbidden(None),
            _ => Ok(()),
        }
    }
}

/// The proxy on the way to an address.
fn proxy_to(uri: &http::Uri) -> Result<Option<http::Uri>, LoginError> {
    // In the clear only the pod's own endpoint of credentials is asked, which is no further away than the node, or what the
    // operator's settings say.
    if uri.scheme() != Some(&http::uri::Scheme::HTTPS) {
        return Ok(None);
    }
    proxy::of_environment(uri).map_err(|unusable| LoginError::Setting(format!("the proxy can't be used: {unusable}")))
}

/// A proxy without its user and password.
fn shown(proxy: &http::Uri) -> String {
    let port = proxy.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", proxy.host().unwrap_or_default())
}

/// The certificates of a file.
fn authorities(path: &Path) -> Result<Authorities, LoginError> {
    let flawed = |what: &dyn fmt::Display| LoginError::CaFile(format!("{}: {what}", path.display()));
    let pem = std::fs::read(path).map_err(|error| flawed(&error))?;
    ca_bundle::read(&pem).map_err(|flaw| flawed(&flaw))
}

/// A name that leads nowhere, or where it may not.
#[derive(Clone, Debug)]
enum Unresolved {
    Forbidden { address: String },
    Unknown { reason: String },
}

impl fmt::Display for Unresolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden { address } => write!(formatter, "{address} may not be connected to"),
            Self::Unknown { reason } => formatter.write_str(reason),
        }
    }
}

impl Error for Unresolved {}

/// Resolves to the addresses that may be connected to.
struct Allowed(Arc<AddressPolicy>);

impl Resolve for Allowed {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().strip_suffix('.').unwrap_or(name.as_str());
            let unknown = |reason: String| Unresolved::Unknown { reason };
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host, 0)).await.map_err(|error| unknown(error.to_string()))?.collect();
            let first = found.first().ok_or_else(|| unknown("it has no address".to_owned()))?;
            let address = first.ip().to_string();
            let allowed: Vec<_> = found.into_iter().filter(|it| policy.allows(host, it.ip())).collect();
            if allowed.is_empty() {
                return Err(Unresolved::Forbidden { address }.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
