//! What happens to a statement or to a write, and how it is brought about.

use std::time::Duration;

use identity_stand_in::Fault as LoginAction;
use redshift_stand_in::faults::{Action, Fault};

use super::cases::Case;
use super::scene::Scene;
use crate::support::{ApiAction, patience};

/// The operator's deadlines where answers are to come too late, in seconds.
pub const DEADLINE: u64 = 1;

/// Later than that.
const TOO_LATE: Duration = Duration::from_millis(1_400);

/// What happens to a statement.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum StatementFault {
    /// The connection breaks, and the server never sees it.
    ConnectionLostBefore,
    /// The connection breaks when the server has done it.
    ConnectionLostAfter,
    /// The server answers with an error.
    ServerError,
    /// The server gets to it when the operator has given up.
    Late,
    /// The operator is killed, and the server never sees it.
    KilledBefore,
    /// The operator is killed when the server has done it.
    KilledAfter,
    /// The connection breaks before it, in a transaction of which the users and roles are not rolled back:
    /// AWS doesn't document that they are.
    UsersStay,
}

/// What changes users and roles begins so; nothing else holds it, not even a procedure that grants a role.
pub const CHANGES_OF_USERS: [&str; 7] =
    ["CREATE USER ", "ALTER USER ", "DROP USER ", "CREATE ROLE ", "ALTER ROLE ", "DROP ROLE ", "GRANT ROLE \""];

/// What happens to a write to the API server.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ApiFault {
    /// It is refused: somebody else was first.
    Conflict,
    /// It is refused: the server has a problem.
    ServerError,
    /// It gets no answer, and isn't done.
    ConnectionLostBefore,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is done when the operator has given up.
    Late,
    /// The operator is killed, and it isn't done.
    KilledBefore,
    /// The operator is killed when it is done.
    KilledAfter,
}

/// What happens to a request to Okta or AWS.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LoginFault {
    /// The connection closes, and nothing is done.
    ConnectionLostBefore,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// The server has a problem.
    ServerError,
    /// It is done when the operator has given up.
    Late,
    /// The operator is killed, and it isn't done.
    KilledBefore,
    /// The operator is killed when it is done.
    KilledAfter,
}

/// Any.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Disturbance {
    /// Of a statement.
    Statement(StatementFault),
    /// Of a write to the API server.
    Api(ApiFault),
    /// Of a step of a login.
    Login(LoginFault),
}

/// What happens to every statement.
pub const OF_STATEMENTS: [Disturbance; 6] = {
    use StatementFault as Fault;
    [
        Disturbance::Statement(Fault::ConnectionLostBefore),
        Disturbance::Statement(Fault::ConnectionLostAfter),
        Disturbance::Statement(Fault::ServerError),
        Disturbance::Statement(Fault::Late),
        Disturbance::Statement(Fault::KilledBefore),
        Disturbance::Statement(Fault::KilledAfter),
    ]
};

/// Behind a change of users or roles in the same transaction.
pub const USERS_STAY: Disturbance = Disturbance::Statement(StatementFault::UsersStay);

/// All that happen to writes.
pub const OF_WRITES: [Disturbance; 7] = {
    use ApiFault as Fault;
    [
        Disturbance::Api(Fault::Conflict),
        Disturbance::Api(Fault::ServerError),
        Disturbance::Api(Fault::ConnectionLostBefore),
        Disturbance::Api(Fault::AnswerLost),
        Disturbance::Api(Fault::Late),
        Disturbance::Api(Fault::KilledBefore),
        Disturbance::Api(Fault::KilledAfter),
    ]
};

/// All that happen to the steps of a login.
pub const OF_LOGINS: [Disturbance; 6] = {
    use LoginFault as Fault;
    [
        Disturbance::Login(Fault::ConnectionLostBefore),
        Disturbance::Login(Fault::AnswerLost),
        Disturbance::Login(Fault::ServerError),
        Disturbance::Login(Fault::Late),
        Disturbance::Login(Fault::KilledBefore),
        Disturbance::Login(Fault::KilledAfter),
    ]
};

impl Disturbance {
    /// Whether it takes a time in which nothing else happens.
    pub fn is_slow(self) -> bool {
        matches!(
            self,
            Self::Statement(StatementFault::Late) | Self::Api(ApiFault::Late) | Self::Login(LoginFault::Late)
        )
    }

    /// What the table calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Statement(fault) => match fault {
                StatementFault::ConnectionLostBefore => "statement: connection lost before it",
                StatementFault::ConnectionLostAfter => "statement: connection lost after it",
                StatementFault::ServerError => "statement: server error",
                StatementFault::Late => "statement: later than the deadline",
                StatementFault::KilledBefore => "statement: operator killed before it",
                StatementFault::KilledAfter => "statement: operator killed after it",
                StatementFault::UsersStay => "statement: lost, users and roles stay",
            },
            Self::Api(fault) => match fault {
                ApiFault::Conflict => "API write: refused with 409",
                ApiFault::ServerError => "API write: refused with 500",
                ApiFault::ConnectionLostBefore => "API write: connection lost before it",
                ApiFault::AnswerLost => "API write: done, answer lost",
                ApiFault::Late => "API write: later than the deadline",
                ApiFault::KilledBefore => "API write: operator killed before it",
                ApiFault::KilledAfter => "API write: operator killed after it",
            },
            Self::Login(fault) => match fault {
                LoginFault::ConnectionLostBefore => "login: connection lost before it",
                LoginFault::AnswerLost => "login: done, answer lost",
                LoginFault::ServerError => "login: server error",
                LoginFault::Late => "login: later than the deadline",
                LoginFault::KilledBefore => "login: operator killed before it",
                LoginFault::KilledAfter => "login: operator killed after it",
            },
        }
    }
}

impl StatementFault {
    fn action(self) -> Action {
        match self {
            Self::ConnectionLostBefore | Self::UsersStay => Action::DropBefore,
            Self::ConnectionLostAfter => Action::DropAfter,
            Self::ServerError => Action::Refuse { sqlstate: "XX000".into(), message: "on order".into() },
            Self::Late => Action::Delay { milliseconds: u64::try_from(TOO_LATE.as_millis()).unwrap() },
            Self::KilledBefore => Action::HoldBefore,
            Self::KilledAfter => Action::HoldAfter,
        }
    }
}

impl ApiFault {
    fn action(self) -> ApiAction {
        match self {
            Self::Conflict => ApiAction::Answer(409),
            Self::ServerError => ApiAction::Answer(500),
            Self::ConnectionLostBefore => ApiAction::BreakBefore,
            Self::AnswerLost => ApiAction::BreakAfter,
            Self::Late => ApiAction::Late(TOO_LATE),
            Self::KilledBefore => ApiAction::HoldBefore,
            Self::KilledAfter => ApiAction::HoldAfter,
        }
    }
}

impl LoginFault {
    fn action(self) -> LoginAction {
        match self {
            Self::ConnectionLostBefore => LoginAction::Close,
            Self::AnswerLost => LoginAction::CloseAfter,
            Self::ServerError => LoginAction::status(503),
            Self::Late => LoginAction::Delay { milliseconds: u64::try_from(TOO_LATE.as_millis()).unwrap() },
            Self::KilledBefore => LoginAction::Silence,
            Self::KilledAfter => LoginAction::SilenceAfter,
        }
    }
}

async fn in_time(held: impl Future<Output = ()>) {
    tokio::time::timeout(patience(), held).await.expect("what was to be disturbed never came");
}

/// A disturbance that was ordered.
pub enum Ordered {
    /// The stand-in has it, under this number.
    Statement(u64),
    /// The proxy has it.
    Write,
    /// Okta and AWS have it.
    Login,
}

impl Scene {
    /// Orders a case's disturbance; it comes when the flow does.
    pub fn order(&self, case: &Case) -> Ordered {
        match case.disturbance {
            Disturbance::Statement(fault) => {
                let fault = Fault::new(fault.action()).at(&case.sighting.fragment).nth(case.sighting.occurrence);
                let faults = self.world.stand_in.faults();
                let ordered = faults.set(fault);
                if case.disturbance == USERS_STAY {
                    for change in CHANGES_OF_USERS {
                        faults.set(Fault::new(Action::CommitAnyway).at(change).times(u64::MAX));
                    }
                }
                Ordered::Statement(ordered)
            }
            Disturbance::Api(fault) => {
                self.proxy.set(&case.sighting.fragment, case.sighting.occurrence, fault.action());
                Ordered::Write
            }
            Disturbance::Login(fault) => {
                let step = case.sighting.step.expect("a login is disturbed at a step");
                self.identity().answer(step, fault.action());
                Ordered::Login
            }
        }
    }

    /// Where the operator is to be killed: waits for the moment, and starts another one.
    pub async fn kill_if_ordered(&mut self, case: &Case) {
        match case.disturbance {
            Disturbance::Statement(fault @ (StatementFault::KilledBefore | StatementFault::KilledAfter)) => {
                in_time(self.world.stand_in.faults().held()).await;
                self.world.kill_operator();
                // The stand-in notices that its client is gone: what was held before the server never
                // gets there.
                if fault == StatementFault::KilledBefore {
                    self.world.until_disconnected().await;
                }
                self.world.stand_in.faults().release();
                self.start_operator();
            }
            Disturbance::Api(ApiFault::KilledBefore | ApiFault::KilledAfter) => {
                in_time(self.proxy.held()).await;
                self.world.kill_operator();
                self.proxy.let_go().await;
                self.start_operator();
            }
            Disturbance::Login(LoginFault::KilledBefore | LoginFault::KilledAfter) => {
                in_time(self.identity().silent()).await;
                self.world.kill_operator();
                self.start_operator();
            }
            _ => {}
        }
    }

    /// Whether it came.
    pub fn has_come(&self, ordered: &Ordered) -> bool {
        match ordered {
            Ordered::Statement(fault) => self.world.stand_in.faults().fired(*fault) == 1,
            Ordered::Write => self.proxy.fired() == 1,
            Ordered::Login => self.identity().all_were_answered(),
        }
    }
}
