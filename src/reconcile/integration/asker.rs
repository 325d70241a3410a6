//! Asks the warehouse: one look-up at a time, or several together.

use std::collections::BTreeMap;

use tracing::debug;

use super::error::Error;
use crate::lifecycle::Seen;
use crate::ports::{Answer, Row, Session};
use crate::scripts::{LookUp, Parameters, Statement, look_up};

/// Somebody who looks, and what the look-ups are about.
pub struct Asker<'s, S: Session> {
    session: &'s S,
    parameters: Parameters,
    /// What was asked for already, until it is read.
    answers: BTreeMap<LookUp, Answer>,
}

impl<'s, S: Session> Asker<'s, S> {
    /// One whose look-ups are about the warehouse, or the database, as a whole.
    pub fn new(session: &'s S) -> Self {
        Self::with(session, Parameters::new())
    }

    /// One whose look-ups are about one thing.
    pub fn at(session: &'s S, parameter: &'static str, value: &str) -> Self {
        Self::with(session, Parameters::new().text(parameter, value))
    }

    /// One whose look-ups are about several.
    pub fn with(session: &'s S, parameters: Parameters) -> Self {
        Self { session, parameters, answers: BTreeMap::new() }
    }

    fn statement(&self, which: LookUp) -> Result<Statement, Error> {
        Ok(look_up(which, &self.parameters)?)
    }

    /// Asks for several things at once, of which none depends on another: one way to the server and back, however far it
    /// is. A refusal shows when that look-up is read; without a connection there is nothing to read.
    pub async fn ask(&mut self, which: &[LookUp]) -> Result<(), Error> {
        let statements = which.iter().map(|which| self.statement(*which)).collect::<Result<Vec<_>, _>>()?;
        let answers = self.session.query_all(&statements).await?;
        self.answers.extend(which.iter().copied().zip(answers));
        Ok(())
    }

    /// Has an answer to something that was asked for elsewhere.
    pub fn knowing(mut self, which: LookUp, answer: Answer) -> Self {
        self.answers.insert(which, answer);
        self
    }

    /// The rows of a look-up. One that is refused in passing is asked again, once and at once: what it read may have been
    /// dropped in that moment.
    pub async fn rows(&mut self, which: LookUp) -> Result<Vec<Row>, Error> {
        let statement = self.statement(which)?;
        let answer = match self.answers.remove(&which) {
            Some(answer) => answer,
            None => self.session.query(&statement).await,
        };
        let rows = match answer {
            Err(error) if error.is_passing_refusal() => self.session.query(&statement).await,
            answer => answer,
        };
        Ok(rows?)
    }

    /// A look-up that the server may refuse without harm: then it can't be told.
    pub async fn seen<T>(&mut self, which: LookUp, read: impl FnOnce(Vec<Row>) -> T) -> Result<Seen<T>, Error> {
        match self.rows(which).await {
            Ok(rows) => Ok(Seen::Yes(read(rows))),
            Err(error) => match error.unseen() {
                Some(unseen) => {
                    debug!(%error, "it can't be seen");
                    Ok(Seen::No(unseen))
                }
                None => Err(error),
            },
        }
    }

    /// The same of what would be told for an hour, asked again before it is: one refusal may have had a reason that is gone.
    pub async fn seen_again<T>(&mut self, which: LookUp, read: impl Fn(Vec<Row>) -> T) -> Result<Seen<T>, Error> {
        match self.seen(which, &read).await? {
            Seen::No(_) => self.seen(which, &read).await,
            Seen::Yes(found) => Ok(Seen::Yes(found)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::cell::RefCell;

    use super::*;
    use crate::lifecycle::server_error::ServerError;
    use crate::lifecycle::words::Confidential;
    use crate::ports::{Rows, StatementError, StatementFailure};

    const THREE: [LookUp; 3] = [LookUp::Version, LookUp::Users, LookUp::Roles];

    /// A server that says a statement's own name, but does something else the first time it is asked for some.
    #[derive(Default)]
    struct Server {
        asked: RefCell<Vec<&'static str>>,
        failures: RefCell<BTreeMap<&'static str, StatementFailure>>,
    }

    impl Server {
        fn failing(failures: impl IntoIterator<Item = (LookUp, StatementFailure)>) -> Self {
            let failures = failures.into_iter().map(|(which, failure)| (which.name(), failure)).collect();
            Self { failures: RefCell::new(failures), ..Self::default() }
        }
    }

    impl Session for Server {
        async fn query(&self, statement: &Statement) -> Result<Vec<Row>, StatementError> {
            let name = statement.name();
            self.asked.borrow_mut().push(name);
            if let Some(failure) = self.failures.borrow_mut().remove(name) {
                return Err(StatementError { statement: name, failure });
            }
            let mut rows = Rows::default();
            rows.push([name]);
            Ok(rows.into_rows())
        }
    }

    fn refused(sqlstate: &str) -> StatementFailure {
        StatementFailure::refused(ServerError { sqlstate, message: "no", detail: "" }, &Confidential::default())
    }

    fn said(rows: &[Row]) -> String {
        rows.iter().map(|row| row.text(0)).collect()
    }

    #[tokio::test]
    async fn each_is_asked_once_and_has_its_own_answer_in_whatever_order_they_are_read() {
        let server = Server::default();
        let mut look = Asker::new(&server);
        look.ask(&THREE).await.unwrap();
        for which in THREE.into_iter().rev() {
            assert_eq!(said(&look.rows(which).await.unwrap()), which.name());
        }
        assert_eq!(*server.asked.borrow(), THREE.map(LookUp::name));
        // What was read is asked for anew.
        look.rows(LookUp::Users).await.unwrap();
        assert_eq!(server.asked.borrow().len(), 4);
    }

    #[tokio::test]
    async fn what_is_refused_among_others_cannot_be_seen_and_leaves_them_as_they_are() {
        let server = Server::failing([(LookUp::Users, refused("42501"))]);
        let mut look = Asker::new(&server);
        look.ask(&THREE).await.unwrap();
        for which in [LookUp::Version, LookUp::Roles] {
            assert_eq!(look.seen(which, |rows| said(&rows)).await.unwrap(), Seen::Yes(which.name().to_owned()));
        }
        let Seen::No(why) = look.seen(LookUp::Users, |rows| said(&rows)).await.unwrap() else {
            panic!("it was refused")
        };
        assert!(why.to_string().contains("read-users"), "{why}");
        assert_eq!(*server.asked.borrow(), THREE.map(LookUp::name));
    }

    #[tokio::test]
    async fn what_is_refused_in_passing_is_asked_again_by_itself() {
        let server = Server::failing([(LookUp::Users, refused("40001"))]);
        let mut look = Asker::new(&server);
        look.ask(&THREE).await.unwrap();
        assert_eq!(look.seen(LookUp::Users, |rows| said(&rows)).await.unwrap(), Seen::Yes("read-users".to_owned()));
        assert_eq!(server.asked.borrow()[3..], ["read-users"]);
    }

    #[tokio::test]
    async fn what_got_no_answer_is_told_by_its_name_whatever_was_refused_before_it() {
        for before in ["40001", "42501"] {
            let failures = [(LookUp::Version, refused(before)), (LookUp::Users, StatementFailure::Deadline(120))];
            let server = Server::failing(failures);
            let error = Asker::new(&server).ask(&THREE).await.unwrap_err();
            assert_eq!(error.to_string(), "the statement read-users got no answer within 120 s");
            // Nothing is waited for behind it.
            assert_eq!(*server.asked.borrow(), ["read-version", "read-users"]);
        }
    }
}
