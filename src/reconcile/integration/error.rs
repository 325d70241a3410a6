//! What stops a pass.

use thiserror::Error;

use crate::api::Reason;
use crate::lifecycle::words::Confidential;
use crate::lifecycle::{Category, Failure, Invalid, Unseen};
use crate::ports::{ApiError, ConnectError, LoginError, StatementError};
use crate::scripts::RenderError;

/// What stops a pass.
#[derive(Debug, Error)]
pub enum Error {
    /// The API server refused, or didn't answer.
    #[error("the API server was asked to {action}: {source}")]
    Api {
        /// What was asked for.
        action: &'static str,
        /// Its answer.
        source: ApiError,
    },
    /// Something that has words of its own for the status.
    #[error("{}", .0.message)]
    Stopped(Box<Failure>),
    /// There is no connection to the warehouse.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There are no temporary credentials.
    #[error(transparent)]
    Login(Box<LoginError>),
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A statement couldn't be written.
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl Error {
    /// Why the API server was asked in vain.
    pub fn api(action: &'static str) -> impl FnOnce(ApiError) -> Self {
        move |source| Self::Api { action, source }
    }

    /// The same without what an admission policy quoted of the object that was written.
    #[must_use]
    pub fn without(self, confidential: &Confidential) -> Self {
        match self {
            Self::Api { action, source: ApiError::Refused { code, message, causes } } => {
                let message = confidential.pass_on(&message).to_string();
                Self::Api { action, source: ApiError::Refused { code, message, causes } }
            }
            other => other,
        }
    }

    /// Whether somebody else wrote at the same time.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { source, .. } if source.is_conflict())
    }

    /// Whether nothing can be created any more, since the namespace is being deleted.
    pub fn is_namespace_terminating(&self) -> bool {
        matches!(self, Self::Api { source, .. } if source.is_namespace_terminating())
    }

    /// Whether the server answered a statement with an error, so that it did nothing.
    pub fn is_refused_statement(&self) -> bool {
        matches!(self, Self::Statement(error) if error.definitely_refused())
    }

    /// That the server won't show what was asked for, if that is what it is.
    pub fn unseen(&self) -> Option<Unseen> {
        match self {
            Self::Statement(error) => error.unseen(),
            _ => None,
        }
    }

    /// How it shows in status.
    pub fn failure(&self) -> Failure {
        let failure = |reason, category| Failure { category, ..Failure::stalled(reason, self.to_string()) };
        match self {
            Self::Stopped(stopped) => (**stopped).clone(),
            Self::Connect(error) => failure(error.reason(), error.category()),
            Self::Login(error) => Failure { at_least: error.at_least(), ..failure(error.reason(), error.category()) },
            Self::Statement(error) => failure(Reason::StatementFailed, error.category()),
            Self::Render(_) => failure(Reason::InvalidName, Category::Permanent),
            Self::Api { source, .. } => failure(Reason::ApiServer, source.category()),
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Failure::stalled(Reason::InvalidSpec, invalid.to_string()).into()
    }
}

impl From<LoginError> for Error {
    fn from(error: LoginError) -> Self {
        Self::Login(Box::new(error))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Stopped(Box::new(failure))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn a_policy_that_quotes_a_secret_which_it_denies_is_not_passed_on() {
        let message = "denied: data is Canary-7f3a-and-more".to_owned();
        let error = Error::Api {
            action: "create a Secret",
            source: ApiError::Refused { code: 403, message, causes: Vec::new() },
        };
        let confidential = Confidential::new([SecretString::from("Canary-7f3a-and-more")]);
        let message = error.without(&confidential).failure().message;
        assert!(!message.contains("Canary"), "{message}");
    }
}
