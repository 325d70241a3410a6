//! Connecting: resolve, check the address, connect to that very address, TLS, login.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tracing::{Instrument, debug, info_span};

use super::guard::{Ended, Guarded, Password, Refused};
use super::session::{Connection, LARGE_ONES, Terms};
use super::tls::{GuardedTls, MachinesAuthorities};
use crate::adapters::ca_bundle;
use crate::adapters::causes::find;
use crate::adapters::lending::lending_after;
use crate::lifecycle::hosts::AddressPolicy;
use crate::lifecycle::server_error::ServerError;
use crate::lifecycle::words::Confidential;
use crate::lifecycle::{Category, Credentials, Endpoint};
use crate::ports::{ConnectError, Target, TlsSettings, Unused, Warehouses};
use crate::telemetry::Metrics;

/// How long anything may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From the name to the login. A warehouse that takes longer is not there, or paused.
    pub connect: Duration,
    /// One statement. `CREATE DATABASE` takes seconds on Redshift, and may wait in a queue.
    pub statement: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { connect: Duration::from_secs(15), statement: Duration::from_mins(2) }
    }
}

/// Most addresses of a host that are tried. A warehouse has one or two; with more, a share would be too short for a login.
const MOST_ADDRESSES: usize = 4;

/// A login takes a few tenths of a second. One that takes longer waits for a server that is paused, or away, or nothing of the
/// kind, and meanwhile others work in its place.
const SOON: Duration = Duration::from_millis(250);

/// Makes connections within the operator's settings.
#[derive(Clone, Debug)]
pub struct Connector {
    policy: Arc<AddressPolicy>,
    deadlines: Deadlines,
    terms: Terms,
    machines: MachinesAuthorities,
}

impl Connector {
    /// A connector.
    #[must_use]
    pub fn new(policy: AddressPolicy, deadlines: Deadlines, metrics: Metrics) -> Self {
        let terms = Terms { deadline: deadlines.statement, room: Arc::new(Semaphore::new(LARGE_ONES)), metrics };
        Self { policy: Arc::new(policy), deadlines, terms, machines: MachinesAuthorities::default() }
    }

    /// How long a login may take.
    fn deadline(&self, target: &Target) -> Duration {
        self.deadlines.connect.saturating_mul(target.patience)
    }

    /// Tries the addresses of the host, one after the other.
    async fn attempt(
        &self,
        target: &Target,
        credentials: &Credentials,
        database: &str,
    ) -> Result<Connection, ConnectError> {
        let begun = Instant::now();
        let tls = target.tls.connector(target.endpoint.host(), &self.machines)?;
        let addresses = self.addresses(&target.endpoint).await?;
        let mut shares = Shares { until: begun + self.deadline(target), addresses: addresses.len() };
        let mut failure = None;
        for address in addresses {
            let endpoint = target.endpoint.to_string();
            let login = self.log_in(address, &target.endpoint, tls.clone(), credentials, database);
            match tokio::time::timeout(shares.next(Instant::now()), login).await {
                Ok(Err(error)) if error.may_differ_elsewhere() => failure = Some(error),
                Ok(result) => return result,
                Err(_) => {
                    failure = Some(ConnectError::Deadline { endpoint, state: None });
                }
            }
        }
        Err(failure.expect("there is one address at least"))
    }

    /// Connects to one address and logs in.
    async fn log_in(
        &self,
        address: SocketAddr,
        endpoint: &Endpoint,
        tls: Option<GuardedTls>,
        credentials: &Credentials,
        database: &str,
    ) -> Result<Connection, ConnectError> {
        let unreachable = |reason: std::io::Error| ConnectError::Unreachable {
            endpoint: endpoint.to_string(),
            state: None,
            reason: reason.to_string(),
        };
        let stream = TcpStream::connect(address).await.map_err(unreachable)?;
        // A statement is one small message: waiting for more to send only costs time.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "small messages may be held back");
        }
        let mut config = Config::new();
        config
            .user(credentials.user.sent())
            .password(credentials.password.expose_secret())
            .dbname(database)
            .application_name("redshift-integration-operator")
            .ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        let confidential = credentials.confidential();
        let unused = tls.as_ref().map(GuardedTls::unused).unwrap_or_default();
        let classify = |error| match classify(&error, database, &confidential) {
            ConnectError::CertificateRejected { said, .. } if is_unknown_authority(&error) => {
                ConnectError::CertificateRejected { said, unused: unused.clone() }
            }
            ConnectError::PasswordRefused { .. } if credentials.have_run_out(Timestamp::now()) => {
                ConnectError::CredentialsRanOut
            }
            ConnectError::PasswordRefused { said, .. } if credentials.are_temporary() => {
                ConnectError::TemporaryRefused { user: credentials.user.to_string(), said }
            }
            ConnectError::PasswordRefused { said, .. } => {
                ConnectError::PasswordRefused { said, hints: credentials.hints() }
            }
            other => other,
        };
        let (terms, once_in) = (self.terms.clone(), credentials.confidential_once_in());
        let ended = Ended::default();
        if let Some(tls) = tls {
            let tls = tls.for_one(credentials.password.clone(), ended.clone());
            let (client, connection) = config.connect_raw(stream, tls).await.map_err(classify)?;
            Ok(Connection::new(client, connection, terms, once_in, ended))
        } else {
            let password = Password { in_the_clear: false, for_a_digest: Some(credentials.password.clone()) };
            let stream = Guarded::new(stream, password, ended.clone());
            let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(classify)?;
            Ok(Connection::new(client, connection, terms, once_in, ended))
        }
    }

    /// The addresses of a host that may be connected to: one at least.
    async fn addresses(&self, endpoint: &Endpoint) -> Result<Vec<SocketAddr>, ConnectError> {
        let unresolved = |reason: String| ConnectError::NameResolution { host: endpoint.host().to_owned(), reason };
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((endpoint.host(), endpoint.port()))
            .await
            .map_err(|error| unresolved(error.to_string()))?
            .collect();
        let Some(first) = addresses.first() else { return Err(unresolved("it has no address".to_owned())) };
        let is_allowed = |address: &&SocketAddr| self.policy.allows(endpoint.host(), address.ip());
        let allowed: Vec<_> = addresses.iter().filter(is_allowed).take(MOST_ADDRESSES).copied().collect();
        if allowed.is_empty() {
            return Err(ConnectError::HostForbidden {
                host: endpoint.host().to_owned(),
                address: first.ip().to_string(),
            });
        }
        Ok(allowed)
    }
}

impl Warehouses for Connector {
    type Session = Connection;

    fn unused(&self, tls: &TlsSettings) -> Unused {
        tls.authorities().ok().flatten().map(|authorities| authorities.unused).unwrap_or_default()
    }

    async fn connect(
        &self,
        target: &Target,
        credentials: &Credentials,
        database: &str,
    ) -> Result<Connection, ConnectError> {
        let span = info_span!("connect", endpoint = %target.endpoint, database, user = %credentials.user);
        let attempt = Box::pin(self.attempt(target, credentials, database)).instrument(span.clone());
        // Whoever was late before is likely to be late again.
        let soon = if target.patience > 1 { Duration::ZERO } else { SOON };
        let result = lending_after(soon, tokio::time::timeout(self.deadline(target), attempt))
            .await
            .unwrap_or_else(|_| Err(ConnectError::Deadline { endpoint: target.endpoint.to_string(), state: None }));
        let _entered = span.enter();
        match &result {
            Ok(_) => debug!("connected"),
            Err(error) => debug!(%error, "not connected"),
        }
        self.terms.metrics.connection(result.as_ref().map_or_else(|error| error.reason().as_str(), |_| "Connected"));
        result
    }
}

/// How the time for a login is shared out among addresses: one that is silent takes its share and no more, and what one
/// leaves goes to those behind it.
#[derive(Clone, Copy, Debug)]
struct Shares {
    until: Instant,
    addresses: usize,
}

impl Shares {
    /// The share of the next address.
    fn next(&mut self, now: Instant) -> Duration {
        let shares = u32::try_from(self.addresses.max(1)).unwrap_or(u32::MAX);
        self.addresses = self.addresses.saturating_sub(1);
        self.until.saturating_duration_since(now) / shares
    }
}

/// Finds the cause in the client library's error, whose own text is only its kind.
fn classify(error: &tokio_postgres::Error, database: &str, confidential: &Confidential) -> ConnectError {
    if let Some(server) = error.as_db_error() {
        let (sqlstate, message) = (server.code().code(), server.message());
        let detail = server.detail().unwrap_or_default();
        return classify_answer(ServerError { sqlstate, message, detail }, database, confidential);
    }
    if let Some(refused) = find::<Refused>(error) {
        return match refused {
            Refused::ClearPassword => ConnectError::ClearPasswordRefused,
            Refused::DigestAlgorithm(algorithm) => ConnectError::UnsupportedPasswordHash(*algorithm),
            Refused::IdentityProviderToken => ConnectError::IdentityProviderToken,
            Refused::MalformedDigestRequest | Refused::Unknown(_) => {
                ConnectError::UnknownAuthentication(refused.to_string())
            }
            Refused::Excess(excess) => ConnectError::TooLarge(*excess),
        };
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        if let Some(when) = ca_bundle::untimely(tls) {
            return ConnectError::CertificateUntimely(when);
        }
        let said = confidential.pass_on(&tls.to_string());
        return ConnectError::CertificateRejected { said, unused: Unused::default() };
    }
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.dedup();
    let text = texts.join(": ");
    if text.contains("server does not support TLS") {
        ConnectError::TlsRefused
    } else {
        ConnectError::Protocol(confidential.pass_on(&text))
    }
}

/// Whether nobody who is trusted has signed the certificate.
fn is_unknown_authority(error: &tokio_postgres::Error) -> bool {
    find::<rustls::Error>(error).is_some_and(ca_bundle::is_unknown_authority)
}

/// The codes are `PostgreSQL`'s; AWS documents neither codes nor texts, so both are looked at.
fn classify_answer(error: ServerError<'_>, database: &str, confidential: &Confidential) -> ConnectError {
    let ServerError { sqlstate, message, .. } = error;
    let message = message.to_ascii_lowercase();
    let says = |text: &str| message.contains(text);
    let words = confidential.pass_on_in_short(&error.whole(), &error.stable());
    if says("no pg_hba.conf entry") || says("ssl off") || says("ssl is required") {
        ConnectError::PlaintextRefused(words)
    } else if says("cannot connect to shared database") {
        ConnectError::NotLocal { database: database.to_owned() }
    } else if sqlstate.starts_with("28")
        || says("password authentication failed")
        || sqlstate == "42704" && message.starts_with("user ")
    {
        ConnectError::PasswordRefused { said: words, hints: Vec::new() }
    } else if sqlstate == "3D000" {
        ConnectError::DatabaseMissing { database: database.to_owned(), reason: words }
    } else if sqlstate == "53300" || (says("connection limit") && says("exceeded")) {
        ConnectError::TooManyConnections(words)
    } else {
        // Permissions, and what isn't supported, don't change by waiting; anything else may.
        let is_lasting = ["0A", "22", "42"].iter().any(|class| sqlstate.starts_with(class));
        let otherwise = if is_lasting { Category::Permanent } else { Category::Transient };
        let category = error.known().unwrap_or(otherwise);
        ConnectError::Server { sqlstate: confidential.pass_on(sqlstate), message: words, category }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(sqlstate: &str, message: &str, confidential: &Confidential) -> ConnectError {
        classify_answer(ServerError { sqlstate, message, detail: "" }, "immuta", confidential)
    }

    #[test]
    fn answers_are_told_apart_by_code_and_else_by_text() {
        let reason = |code, text| answer(code, text, &Confidential::default()).reason().as_str();
        assert_eq!(reason("28P01", "password authentication failed for user \"x\""), "LoginRefused");
        assert_eq!(reason("XX000", "password authentication failed for user \"x\""), "LoginRefused");
        assert_eq!(reason("3D000", "database \"x\" does not exist"), "DatabaseMissing");
        assert_eq!(reason("28000", "no pg_hba.conf entry for host, SSL off"), "TlsMismatch");
        assert_eq!(reason("XX000", "connection limit 500 exceeded for non-bootstrap users"), "TooManyConnections");
        assert_eq!(reason("42704", "user \"IAM:x\" does not exist"), "LoginRefused");
        assert_eq!(reason("XX000", "Cannot connect to shared database \"x\". Connect to …"), "DatabaseUnusable");
        assert_eq!(reason("XX000", "whatever"), "ConnectionFailed");
    }

    #[test]
    fn no_answer_of_a_server_passes_on_what_came_out_of_a_secret() {
        // The user's name is where the password should be, and the other way round.
        let swapped = Credentials::from_secret("Hunter2-and-more".into(), "awsuser".into());
        for (code, text) in [
            ("28000", "password authentication failed for user \"Hunter2-and-more\""),
            ("42704", "user \"hunter2-and-more\" does not exist"),
            ("28000", "no pg_hba.conf entry for host \"10.0.0.1\", user \"Hunter2-and-more\", SSL off"),
            ("3D000", "database \"x\" does not exist for Hunter2-and-more"),
            ("53300", "connection limit \"1\" exceeded for Hunter2-and-more"),
            ("Hunter2-and-more", "no"),
            ("XX000", "the password was awsuser"),
        ] {
            let error = answer(code, text, &swapped.confidential());
            let shown = format!("{error} {error:?}").to_lowercase();
            assert!(!shown.contains("hunter2") && !shown.contains("awsuser"), "{shown}");
        }
    }

    #[test]
    fn the_own_accounts_name_may_show() {
        let own = Credentials::of_account("immuta_system_account", "Abcd1234".into());
        let text = "password authentication failed for user \"immuta_system_account\"";
        let error = answer("28000", text, &own.confidential());
        assert!(error.to_string().contains(text), "{error}");
    }

    #[test]
    fn what_one_address_leaves_of_its_share_goes_to_those_behind_it() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut shares = Shares { until: after(15), addresses: 3 };
        assert_eq!(shares.next(start), Duration::from_secs(5));
        assert_eq!(shares.next(after(1)), Duration::from_secs(7));
        assert_eq!(shares.next(after(8)), Duration::from_secs(7));
    }
}
