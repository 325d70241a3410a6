//! Temporary credentials: a name to log in with and a password that ends, of a user who may have no password at all.
//!
//! `GetClusterCredentials` and its like give the user `awsuser` the name `IAM:awsuser` to log in with; who does that is
//! `awsuser` from then on. `PostgreSQL` knows neither such names nor a second password, so the stand-in asks for the
//! password itself and then logs in as the user, with the digest that the server keeps.
//! <https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentials.html>

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use md5::{Digest, Md5};
use serde::Deserialize;

use crate::postgres::{Postgres, quoted};
use crate::protocol::Frame;
use crate::sha256::Stored;

/// Temporary credentials to be made.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemporaryCredentials {
    /// The user who logs in with them.
    pub user: String,
    /// The name to log in with.
    pub login: String,
    /// Whether a login makes the user, with no rights and no password, if there is none.
    #[serde(default)]
    pub create: bool,
    /// How long they are good for.
    pub seconds: u64,
}

impl TemporaryCredentials {
    /// As `GetClusterCredentials` makes them for a user who exists: 15 minutes.
    #[must_use]
    pub fn of(user: &str) -> Self {
        Self { user: user.to_owned(), login: format!("IAM:{user}"), create: false, seconds: 900 }
    }
}

/// Whom a login name is for, and whether a login makes that user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Holder {
    pub(crate) user: String,
    pub(crate) create: bool,
}

#[derive(Debug)]
struct Issued {
    holder: Holder,
    password: String,
    until: Instant,
}

/// All temporary credentials that there ever were, by the name to log in with.
#[derive(Debug, Default)]
pub(crate) struct Temporary {
    issued: Mutex<BTreeMap<String, Vec<Issued>>>,
    /// Two logins may not both give a user a password.
    giving: tokio::sync::Mutex<()>,
}

impl Temporary {
    fn issued(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<Issued>>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes credentials and gives their password. Those that were made before go on.
    pub(crate) fn issue(&self, wanted: TemporaryCredentials) -> anyhow::Result<String> {
        let TemporaryCredentials { user, login, create, seconds } = wanted;
        ensure!(!user.is_empty() && !login.is_empty(), "temporary credentials need a user and a name to log in with");
        let password = random_password()?;
        let until = Instant::now() + Duration::from_secs(seconds);
        let issued = Issued { holder: Holder { user, create }, password: password.clone(), until };
        self.issued().entry(login).or_default().push(issued);
        Ok(password)
    }

    /// Ends all that were made.
    pub(crate) fn end(&self) {
        let now = Instant::now();
        self.issued().values_mut().flatten().for_each(|issued| issued.until = now);
    }

    /// Whether there ever were credentials with this name to log in with.
    pub(crate) fn knows(&self, login: &str) -> bool {
        self.issued().contains_key(login)
    }

    /// Who answers so, with a password that hasn't ended.
    pub(crate) fn holder(&self, login: &str, salt: [u8; 4], answer: &str) -> Option<Holder> {
        let issued = self.issued();
        let is_right = |issued: &&Issued| {
            Instant::now() < issued.until && answer == md5_answer(&digest(&issued.password, login), salt)
        };
        issued.get(login)?.iter().find(is_right).map(|issued| issued.holder.clone())
    }

    /// What the server keeps of the user's password. A user without one gets one that nobody knows; `None` if there
    /// is no such user and there may be none.
    pub(crate) async fn kept(&self, postgres: &Postgres, holder: &Holder) -> anyhow::Result<Option<Kept>> {
        let _alone = self.giving.lock().await;
        let client = postgres.client("padb_harvest").await?;
        let user = &holder.user;
        let found =
            client.query_opt("SELECT rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin", &[user]).await?;
        let verb = match &found {
            Some(row) => match row.get::<_, Option<String>>(0) {
                Some(stored) => return Ok(Some(Kept::read(&stored))),
                None => "ALTER",
            },
            None if holder.create => "CREATE",
            None => return Ok(None),
        };
        let given = digest(&random_password()?, user);
        client.batch_execute(&format!("{verb} USER {} PASSWORD 'md5{given}'", quoted(user))).await?;
        Ok(Some(Kept::Md5(given)))
    }
}

/// What a server keeps of a password, which is enough to log in there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Kept {
    /// Its MD5, but for the `md5` in front.
    Md5(String),
    /// Its SHA-256.
    Sha256(Stored),
}

impl Kept {
    fn read(stored: &str) -> Self {
        Stored::kept(stored).map_or_else(|| Self::Md5(stored.trim_start_matches("md5").to_owned()), Self::Sha256)
    }

    /// What a user's password is kept as; `None` if there is no such user, or no password.
    pub(crate) async fn of(postgres: &Postgres, user: &str) -> anyhow::Result<Option<Self>> {
        let client = postgres.client("padb_harvest").await?;
        let found = client.query_opt("SELECT rolpassword FROM pg_authid WHERE rolname = $1", &[&user]).await?;
        Ok(found.and_then(|row| row.get::<_, Option<String>>(0)).map(|stored| Self::read(&stored)))
    }

    /// What the server is answered when it asks for the password; `None` if nothing.
    pub(crate) fn answer(&self, question: &Frame) -> anyhow::Result<Option<Frame>> {
        match (self, &question.body[..]) {
            (Self::Md5(digest), [0, 0, 0, 5, salt @ ..]) => {
                let answer = md5_answer(digest, salt.try_into()?);
                Ok(Some(Frame::new(b'p', [answer.as_bytes(), &[0]].concat())))
            }
            (Self::Sha256(stored), _) => stored.answer(question),
            (Self::Md5(_), _) => bail!("PostgreSQL asks for another kind of password than it has"),
        }
    }
}

/// What a server keeps of a password, but for the `md5` in front.
fn digest(password: &str, user: &str) -> String {
    hex(&Md5::digest(format!("{password}{user}")))
}

/// What a client answers to the question for a password as MD5.
/// <https://www.postgresql.org/docs/15/protocol-flow.html>
fn md5_answer(digest: &str, salt: [u8; 4]) -> String {
    format!("md5{}", hex(&Md5::digest([digest.as_bytes(), &salt].concat())))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that nobody can guess.
pub(crate) fn random<const LENGTH: usize>() -> anyhow::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A password by Redshift's rules: upper case, lower case, digit, 8 to 64 characters. DG/`r_CREATE_USER`
pub(crate) fn random_password() -> anyhow::Result<String> {
    Ok(format!("Aa1{}", hex(&random::<16>()?)))
}
