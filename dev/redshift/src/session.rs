//! How a session begins and ends: TLS, the parameters, the login, the farewell.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter, WriteHalf};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Shared;
use crate::dialect::SessionContext;
use crate::errors::ServerError;
use crate::faults::Action;
use crate::journal::Event;
use crate::protocol::{Frame, Startup};
use crate::relay::{Answered, Extended, Relay};
use crate::warehouse::Warehouse;

mod login;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

type Session = Relay<WriteHalf<Box<dyn Stream>>, OwnedWriteHalf>;

/// Longest time for what a client has to say until it is logged in: `PostgreSQL`'s `authentication_timeout`.
const LOGIN_DEADLINE: Duration = Duration::from_mins(1);

/// Longest time for a client to hang up once it has been told that the session is over.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one client, from the first byte to the last.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    warehouse: Arc<Warehouse>,
    mut stream: Box<dyn Stream>,
) -> anyhow::Result<()> {
    let mut encrypted = false;
    loop {
        match timeout(LOGIN_DEADLINE, Startup::read(&mut stream)).await? {
            Ok(None) => return Ok(()),
            Ok(Some(Startup::Gss)) => send(&mut stream, b"N").await?,
            Ok(Some(Startup::Tls)) => match (shared.acceptor(), encrypted) {
                (Some(acceptor), false) => {
                    send(&mut stream, b"S").await?;
                    stream = Box::new(timeout(LOGIN_DEADLINE, acceptor.accept(stream)).await??);
                    encrypted = true;
                }
                _ => send(&mut stream, b"N").await?,
            },
            Ok(Some(Startup::Cancel(packet))) => return cancel(&shared, &packet).await,
            Ok(Some(Startup::Version(version))) => {
                let (major, minor) = (version >> 16, version & 0xFFFF);
                let message = format!("unsupported frontend protocol {major}.{minor}: server supports 1.0 to 3.0");
                return farewell(&mut stream, &ServerError::fatal("0A000", &message)).await;
            }
            Ok(Some(Startup::Session(parameters))) => {
                return Beginning::new(shared, warehouse, parameters, encrypted).begin(stream).await;
            }
            Err(error) => {
                return farewell(&mut stream, &ServerError::fatal("08P01", &error.to_string())).await;
            }
        }
    }
}

/// TLS keeps for itself what the socket didn't take at once.
async fn send(stream: &mut Box<dyn Stream>, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// The error that a session ends with, before it has begun.
async fn farewell(stream: &mut Box<dyn Stream>, error: &ServerError) -> anyhow::Result<()> {
    send(stream, &error.frame().bytes()).await?;
    stream.shutdown().await?;
    // What is thrown away unread would have the client's system forget the error: a reset.
    let _ = timeout(FAREWELL, tokio::io::copy(stream, &mut tokio::io::sink())).await;
    Ok(())
}

/// Passes on that another's statement is to be cancelled. That the server hangs up means that it knows.
async fn cancel(shared: &Shared, packet: &[u8]) -> anyhow::Result<()> {
    let mut server = UnixStream::connect(shared.postgres.socket()).await?;
    server.write_all(packet).await?;
    let _ = timeout(LOGIN_DEADLINE, server.read_to_end(&mut Vec::new())).await;
    Ok(())
}

/// A session that begins.
struct Beginning {
    shared: Arc<Shared>,
    warehouse: Arc<Warehouse>,
    parameters: Vec<(String, String)>,
    encrypted: bool,
    /// The name to log in with, as the client sent it.
    login: String,
    user: String,
    database: String,
    session: u64,
}

impl Beginning {
    fn new(
        shared: Arc<Shared>,
        warehouse: Arc<Warehouse>,
        mut parameters: Vec<(String, String)>,
        encrypted: bool,
    ) -> Self {
        let sent = parameters.iter().find(|(key, _)| key == "user").map(|(_, value)| value.clone());
        for (_, value) in parameters.iter_mut().filter(|(key, _)| key == "user" || key == "database") {
            *value = String::from_utf8_lossy(&warehouse.inside(value.as_bytes())).into_owned();
        }
        let value = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let user = value("user").unwrap_or_default();
        // Names of databases are folded, however they are sent. MG/connecting
        let database = value("database").unwrap_or_else(|| user.clone()).to_lowercase();
        let session = shared.sessions.fetch_add(1, Ordering::Relaxed) + 1;
        Self { shared, warehouse, parameters, encrypted, login: sent.unwrap_or_default(), user, database, session }
    }

    fn journal(&self, refused: Option<&str>) {
        let event = Event::Login { refused: refused.map(str::to_owned) };
        self.shared.journal.add(self.session, &self.database, &self.user, event);
    }

    async fn begin(mut self, mut stream: Box<dyn Stream>) -> anyhow::Result<()> {
        if let Some(Action::ColdStart { milliseconds }) = self.shared.faults.at_startup(&self.user, &self.database) {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
        if let Err((sqlstate, message)) = self.acceptable() {
            self.journal(Some(sqlstate));
            return farewell(&mut stream, &ServerError::fatal(sqlstate, &message)).await;
        }
        if let Some(action) = self.shared.faults.at_login(&self.user, &self.database) {
            return self.refuse_login(&mut stream, action).await;
        }
        let holder = if self.shared.temporary.knows(&self.login) {
            let Some(holder) = self.ask_for_temporary(&mut stream).await? else { return Ok(()) };
            Some(holder)
        } else {
            None
        };
        let user = holder.as_ref().map_or(&self.user, |(user, _)| user).clone();
        let mut server = UnixStream::connect(self.shared.postgres.socket()).await.context("PostgreSQL is gone")?;
        server.write_all(&Startup::packet(&self.passed_on(&user))).await?;
        let mut context = SessionContext {
            may_become_others: false,
            user: user.clone(),
            database: self.database.clone(),
            superuser: false,
            in_transaction: false,
            first_in_transaction: false,
            in_procedure: false,
            case_sensitive: false,
            metadata_security: false,
            serverless: self.shared.serverless,
            late_views: false,
            readers_use_schemas: self.shared.readers_use_schemas,
        };
        // Behind ReadyForQuery, the last that is read, there is nothing yet.
        let mut server = BufReader::new(server);
        let kept = holder.map(|(_, kept)| kept);
        if !self.log_in(&mut stream, &mut server, &mut context, kept).await? {
            return Ok(());
        }
        // What is done from here on, the user does, whatever the name of the login was.
        self.user = user;
        context.may_become_others = context.superuser;
        self.run(stream, server.into_inner(), context).await
    }

    async fn run(self, stream: Box<dyn Stream>, server: UnixStream, context: SessionContext) -> anyhow::Result<()> {
        let _open = Open::new(&self);
        let (to_us, from_client) = mpsc::channel(16);
        let (to_us_too, from_server) = mpsc::channel(16);
        let (client_read, client) = tokio::io::split(stream);
        let (server_read, server) = server.into_split();
        // They end with this function, however it ends: nobody may keep a half of a connection.
        let mut readers = JoinSet::new();
        readers.spawn(read_client(client_read, to_us, self.warehouse.clone()));
        readers.spawn(read_server(server_read, to_us_too));
        let mut relay: Session = Relay {
            shared: self.shared.clone(),
            warehouse: self.warehouse.clone(),
            context,
            login: self.user.clone(),
            session: self.session,
            database: self.database.clone(),
            client: BufWriter::new(client),
            server,
            from_client,
            early: VecDeque::new(),
            from_server,
            extended: Extended::default(),
            farewell: false,
            case_sensitive_before: None,
            rolled_back: false,
            set_locally: false,
            since: Instant::now(),
        };
        let ended = match unwinding(relay.run()).await {
            Ok(ended) => ended,
            Err(panic) => Err(anyhow::anyhow!("the stand-in failed: {panic}")),
        };
        match ended {
            Ok(Answered::Broken) => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "a session broke");
                relay.fatal("XX000", &format!("{error:#}")).await?;
            }
        }
        hang_up(relay).await
    }
}

/// Ends a session so that the client reads all that it was told.
async fn hang_up(mut relay: Session) -> anyhow::Result<()> {
    relay.client.flush().await?;
    relay.client.shutdown().await?;
    drop(relay.server);
    let mut from_client = relay.from_client;
    let _ = timeout(FAREWELL, async { while from_client.recv().await.is_some_and(|frame| frame.is_ok()) {} }).await;
    Ok(())
}

/// Counts a session while it is open, however it ends.
struct Open {
    shared: Arc<Shared>,
    session: u64,
    database: String,
    user: String,
}

impl Open {
    fn new(beginning: &Beginning) -> Self {
        let Beginning { shared, session, database, user, .. } = beginning;
        shared.open.fetch_add(1, Ordering::Relaxed);
        Self { shared: shared.clone(), session: *session, database: database.clone(), user: user.clone() }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
        self.shared.journal.add(self.session, &self.database, &self.user, Event::Disconnect);
    }
}

/// What a future gives, or what it panics with.
async fn unwinding<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => std::task::Poll::Ready(Err(words_of(panic.as_ref()))),
    })
    .await
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

async fn read_client(
    from: impl AsyncRead + Unpin,
    to: mpsc::Sender<std::io::Result<Frame>>,
    warehouse: Arc<Warehouse>,
) {
    let mut from = BufReader::new(from);
    loop {
        let frame = Frame::read(&mut from).await.transpose();
        let Some(frame) = frame else { return };
        let frame = frame.map(|frame| warehouse.incoming(frame));
        let is_last = frame.is_err();
        if to.send(frame).await.is_err() || is_last {
            return;
        }
    }
}

async fn read_server(from: impl AsyncRead + Unpin, to: mpsc::Sender<Frame>) {
    let mut from = BufReader::new(from);
    while let Ok(Some(frame)) = Frame::read(&mut from).await {
        if to.send(frame).await.is_err() {
            return;
        }
    }
}
