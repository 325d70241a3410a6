//! A stand-in for Amazon Redshift, for tests and the demo: a relay that works on messages, in front of
//! `PostgreSQL` 15.
//!
//! It speaks as Redshift does, refuses what Redshift's documentation doesn't allow, writes anew what
//! only Redshift has, and journals what `PostgreSQL` can't express. It proves nothing about a real
//! warehouse; `docs/design.md` says what it shows and what it can't.
//!
//! It shares no code with the operator: a wrong belief in one would otherwise pass in the other.

mod catalog;
mod certificate;
mod control;
pub mod dialect;
mod distance;
mod errors;
pub mod faults;
pub mod journal;
mod parameters;
mod postgres;
mod protocol;
mod relay;
mod session;
mod sha256;
mod temporary;
mod warehouse;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use certificate::Certificate;
use faults::Faults;
use journal::Journal;
use postgres::Postgres;
use session::Stream;
use temporary::{Temporary, random_password};
use warehouse::{Connected, Warehouse};

pub use certificate::Presented;
pub use temporary::TemporaryCredentials;

/// How a stand-in is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its first user, a superuser.
    pub admin_user: String,
    /// That user's password; a random one without it.
    pub admin_password: Option<String>,
    /// Whether it offers TLS at all.
    pub offer_tls: bool,
    /// Whether it refuses connections without TLS.
    pub require_tls: bool,
    /// Whether it plays Redshift Serverless, which has no STV, STL and SVL views.
    pub serverless: bool,
    /// Whether readers of late-binding views need USAGE on the schemas that those read, in this database and in others.
    /// They were seen to need it in the same database; the documentation doesn't say so.
    /// <https://github.com/aws-samples/amazon-redshift-dynamic-data-masking/issues/2>
    pub readers_use_schemas: bool,
    /// Databases that are listed and can't be entered: shared ones, and `awsdatacatalog`.
    pub foreign_databases: Vec<String>,
    /// Names in its certificate besides `localhost` and 127.0.0.1.
    pub certificate_names: Vec<String>,
    /// Its port; 0 for a free one.
    pub port: u16,
    /// The port of its control; 0 for a free one.
    pub control_port: u16,
    /// How many warehouses it plays, each at a port of its own.
    pub warehouses: usize,
    /// Names of users, roles and databases that each of several warehouses keeps to itself.
    pub names_apart: Vec<String>,
    /// How far away it is: what a round trip takes longer.
    pub round_trip: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            admin_user: "awsuser".to_owned(),
            admin_password: None,
            offer_tls: true,
            require_tls: false,
            serverless: false,
            readers_use_schemas: false,
            foreign_databases: Vec::new(),
            certificate_names: Vec::new(),
            port: 0,
            control_port: 0,
            warehouses: 1,
            names_apart: Vec::new(),
            round_trip: Duration::ZERO,
        }
    }
}

pub(crate) struct Shared {
    postgres: Postgres,
    journal: Journal,
    faults: Faults,
    temporary: Temporary,
    tls: Mutex<Option<TlsAcceptor>>,
    ca_pem: String,
    require_tls: bool,
    serverless: bool,
    readers_use_schemas: bool,
    foreign_databases: Vec<String>,
    warehouses: Vec<Arc<Warehouse>>,
    round_trip: Duration,
    sessions: AtomicU64,
    open: AtomicU64,
    away: watch::Sender<bool>,
    /// Whether ordinary users see only what is theirs; `ALTER SYSTEM` sets it. DG/`t_metadata_security`
    metadata_security: AtomicBool,
    /// Whether there ever was a late-binding view. Without one, no relation has to be looked at before a statement.
    late_views: AtomicBool,
}

impl Shared {
    fn acceptor(&self) -> Option<TlsAcceptor> {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn connections(&self) -> (u64, u64) {
        (self.open.load(Ordering::Relaxed), self.sessions.load(Ordering::Relaxed))
    }

    fn set_away(&self, away: bool) {
        self.away.send_replace(away);
    }
}

/// A running stand-in; it ends when it is dropped.
pub struct StandIn {
    shared: Arc<Shared>,
    admin_user: String,
    admin_password: String,
    addresses: Vec<SocketAddr>,
    control: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl StandIn {
    /// Starts one, as a new cluster is: the databases `dev` and `redshift_sample_data`, one superuser.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let admin_password = match options.admin_password {
            Some(password) => password,
            None => random_password()?,
        };
        let postgres = Postgres::start(&options.admin_user, &admin_password).await?;
        postgres.list_foreign(&options.foreign_databases).await?;
        let Certificate { acceptor, authority: ca_pem } =
            Certificate::new(&options.certificate_names, Presented::Signed)?;
        let shared = Arc::new(Shared {
            postgres,
            journal: Journal::default(),
            faults: Faults::default(),
            temporary: Temporary::default(),
            tls: Mutex::new(options.offer_tls.then_some(acceptor)),
            ca_pem,
            require_tls: options.require_tls,
            serverless: options.serverless,
            readers_use_schemas: options.readers_use_schemas,
            foreign_databases: options.foreign_databases,
            warehouses: warehouses(options.warehouses, &options.names_apart),
            round_trip: options.round_trip,
            sessions: AtomicU64::new(0),
            open: AtomicU64::new(0),
            away: watch::Sender::new(false),
            metadata_security: AtomicBool::new(false),
            late_views: AtomicBool::new(false),
        });
        let control_listener = listen(SocketAddr::from(([127, 0, 0, 1], options.control_port)))?;
        let control = control_listener.local_addr()?;
        let router = control::router(shared.clone());
        let mut tasks = vec![tokio::spawn(async move {
            let _ = axum::serve(control_listener, router).await;
        })];
        let mut addresses = Vec::new();
        for warehouse in &shared.warehouses {
            // The port that was asked for is the first one's.
            let port = if addresses.is_empty() { options.port } else { 0 };
            let listener = listen(SocketAddr::from(([127, 0, 0, 1], port)))?;
            let address = listener.local_addr()?;
            addresses.push(address);
            tasks.push(tokio::spawn(accept(shared.clone(), warehouse.clone(), listener, address)));
        }
        Ok(Self { shared, admin_user: options.admin_user, admin_password, addresses, control, tasks })
    }

    /// The host to connect to; it is in the certificate.
    #[must_use]
    pub fn host(&self) -> &'static str {
        "localhost"
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses[0].port()
    }

    /// The ports of all warehouses.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.addresses.iter().map(SocketAddr::port).collect()
    }

    /// Where the control listens.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// The certificate authority (PEM) that signed the server's certificate.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.shared.ca_pem
    }

    /// Presents another certificate from now on, good for the usual names. Gives what a client has to trust (PEM).
    pub fn present(&self, presented: Presented) -> anyhow::Result<String> {
        let Certificate { acceptor, authority } = Certificate::new(&[], presented)?;
        *self.shared.tls.lock().unwrap_or_else(PoisonError::into_inner) = Some(acceptor);
        Ok(authority)
    }

    /// Offers no TLS from now on.
    pub fn offer_no_tls(&self) {
        *self.shared.tls.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The first user.
    #[must_use]
    pub fn admin_user(&self) -> &str {
        &self.admin_user
    }

    /// The first user's password.
    #[must_use]
    pub fn admin_password(&self) -> &str {
        &self.admin_password
    }

    /// What happened.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// Faults on order.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Sessions that are open, and all that there ever were (logins that failed count).
    #[must_use]
    pub fn connections(&self) -> (u64, u64) {
        self.shared.connections()
    }

    /// Makes temporary credentials, as `GetClusterCredentials` and its like do, and gives their password.
    pub fn temporary_credentials(&self, wanted: TemporaryCredentials) -> anyhow::Result<String> {
        self.shared.temporary.issue(wanted)
    }

    /// Ends all temporary credentials that there are: no login with them from now on.
    pub fn end_temporary_credentials(&self) {
        self.shared.temporary.end();
    }

    /// Closes all connections and takes none.
    pub fn go_away(&self) {
        self.shared.set_away(true);
    }

    /// Takes connections again, at the same port.
    pub fn come_back(&self) {
        self.shared.set_away(false);
    }

    /// The stand-in's own superuser, past the relay: for tests that must see the truth.
    pub async fn superuser(&self, database: &str) -> anyhow::Result<tokio_postgres::Client> {
        self.shared.postgres.client(database).await
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // Sessions end first: they keep what they share, the server included.
        self.shared.set_away(true);
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Coming back at the same port may not wait for old connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address).with_context(|| format!("{address}"))?;
    Ok(socket.listen(128)?)
}

/// At least one; one alone keeps nothing to itself.
fn warehouses(number: usize, names: &[String]) -> Vec<Arc<Warehouse>> {
    if number <= 1 {
        return vec![Arc::default()];
    }
    (1..=number).map(|number| Arc::new(Warehouse::of_several(number, names.to_vec()))).collect()
}

/// What a client and the session that serves it speak over.
fn connection(stream: TcpStream, round_trip: Duration) -> std::io::Result<Box<dyn Stream>> {
    stream.set_nodelay(true)?;
    if round_trip.is_zero() { Ok(Box::new(stream)) } else { Ok(Box::new(distance::from_afar(stream, round_trip))) }
}

async fn accept(shared: Arc<Shared>, warehouse: Arc<Warehouse>, listener: TcpListener, address: SocketAddr) {
    let mut away = shared.away.subscribe();
    let mut listener = Some(listener);
    loop {
        let Some(open) = &listener else {
            if away.wait_for(|away| !away).await.is_err() {
                return;
            }
            match listen(address) {
                Ok(again) => listener = Some(again),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
            continue;
        };
        tokio::select! {
            accepted = open.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let Ok(stream) = connection(stream, shared.round_trip) else { continue };
                let (shared, warehouse) = (shared.clone(), warehouse.clone());
                let mut away = shared.away.subscribe();
                tokio::spawn(async move {
                    let _connected = Connected::to(&warehouse);
                    tokio::select! {
                        result = session::serve(shared, warehouse.clone(), stream) => {
                            if let Err(error) = result { tracing::debug!(%error, "a session broke"); }
                        }
                        _ = away.wait_for(|away| *away) => {}
                    }
                });
            }
            changed = away.wait_for(|away| *away) => {
                if changed.is_err() { return; }
                drop(changed);
                listener = None;
            }
        }
    }
}
