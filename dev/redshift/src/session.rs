//! One client's session: its messages are passed on to a session of `PostgreSQL`'s, and back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::Shared;
use crate::dialect::{Refusal, SessionContext, Verdict, judge, split, switches_metadata_security};
use crate::faults::Action;
use crate::journal::Event;
use crate::protocol::{Frame, Startup};

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

/// Longest time for the server's word that a statement of ours is done.
const SERVER_DEADLINE: Duration = Duration::from_mins(10);

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
fn parameter(frame: &Frame, user: &mut String, superuser: &mut bool) -> Option<Frame> {
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

struct Relay<C, S> {
    shared: Arc<Shared>,
    context: SessionContext,
    /// The user who logged in; the context has who that user became.
    login: String,
    session: u64,
    database: String,
    client: C,
    server: S,
    from_client: mpsc::Receiver<Frame>,
    from_server: mpsc::Receiver<Frame>,
    /// Refusals of statements that were sent in the extended protocol, in place of the server's errors.
    refusals: Vec<Refusal>,
}

/// How a message of the client's ends.
enum Answered {
    /// The session goes on.
    Yes,
    /// The connection is broken on purpose.
    Broken,
}

impl<C: AsyncWrite + Unpin, S: AsyncWrite + Unpin> Relay<C, S> {
    async fn run(&mut self) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                frame = self.from_client.recv() => {
                    let Some(frame) = frame else { return Ok(()) };
                    match frame.kind {
                        b'Q' => if matches!(self.query(&frame).await?, Answered::Broken) { return Ok(()) },
                        b'P' => self.parse(&frame).await?,
                        b'X' => return Ok(()),
                        _ => self.server.write_all(&frame.bytes()).await?,
                    }
                }
                frame = self.from_server.recv() => {
                    let Some(mut frame) = frame else { return Ok(()) };
                    self.watch(&frame);
                    if frame.kind == b'E' && !self.refusals.is_empty() {
                        frame = refused(&self.refusals.remove(0));
                    }
                    let frame = self.passed(frame);
                    if let Some(frame) = frame { self.client.write_all(&frame.bytes()).await?; }
                }
            }
        }
    }

    /// What of the server's message the client is to see.
    fn passed(&mut self, frame: Frame) -> Option<Frame> {
        if frame.kind != b'S' {
            return Some(frame);
        }
        let answer = parameter(&frame, &mut self.context.user, &mut self.context.superuser);
        // After a ROLLBACK that gives the session back, PostgreSQL says whose it is and nothing of superusers.
        if self.context.user == self.login {
            self.context.superuser = self.context.may_become_others;
        }
        answer
    }

    fn judge(&mut self, text: &str) -> Verdict {
        self.context.metadata_security = self.shared.metadata_security.load(Ordering::Relaxed);
        let verdict = judge(text, &self.context);
        if !matches!(verdict, Verdict::Refuse(_))
            && let Some(on) = switches_metadata_security(text)
        {
            self.shared.metadata_security.store(on, Ordering::Relaxed);
        }
        verdict
    }

    fn watch(&mut self, frame: &Frame) {
        if frame.kind == b'Z' {
            let in_transaction = frame.body.first() != Some(&b'I');
            self.context.first_in_transaction = in_transaction && !self.context.in_transaction;
            self.context.in_transaction = in_transaction;
        }
    }

    /// A statement of the extended protocol: judged, and written anew if need be.
    async fn parse(&mut self, frame: &Frame) -> anyhow::Result<()> {
        let name = frame.text();
        let rest = &frame.body[name.len() + 1..];
        let text = Frame::new(0, rest).text();
        let types = &rest[text.len() + 1..];
        let (sql, notes, outcome, page) = match self.judge(&text) {
            Verdict::Forward => (text.clone(), Vec::new(), "sent", None),
            // What comes first in the simple protocol has no place here.
            Verdict::Rewrite { sql, notes, .. } => (sql, notes, "sent", None),
            Verdict::Refuse(refusal) => {
                let page = refusal.page.clone();
                self.refusals.push(refusal);
                ("THIS IS REFUSED".to_owned(), Vec::new(), "refused", Some(page))
            }
        };
        self.journal(&text, notes, outcome, page);
        let body = [name.as_bytes(), &[0], sql.as_bytes(), &[0], types].concat();
        self.server.write_all(&Frame::new(b'P', body).bytes()).await?;
        Ok(())
    }

    fn journal(&self, text: &str, notes: Vec<String>, outcome: &str, page: Option<String>) {
        let event = Event::Statement { text: text.to_owned(), notes, outcome: outcome.to_owned(), page };
        self.shared.journal.add(self.session, &self.database, &self.login, event);
    }

    /// A message of the simple protocol.
    async fn query(&mut self, frame: &Frame) -> anyhow::Result<Answered> {
        let message = frame.text();
        let spans = match split(&message) {
            Ok(spans) => spans,
            Err(refusal) => return self.answer_refused(&message, &refusal).await,
        };
        if spans.is_empty() {
            self.server.write_all(&frame.bytes()).await?;
            return self.pass_on(&message, Vec::new(), 0, true).await;
        }
        let mut notes = Vec::new();
        let mut hidden = 0;
        let mut sql = String::new();
        for span in &spans {
            let text = &message[span.clone()];
            match self.judge(text) {
                Verdict::Refuse(refusal) => return self.answer_refused(&message, &refusal).await,
                Verdict::Rewrite { before, sql: rewritten, notes: added } => {
                    notes.extend(added);
                    if let Some(before) = before {
                        hidden += 1;
                        sql.push_str(&before);
                        sql.push_str("; ");
                    }
                    sql.push_str(&rewritten);
                }
                Verdict::Forward => sql.push_str(text),
            }
            sql.push_str("; ");
        }
        let body = if spans.len() == 1
            && notes.is_empty()
            && hidden == 0
            && sql.trim_end_matches("; ") == &message[spans[0].clone()]
        {
            frame.clone()
        } else {
            Frame::new(b'Q', [sql.as_bytes(), &[0]].concat())
        };
        match self.shared.faults.at_statement(&self.login, &message) {
            None | Some(Action::RefuseLogin { .. } | Action::AskForSha256 | Action::AskForClearPassword) => {}
            Some(Action::CommitAnyway) => {
                return match self.commit_anyway(&sql).await? {
                    None => {
                        self.server.write_all(&Frame::new(b'Q', *b"SELECT\0").bytes()).await?;
                        self.pass_on(&message, notes, 0, true).await
                    }
                    Some((code, text)) => self.answer_error(&message, Frame::error(&code, &text, None), None).await,
                };
            }
            Some(Action::DropBefore) => {
                self.journal(&message, notes, "lost", None);
                return Ok(Answered::Broken);
            }
            Some(Action::Delay { milliseconds }) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
            Some(Action::Refuse { sqlstate, message: text }) => {
                let text = text.replace("{statement}", &message);
                return self.answer_error(&message, Frame::error(&sqlstate, &text, None), None).await;
            }
            Some(Action::HoldBefore) => {
                if !self.hold().await {
                    self.journal(&message, notes, "lost", None);
                    return Ok(Answered::Broken);
                }
            }
            Some(Action::DropAfter) => {
                self.server.write_all(&body.bytes()).await?;
                self.pass_on(&message, notes, hidden, false).await?;
                return Ok(Answered::Broken);
            }
            Some(Action::HoldAfter) => {
                self.server.write_all(&body.bytes()).await?;
                let answers = self.collect(&message, notes, hidden).await?;
                if !self.hold().await {
                    return Ok(Answered::Broken);
                }
                for answer in answers {
                    self.client.write_all(&answer.bytes()).await?;
                }
                return Ok(Answered::Yes);
            }
        }
        self.server.write_all(&body.bytes()).await?;
        self.pass_on(&message, notes, hidden, true).await
    }

    /// Does something past the client's transaction; the code and the text of the error if it fails.
    async fn commit_anyway(&mut self, sql: &str) -> anyhow::Result<Option<(String, String)>> {
        let client = self.shared.postgres.client(&self.database).await?;
        let user = self.context.user.replace('"', "\"\"");
        let sql = format!("SET SESSION AUTHORIZATION \"{user}\"; {sql}");
        let failed = client.batch_execute(&sql).await.err();
        Ok(failed.map(|error| {
            let code = error.code().map_or("XX000", tokio_postgres::error::SqlState::code).to_owned();
            (code, error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned()))
        }))
    }

    /// Waits for the release; `false` if the client went away meanwhile.
    async fn hold(&mut self) -> bool {
        let faults = self.shared.faults.clone();
        tokio::select! {
            () = faults.hold() => true,
            frame = self.from_client.recv() => frame.is_some_and(|frame| frame.kind != b'X'),
        }
    }

    /// Lets the server refuse something, so that the state of the transaction is its own, and puts
    /// Redshift's words in the place of its.
    async fn answer_refused(&mut self, message: &str, refusal: &Refusal) -> anyhow::Result<Answered> {
        self.answer_error(message, refused(refusal), Some(refusal.page.clone())).await
    }

    async fn answer_error(&mut self, message: &str, error: Frame, page: Option<String>) -> anyhow::Result<Answered> {
        self.journal(message, Vec::new(), &error.field(b'C').unwrap_or_default(), page);
        self.server.write_all(&Frame::new(b'Q', *b"THIS IS REFUSED\0").bytes()).await?;
        loop {
            let answer = self.next_answer().await?;
            self.watch(&answer);
            let is_last = answer.kind == b'Z';
            let answer = if answer.kind == b'E' { error.clone() } else { answer };
            self.client.write_all(&answer.bytes()).await?;
            if is_last {
                return Ok(Answered::Yes);
            }
        }
    }

    async fn next_answer(&mut self) -> anyhow::Result<Frame> {
        let answer = tokio::time::timeout(SERVER_DEADLINE, self.from_server.recv()).await?;
        answer.context("PostgreSQL ended the session")
    }

    /// Reads the answers to a message, without sending them on.
    async fn collect(&mut self, message: &str, notes: Vec<String>, hidden: usize) -> anyhow::Result<Vec<Frame>> {
        let (mut answers, mut hidden) = (Vec::new(), hidden);
        let mut outcome = "ok".to_owned();
        loop {
            let answer = self.next_answer().await?;
            self.watch(&answer);
            let is_last = answer.kind == b'Z';
            match answer.kind {
                b'C' if hidden > 0 => {
                    hidden -= 1;
                    continue;
                }
                b'E' => outcome = answer.field(b'C').unwrap_or_default(),
                _ => {}
            }
            answers.extend(self.passed(answer));
            if is_last {
                self.journal(message, notes, &outcome, None);
                return Ok(answers);
            }
        }
    }

    /// Passes the answers to a message on, or swallows them. COPY is not spoken here.
    async fn pass_on(
        &mut self,
        message: &str,
        notes: Vec<String>,
        hidden: usize,
        send: bool,
    ) -> anyhow::Result<Answered> {
        for answer in self.collect(message, notes, hidden).await? {
            if send {
                self.client.write_all(&answer.bytes()).await?;
            }
        }
        Ok(Answered::Yes)
    }
}

fn refused(refusal: &Refusal) -> Frame {
    Frame::error(refusal.sqlstate, &refusal.message, Some(&refusal.page))
}

/// The key of the test certificate, for the acceptor.
pub(crate) fn key(der: Vec<u8>) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::try_from(der).map_err(|error| anyhow::anyhow!("the key of the test certificate: {error}"))
}
