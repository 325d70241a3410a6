//! The login: whether it would be looked at, who asks for the password, what the client is told of it.

use anyhow::bail;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{Beginning, LOGIN_DEADLINE, Stream, farewell, send};
use crate::dialect::SessionContext;
use crate::errors::{ServerError, as_redshift};
use crate::faults::Action;
use crate::parameters;
use crate::protocol::Frame;
use crate::temporary::{self, Kept};

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
    "extra_float_digits",
];

impl Beginning {
    /// Whether the server would look at the password at all.
    pub(super) fn acceptable(&self) -> Result<(), (&'static str, String)> {
        let Self { user, database, .. } = self;
        if self.shared.require_tls && !self.encrypted {
            let message = format!(
                "no pg_hba.conf entry for host \"::ffff:127.0.0.1\", user \"{user}\", database \"{database}\", SSL off"
            );
            return Err(("28000", message));
        }
        if user == crate::postgres::INTERNAL_USER {
            return Err(("28000", format!("password authentication failed for user \"{user}\"")));
        }
        // https://github.com/open-metadata/OpenMetadata/issues/15635
        if self.shared.foreign_databases.contains(database) {
            let message = format!(
                "Cannot connect to shared database \"{database}\" created from Data Catalog ARN. Connect to a database in \
                 your cluster or a database created from a datashare instead and use cross-database query notation \
                 <shareddatabase>.<schema>.<object> to query the data in shared database."
            );
            return Err(("XX000", message));
        }
        let unknown = self.parameters.iter().find(|(name, _)| {
            let name = name.as_str();
            !KNOWN_PARAMETERS.contains(&name.to_lowercase().as_str()) && !REDSHIFT_PARAMETERS.contains(&name)
        });
        unknown.map_or(Ok(()), |(name, _)| Err(("42704", format!("unrecognized configuration parameter \"{name}\""))))
    }

    pub(super) async fn refuse_login(&self, stream: &mut Box<dyn Stream>, action: Action) -> anyhow::Result<()> {
        match action {
            Action::RefuseLogin { sqlstate, message } => {
                self.journal(Some(sqlstate.as_str()));
                farewell(stream, &ServerError::fatal(&sqlstate, &message)).await
            }
            Action::AskForClearPassword => {
                send(stream, &Frame::new(b'R', 3_u32.to_be_bytes()).bytes()).await?;
                let answer = timeout(LOGIN_DEADLINE, Frame::read(stream)).await??;
                let code = if answer.is_some() { "got-clear-password" } else { "28000" };
                self.journal(Some(code));
                farewell(stream, &ServerError::fatal(code, "the stand-in asked for the password in the clear")).await
            }
            _ => {
                // The algorithm; salt and nonce, which are empty.
                let body = [&13_u32.to_be_bytes()[..], &1_u32.to_be_bytes(), &[0; 8]].concat();
                send(stream, &Frame::new(b'R', body).bytes()).await?;
                self.journal(Some("28000"));
                let _ = timeout(LOGIN_DEADLINE, Frame::read(stream)).await?;
                Ok(())
            }
        }
    }

    /// Asks for the password of temporary credentials. The user whose they are, and what is kept of the user's own
    /// password; `None` if they aren't good, and the client knows.
    pub(super) async fn ask_for_temporary(
        &self,
        client: &mut Box<dyn Stream>,
    ) -> anyhow::Result<Option<(String, Kept)>> {
        let salt = temporary::random::<4>()?;
        send(client, &Frame::new(b'R', [&5_u32.to_be_bytes()[..], &salt].concat()).bytes()).await?;
        let answer = timeout(LOGIN_DEADLINE, Frame::read(client)).await??;
        let Some(answer) = answer else { return Ok(None) };
        let (sqlstate, message) = match self.shared.temporary.holder(&self.login, salt, &answer.text()) {
            Some(mut holder) => {
                holder.user = String::from_utf8_lossy(&self.warehouse.inside(holder.user.as_bytes())).into_owned();
                if let Some(kept) = self.shared.temporary.kept(&self.shared.postgres, &holder).await? {
                    return Ok(Some((holder.user, kept)));
                }
                ("42704", format!("user \"{}\" does not exist", self.login))
            }
            None => ("28000", format!("password authentication failed for user \"{}\"", self.login)),
        };
        self.journal(Some(sqlstate));
        farewell(client, &ServerError::fatal(sqlstate, &message)).await?;
        Ok(None)
    }

    /// Asks for the digest of a password that is kept as SHA-256. What is kept; `None` if the answer isn't good, and the
    /// client knows.
    async fn ask_for_digest(&self, client: &mut Box<dyn Stream>) -> anyhow::Result<Option<Kept>> {
        let kept = Kept::of(&self.shared.postgres, &self.user).await?;
        let Some(Kept::Sha256(stored)) = kept else {
            bail!("PostgreSQL asks for another kind of password than it has")
        };
        let nonce = temporary::random::<32>()?;
        send(client, &stored.question(&nonce).bytes()).await?;
        let Some(answer) = timeout(LOGIN_DEADLINE, Frame::read(client)).await?? else { return Ok(None) };
        if stored.is_answered_by(&nonce, &answer) {
            return Ok(Some(Kept::Sha256(stored)));
        }
        let message = format!("password authentication failed for user \"{}\"", self.login);
        self.journal(Some("28000"));
        farewell(client, &ServerError::fatal("28000", &message)).await?;
        Ok(None)
    }

    /// The parameters that the server is told.
    pub(super) fn passed_on(&self, user: &str) -> Vec<(String, String)> {
        let known = |name: &str| !REDSHIFT_PARAMETERS.contains(&name) && name != "database" && name != "user";
        let mut passed: Vec<_> = self.parameters.iter().filter(|(name, _)| known(name)).cloned().collect();
        passed.push(("user".to_owned(), user.to_owned()));
        passed.push(("database".to_owned(), self.database.clone()));
        passed
    }

    /// Passes the login on, both ways; `false` if it failed. With what the server keeps of the password, its question is
    /// answered here: the client has been asked already.
    pub(super) async fn log_in(
        &self,
        client: &mut Box<dyn Stream>,
        server: &mut BufReader<UnixStream>,
        context: &mut SessionContext,
        mut kept: Option<Kept>,
    ) -> anyhow::Result<bool> {
        // Two dozen messages that nobody waits for: they go with the next that somebody does.
        let mut unsent = Vec::new();
        loop {
            let Some(frame) = Frame::read(server).await? else { return Ok(false) };
            let asks = frame.kind == b'R' && !frame.body.starts_with(&[0; 4]);
            if asks && kept.is_none() && frame.body.starts_with(&10_u32.to_be_bytes()) {
                kept = self.ask_for_digest(client).await?;
                if kept.is_none() {
                    return Ok(false);
                }
            }
            if let (true, Some(kept)) = (asks, &kept) {
                if let Some(answer) = kept.answer(&frame)? {
                    server.write_all(&answer.bytes()).await?;
                }
                continue;
            }
            let answers: Vec<Frame> = match frame.kind {
                b'S' => parameters::reported(&frame, context).into_iter().collect(),
                b'E' => {
                    let error = self.login_refused(&frame).await;
                    self.journal(error.field(b'C').as_deref());
                    vec![error]
                }
                b'N' => vec![as_redshift(&frame, "")],
                b'K' => parameters::at_login(self.session).into_iter().chain([frame.clone()]).collect(),
                _ => vec![frame.clone()],
            };
            unsent.extend(answers.iter().flat_map(|answer| self.warehouse.outgoing(answer)));
            if matches!(frame.kind, b'E' | b'R' | b'Z') {
                send(client, &std::mem::take(&mut unsent)).await?;
            }
            match frame.kind {
                b'E' => return Ok(false),
                b'Z' => {
                    self.journal(None);
                    return Ok(true);
                }
                b'R' if frame.body.starts_with(&5_u32.to_be_bytes()) => {
                    let answer = timeout(LOGIN_DEADLINE, Frame::read(client)).await??;
                    let Some(password) = answer else { return Ok(false) };
                    server.write_all(&password.bytes()).await?;
                }
                _ => {}
            }
        }
    }

    /// The error of a login. Of a user with temporary credentials Redshift says that there is none:
    /// <https://github.com/aws/amazon-redshift-python-driver/issues/255>
    async fn login_refused(&self, frame: &Frame) -> Frame {
        let error = as_redshift(frame, "");
        let is_temporary = self.user.starts_with("IAM");
        if !is_temporary || error.field(b'C').as_deref() != Some("28000") {
            return error;
        }
        let Ok(client) = self.shared.postgres.client("padb_harvest").await else { return error };
        match client.query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&self.user]).await {
            Ok(None) => ServerError::fatal("42704", &format!("user \"{}\" does not exist", self.user)).frame(),
            _ => error,
        }
    }
}
