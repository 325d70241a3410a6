//! The simulated warehouse, held to the stand-in.
//!
//! A sample of histories is played in the model, and whatever reached its warehouse is done again to a
//! `PostgreSQL` behind the stand-in: who logged in, each statement, and what others did. Every login and every
//! statement must end as it did in the model, and after every pass the operator's own look-ups must find
//! there what the model says. Where they differ, one of the two is wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod comparison;
mod deeds;
mod sample;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use redshift_stand_in::{Options, StandIn};

use crate::adapters::redshift::{Connection, Connector, Deadlines};
use crate::api::TlsMode;
use crate::lifecycle::hosts::AddressPolicy;
use crate::lifecycle::{Credentials, Endpoint};
use crate::ports::{ConnectError, Session, Target, TlsSettings, Warehouses};
use crate::scripts::Statement;
use crate::simulation::others::Deed;
use crate::simulation::record::Step;
use crate::simulation::warehouse::{EXISTING, INITIAL, LoginError, PASSWORD_OF_ADMINS, Power, Warehouse};
use crate::telemetry::Metrics;
use secrecy::SecretString;

/// How many steps a message shows before the one that differs.
const SHOWN: usize = 25;

/// Longest wait for the server to notice that connections are closed. It ends tests alone that fail anyway.
const PATIENCE: Duration = Duration::from_mins(2);

/// A stand-in for one history after the other.
struct Server {
    stand_in: StandIn,
    connector: Connector,
    /// The users and roles that a history begins with.
    identities: BTreeSet<String>,
}

const IDENTITIES: &str = "SELECT rolname::text FROM pg_roles";

/// Databases that are there in any case.
const DATABASES: &str = "SELECT datname::text FROM pg_database \
     WHERE datname NOT IN ('template0', 'template1', 'padb_harvest', 'dev')";

impl Server {
    async fn start() -> Self {
        let options = Options {
            admin_user: Power::Superuser.name().to_owned(),
            admin_password: Some(PASSWORD_OF_ADMINS.to_owned()),
            ..Options::default()
        };
        let stand_in = StandIn::start(options).await.unwrap();
        let policy = AddressPolicy::new(vec!["localhost".parse().unwrap()]);
        let connector = Connector::new(policy, Deadlines::default(), Metrics::new());
        let mut server = Self { stand_in, connector, identities: BTreeSet::new() };
        let session = server.enter(Power::Superuser, INITIAL).await;
        let lesser = [Power::Seeing, Power::Blind].map(Power::name);
        let users = lesser.map(|name| format!("CREATE USER {name} PASSWORD '{PASSWORD_OF_ADMINS}' CREATEDB"));
        let secure = lesser.map(|name| format!("GRANT ROLE sys:secadmin TO {name}"));
        let rest = [
            format!("CREATE USER analyst PASSWORD '{PASSWORD_OF_ADMINS}'"),
            "CREATE ROLE sees".to_owned(),
            "GRANT ACCESS SYSTEM TABLE TO ROLE sees".to_owned(),
            format!("GRANT ROLE sees TO {}", Power::Seeing.name()),
        ];
        for text in users.into_iter().chain(secure).chain(rest) {
            execute(&session, text).await.unwrap();
        }
        server.identities = server.names(IDENTITIES).await.into_iter().collect();
        server
    }

    /// Leaves nothing but what the model begins with.
    async fn reset(&self) {
        let client = self.stand_in.superuser(INITIAL).await.unwrap();
        for database in self.names(DATABASES).await {
            client.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)")).await.unwrap();
        }
        client.batch_execute("DROP TABLE IF EXISTS public.tied, public.orders").await.unwrap();
        for identity in self.names(IDENTITIES).await.into_iter().filter(|name| !self.identities.contains(name)) {
            client.batch_execute(&format!("DROP OWNED BY {identity}; DROP ROLE {identity}")).await.unwrap();
        }
        let session = self.enter(Power::Superuser, INITIAL).await;
        execute(&session, format!("CREATE DATABASE {EXISTING}")).await.unwrap();
        for lesser in [Power::Seeing, Power::Blind].map(Power::name) {
            let grant = format!("GRANT ALL PRIVILEGES ON DATABASE {EXISTING} TO {lesser} WITH GRANT OPTION");
            execute(&session, grant).await.unwrap();
        }
    }

    async fn names(&self, query: &str) -> Vec<String> {
        let client = self.stand_in.superuser(INITIAL).await.unwrap();
        client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    async fn log_in(&self, user: &str, password: &str, database: &str) -> Result<Connection, ConnectError> {
        let target = Target {
            patience: 1,
            endpoint: Endpoint::new(self.stand_in.host(), self.stand_in.port()),
            tls: TlsSettings { mode: TlsMode::Disable, ..TlsSettings::default() },
        };
        let credentials = Credentials::of_account(user, SecretString::from(password));
        self.connector.connect(&target, &credentials, database).await
    }

    /// As an account that sets things up.
    async fn enter(&self, admin: Power, database: &str) -> Connection {
        self.log_in(admin.name(), PASSWORD_OF_ADMINS, database).await.unwrap()
    }
}

/// Does to a stand-in what was done in the model.
struct Replay<'a> {
    server: &'a Server,
    /// The connections of passes, by the model's numbers.
    sessions: BTreeMap<u32, Connection>,
    /// Those of others.
    others: Vec<Connection>,
    /// The server's ids of users, by the model's.
    ids: BTreeMap<String, String>,
    /// What was looked at last.
    looked: Option<Warehouse>,
}

/// What differs.
type Difference = String;

impl<'a> Replay<'a> {
    async fn begin(server: &'a Server) -> Self {
        server.reset().await;
        Self { server, sessions: BTreeMap::new(), others: Vec::new(), ids: BTreeMap::new(), looked: None }
    }

    /// Does all steps; what differs, and the steps before it.
    async fn run(&mut self, steps: &[Step]) -> Result<(), Difference> {
        for (at, step) in steps.iter().enumerate() {
            self.step(step).await.map_err(|difference| {
                let shown: Vec<_> =
                    steps[..=at].iter().filter(|step| !matches!(step, Step::Looked(_))).map(describe).collect();
                let shown = &shown[shown.len().saturating_sub(SHOWN)..];
                format!("step {at}, {difference}\nwhat came before, as the model has it:\n  {}", shown.join("\n  "))
            })?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), Difference> {
        match step {
            Step::LoggedIn { connection, user, password, database, outcome } => {
                let found = match self.server.log_in(user, password, database).await {
                    Ok(session) => {
                        self.sessions.insert(*connection, session);
                        Ok(())
                    }
                    Err(error) => Err(error),
                };
                let same = match (outcome, &found) {
                    (Err(LoginError::Refused), Err(error)) => error.is_refused_login(),
                    (Ok(()), Ok(()))
                    | (Err(LoginError::DatabaseMissing), Err(ConnectError::DatabaseMissing { .. })) => true,
                    _ => false,
                };
                if same { Ok(()) } else { Err(differs("the login", outcome, &found)) }
            }
            Step::Executed { connection, statement, outcome } => {
                if statement.name() == "drop-database" {
                    self.wait_until_closed().await;
                }
                let found = self.sessions[connection].query(statement).await.map(|_| ());
                if outcome.is_ok() == found.is_ok() {
                    return Ok(());
                }
                Err(format!("{}\n{}", differs(statement.name(), outcome, &found), statement.text()))
            }
            Step::Closed { connection } => {
                self.sessions.remove(connection);
                Ok(())
            }
            Step::Others { deed, before, after } => {
                self.wait_until_closed().await;
                if let Deed::Connect(connect) = deed {
                    return self.connect_others(*connect, after).await;
                }
                for (database, text) in deeds::statements(*deed, before, after) {
                    let session = self.server.enter(Power::Superuser, &database).await;
                    execute(&session, text.clone())
                        .await
                        .map_err(|error| format!("others can't do this: {text}: {error}"))?;
                }
                Ok(())
            }
            Step::Looked(model) => self.look(model).await,
        }
    }

    /// In the databases that somebody is connected to.
    async fn connect_others(&mut self, connect: bool, model: &Warehouse) -> Result<(), Difference> {
        self.others.clear();
        self.wait_until_closed().await;
        for (database, _) in model.databases.iter().filter(|(_, database)| connect && database.in_use) {
            let session = self.server.enter(Power::Superuser, database).await;
            self.others.push(session);
        }
        Ok(())
    }

    async fn look(&mut self, model: &Warehouse) -> Result<(), Difference> {
        if self.looked.as_ref() == Some(model) {
            return Ok(());
        }
        let differences = comparison::compare(self, model).await;
        self.looked = Some(model.clone());
        if differences.is_empty() { Ok(()) } else { Err(format!("the look-ups:\n  {}", differences.join("\n  "))) }
    }

    /// A server takes a moment to notice that a connection was closed.
    async fn wait_until_closed(&self) {
        let client = self.server.stand_in.superuser("padb_harvest").await.unwrap();
        let open = i64::try_from(self.sessions.len() + self.others.len()).unwrap();
        let query = "SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL AND usename <> 'rdsdb'";
        let started = Instant::now();
        while client.query_one(query, &[]).await.unwrap().get::<_, i64>(0) != open {
            assert!(started.elapsed() < PATIENCE, "connections that are closed are still there");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn execute(session: &impl Session, text: String) -> Result<(), String> {
    let statement = Statement::new("others", text, Vec::new());
    session.query(&statement).await.map(|_| ()).map_err(|error| error.to_string())
}

fn differs(what: &str, model: &impl std::fmt::Debug, stand_in: &impl std::fmt::Debug) -> Difference {
    format!("{what}:\n  the model:    {model:?}\n  the stand-in: {stand_in:?}")
}

/// A step, for a reader.
fn describe(step: &Step) -> String {
    match step {
        Step::LoggedIn { connection, user, database, outcome, .. } => {
            format!("#{connection} logs in to {database} as {user}: {outcome:?}")
        }
        Step::Executed { connection, statement, outcome } => {
            let text = statement.text().split_whitespace().collect::<Vec<_>>().join(" ");
            let text: String = text.chars().take(80).collect();
            format!("#{connection} {}: {outcome:?} ({text})", statement.name())
        }
        Step::Closed { connection } => format!("#{connection} is closed"),
        Step::Others { deed, .. } => format!("others: {deed:?}"),
        Step::Looked(_) => "a look".to_owned(),
    }
}
