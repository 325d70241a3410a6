//! The connection of a pass, and what the registry must say for a change to go on.

use crate::api::Reason;
use crate::lifecycle::Failure;
use crate::ports::{Answer, Row, Session, SessionOf, World};
use crate::reconcile::Context;
use crate::reconcile::integration::{Error, validate};
use crate::scripts::{LookUp, Parameters, Section, look_up, statements};

use super::ground::Ground;
use super::observe::Seen;

/// A connection to the managed database, as the system account.
pub struct Line<W: World> {
    session: SessionOf<W>,
    /// The name under which it has logged in.
    pub account: String,
    uid: String,
    counter: i64,
    is_short: bool,
    /// How many transactions it has made.
    pub transactions: u64,
}

impl<W: World> Line<W> {
    /// Logs in.
    pub async fn open(context: &Context<W>, ground: &Ground) -> Result<Self, Error> {
        let (session, credentials) = validate::log_in(context, &ground.target, &ground.account).await?;
        let account = credentials.user.to_string();
        Ok(Self { session, account, uid: ground.uid.clone(), counter: 0, is_short: false, transactions: 0 })
    }

    /// The registry is this integration's, and whole.
    pub fn meet(&mut self, seen: &Seen) -> Result<(), Error> {
        if seen.integration_uid != self.uid || !seen.is_complete {
            let message = "the registry in the managed database is another's, or says that it is being changed";
            return Err(Failure::waiting(Reason::IntegrationNotReady, message).into());
        }
        self.counter = seen.fencing_counter;
        Ok(())
    }

    /// The registry's counter, as it is now.
    pub fn counter(&self) -> i64 {
        self.counter
    }

    /// The rows of a look-up.
    pub async fn rows(&self, which: LookUp, parameters: &Parameters) -> Result<Vec<Row>, Error> {
        Ok(self.session.query(&look_up(which, parameters)?).await?)
    }

    /// The rows of several, of which none depends on another.
    pub async fn all_rows(&self, which: LookUp, parameters: &[Parameters]) -> Result<Vec<Answer>, Error> {
        let asked = parameters.iter().map(|parameters| look_up(which, parameters)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.session.query_all(&asked).await?)
    }

    /// Executes a section.
    pub async fn run(&self, section: Section, parameters: &Parameters) -> Result<(), Error> {
        Ok(self.session.execute(&statements(section, parameters)?).await?)
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .text("integration_uid", &self.uid)
            .text("registry_state", "complete")
            .text("operator_version", env!("CARGO_PKG_VERSION"))
            .integer("fencing_counter", self.counter)
    }

    /// From here on a statement that waits for readers waits for a short time only.
    pub async fn wait_shortly(&mut self) -> Result<(), Error> {
        if !self.is_short {
            self.run(Section::WaitShortly, &Parameters::new()).await?;
            self.is_short = true;
        }
        Ok(())
    }

    /// Ends that: what is written next is large.
    async fn wait_as_before(&mut self) -> Result<(), Error> {
        if self.is_short {
            self.run(Section::WaitAsBefore, &Parameters::new()).await?;
            self.is_short = false;
        }
        Ok(())
    }

    /// Begins a change of profiles.
    pub async fn begin_large(&mut self) -> Result<(), Error> {
        self.wait_as_before().await?;
        self.begin().await
    }

    /// Begins a transaction behind the registry's lock, if the registry is as it was met.
    pub async fn begin(&self) -> Result<(), Error> {
        self.run(Section::BeginChange, &self.parameters()).await.map_err(|error| match error {
            Error::Statement(error) if error.statement == "check-registry" && error.definitely_refused() => {
                let message = "the registry was changed by another operator meanwhile";
                Failure::waiting(Reason::IntegrationNotReady, message).into()
            }
            other => other,
        })
    }

    /// Ends it, with what was done.
    pub async fn commit(&mut self) -> Result<(), Error> {
        let parameters = self.parameters();
        self.run(Section::PolicyViewsChanged, &parameters).await?;
        self.run(Section::CommitChange, &parameters).await?;
        self.counter += 1;
        self.transactions += 1;
        Ok(())
    }

    /// What was begun before on this registry, by whomever, isn't done any more: it would find another counter. And nothing was done
    /// since the registry was met.
    pub async fn fence(&mut self) -> Result<(), Error> {
        self.wait_shortly().await?;
        self.begin().await?;
        self.commit().await
    }

    /// Ends it, with nothing done.
    pub async fn roll_back(&self) -> Result<(), Error> {
        self.run(Section::Rollback, &Parameters::new()).await
    }
}
