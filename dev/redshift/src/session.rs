//! How a session begins: TLS, the parameters, the login.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Context;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::Shared;
use crate::dialect::SessionContext;
use crate::faults::Action;
use crate::journal::Event;
use crate::protocol::{Frame, Startup};
use crate::relay::Relay;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Parameters that AWS's drivers send and Redshift knows, but `PostgreSQL` doesn't.
const REDSHIFT_PARAMETERS: &[&str] = &[
    "client_protocol_version",
    "driver_version",
    "os_version",
    "driver_discovery_version",
    "plugin_name",
    "idp_type",
    "provider_name",
];

/// Parameters that are passed on.
const KNOWN_PARAMETERS: &[&str] = &[
    "user",
    "database",
    "client_encoding",
    "application_name",
    "datestyle",
    "timezone",
    "options",
    "replication",
    "extra_float_digits",
];

/// Serves one client, from the first byte to the last.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream: Box<dyn Stream> = Box::new(stream);
    let mut encrypted = false;
    loop {
        match Startup::read(&mut stream).await? {
            None => return Ok(()),
            Some(Startup::Gss) => stream.write_all(b"N").await?,
            Some(Startup::Tls) => match (&shared.tls, encrypted) {
                (Some(acceptor), false) => {
                    stream.write_all(b"S").await?;
                    let acceptor: &TlsAcceptor = acceptor;
                    stream = Box::new(acceptor.accept(stream).await?);
                    encrypted = true;
                }
                _ => stream.write_all(b"N").await?,
            },
            Some(Startup::Cancel(packet)) => {
                let mut server = UnixStream::connect(shared.postgres.socket()).await?;
                server.write_all(&packet).await?;
                return Ok(());
            }
            Some(Startup::Session(parameters)) => return begin(shared, stream, parameters, encrypted).await,
        }
    }
}

async fn begin(
    shared: Arc<Shared>,
    mut stream: Box<dyn Stream>,
    parameters: Vec<(String, String)>,
    encrypted: bool,
) -> anyhow::Result<()> {
    let value = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let user = value("user").unwrap_or_default();
    // Names of databases are folded, however they are sent. MG/connecting
    let database = value("database").unwrap_or_else(|| user.clone()).to_lowercase();
    let session = shared.sessions.fetch_add(1, Ordering::Relaxed) + 1;
    let refuse = |sqlstate: &str, message: &str| {
        shared.journal.add(session, &database, &user, Event::Login { refused: Some(sqlstate.to_owned()) });
        Frame::error(sqlstate, message, None).bytes()
    };
    if shared.require_tls && !encrypted {
        let message = format!(
            "no pg_hba.conf entry for host \"::ffff:127.0.0.1\", user \"{user}\", database \"{database}\", SSL off"
        );
        stream.write_all(&refuse("28000", &message)).await?;
        return Ok(());
    }
    if user == crate::postgres::INTERNAL_USER {
        stream.write_all(&refuse("28000", &format!("password authentication failed for user \"{user}\""))).await?;
        return Ok(());
    }
    let unknown = parameters.iter().find(|(name, _)| {
        let name = name.as_str();
        !KNOWN_PARAMETERS.contains(&name.to_lowercase().as_str()) && !REDSHIFT_PARAMETERS.contains(&name)
    });
    if let Some((name, _)) = unknown {
        let message = format!("unrecognized configuration parameter \"{name}\"");
        stream.write_all(&refuse("42704", &message)).await?;
        return Ok(());
    }
    match shared.faults.at_login(&user) {
        Some(Action::RefuseLogin { sqlstate, message }) => {
            stream.write_all(&refuse(&sqlstate, &message)).await?;
            return Ok(());
        }
        Some(Action::AskForSha256) => {
            // Algorithm, salt, nonce: a driver that doesn't know code 13 doesn't read on.
            let body = [&13_u32.to_be_bytes()[..], &0_u32.to_be_bytes(), &[0; 32], &[0; 32]].concat();
            stream.write_all(&Frame::new(b'R', body).bytes()).await?;
            shared.journal.add(session, &database, &user, Event::Login { refused: Some("28000".to_owned()) });
            let _ = Frame::read(&mut stream).await;
            return Ok(());
        }
        Some(Action::AskForClearPassword) => {
            stream.write_all(&Frame::new(b'R', 3_u32.to_be_bytes()).bytes()).await?;
            let answer = Frame::read(&mut stream).await?;
            let code = if answer.is_some() { "got-clear-password" } else { "28000" };
            stream.write_all(&refuse(code, "the stand-in asked for the password in the clear")).await?;
            return Ok(());
        }
        _ => {}
    }
    let mut passed: Vec<_> = parameters
        .iter()
        .filter(|(name, _)| !REDSHIFT_PARAMETERS.contains(&name.as_str()) && name != "database")
        .cloned()
        .collect();
    passed.push(("database".to_owned(), database.clone()));
    let mut server = UnixStream::connect(shared.postgres.socket()).await.context("PostgreSQL is gone")?;
    server.write_all(&Startup::packet(&passed)).await?;
    let mut identity = Identity { user: user.clone(), superuser: false };
    let Some(()) = log_in(&shared, &mut stream, &mut server, session, &database, &mut identity).await? else {
        return Ok(());
    };
    shared.open.fetch_add(1, Ordering::Relaxed);
    let (to_us, from_client) = mpsc::channel(16);
    let (to_us_too, from_server) = mpsc::channel(16);
    let (client_read, client) = tokio::io::split(stream);
    let (server_read, server) = server.into_split();
    let readers = [tokio::spawn(pump(client_read, to_us)), tokio::spawn(pump(server_read, to_us_too))];
    let mut relay = Relay {
        shared: shared.clone(),
        context: SessionContext {
            may_become_others: identity.superuser,
            user: identity.user,
            superuser: identity.superuser,
            in_transaction: false,
            first_in_transaction: false,
            in_procedure: false,
            metadata_security: false,
            serverless: shared.serverless,
        },
        login: user.clone(),
        session,
        database: database.clone(),
        client,
        server,
        from_client,
        from_server,
        refusals: Vec::new(),
    };
    let result = relay.run().await;
    for reader in readers {
        reader.abort();
    }
    shared.open.fetch_sub(1, Ordering::Relaxed);
    shared.journal.add(session, &database, &user, Event::Disconnect);
    result
}

/// Who a session is, as the server says it.
struct Identity {
    user: String,
    superuser: bool,
}

/// Passes the login on, both ways; `None` if it failed.
async fn log_in(
    shared: &Shared,
    client: &mut Box<dyn Stream>,
    server: &mut UnixStream,
    session: u64,
    database: &str,
    identity: &mut Identity,
) -> anyhow::Result<Option<()>> {
    let user = identity.user.clone();
    loop {
        let Some(frame) = Frame::read(server).await? else { return Ok(None) };
        let answer = match frame.kind {
            b'S' => parameter(&frame, &mut identity.user, &mut identity.superuser),
            b'E' => {
                shared.journal.add(session, database, &user, Event::Login { refused: frame.field(b'C') });
                Some(frame.clone())
            }
            _ => Some(frame.clone()),
        };
        if let Some(answer) = answer {
            client.write_all(&answer.bytes()).await?;
        }
        match frame.kind {
            b'E' => return Ok(None),
            b'Z' => {
                shared.journal.add(session, database, &user, Event::Login { refused: None });
                return Ok(Some(()));
            }
            b'R' if frame.body.starts_with(&5_u32.to_be_bytes()) || frame.body.starts_with(&3_u32.to_be_bytes()) => {
                let Some(password) = Frame::read(client).await? else { return Ok(None) };
                server.write_all(&password.bytes()).await?;
            }
            _ => {}
        }
    }
}

/// What the server says of itself, as Redshift would; and what it says of who the session is, which
/// `SET SESSION AUTHORIZATION` and the end of its transaction change.
pub(crate) fn parameter(frame: &Frame, user: &mut String, superuser: &mut bool) -> Option<Frame> {
    let name = frame.text();
    let value = Frame::new(0, &frame.body[name.len() + 1..]).text();
    let say = |value: &str| Some(Frame::new(b'S', [name.as_bytes(), &[0], value.as_bytes(), &[0]].concat()));
    match name.as_str() {
        "server_version" => say("8.0.2"),
        "client_encoding" => say(if value == "UTF8" { "UNICODE" } else { &value }),
        "is_superuser" => {
            *superuser = value == "on";
            Some(frame.clone())
        }
        "session_authorization" => {
            user.clone_from(&value);
            Some(frame.clone())
        }
        "in_hot_standby" | "default_transaction_read_only" | "scram_iterations" => None,
        _ => Some(frame.clone()),
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, to: mpsc::Sender<Frame>) {
    while let Ok(Some(frame)) = Frame::read(&mut from).await {
        if to.send(frame).await.is_err() {
            break;
        }
    }
}

/// The key of the test certificate, for the acceptor.
pub(crate) fn key(der: Vec<u8>) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::try_from(der).map_err(|error| anyhow::anyhow!("the key of the test certificate: {error}"))
}
