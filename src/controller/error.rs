//! What stops a pass.

use std::future::Future;

use thiserror::Error;

use super::context::api_deadline;
use crate::lifecycle::{Failure, Invalid};
use crate::redshift::{Category, ConnectError, StatementError};
use crate::scripts::RenderError;

/// What the API server gives as the cause when it refuses to create something in a namespace that is going.
const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";

/// What stops a pass.
#[derive(Debug, Error)]
pub enum Error {
    /// The API server refused, or couldn't be reached.
    #[error("the API server refused to {action}: {source}")]
    Api {
        /// What was asked for.
        action: &'static str,
        /// Its answer.
        source: Box<kube::Error>,
    },
    /// The API server didn't answer in time.
    #[error("the API server didn't answer within {} s when asked to {action}", api_deadline().as_secs())]
    ApiDeadline {
        /// What was asked for.
        action: &'static str,
    },
    /// Something that has words of its own for the status.
    #[error("{}", .0.message)]
    Stopped(Failure),
    /// There is no connection to the warehouse.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A statement couldn't be written.
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl Error {
    /// A failure that only a person can mend.
    pub fn stalled(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Stopped(Failure { reason, message: message.into(), category: Category::Permanent })
    }

    /// A failure that may be gone at the next try.
    pub fn waiting(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Stopped(Failure { reason, message: message.into(), category: Category::Transient })
    }

    /// Whether somebody else wrote at the same time.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(status) if status.code == 409))
    }

    /// Whether nothing can be created any more, since the namespace is being deleted.
    pub fn is_namespace_terminating(&self) -> bool {
        let Self::Api { source, .. } = self else { return false };
        let kube::Error::Api(status) = &**source else { return false };
        let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
        causes.iter().any(|cause| cause.reason == NAMESPACE_TERMINATING)
    }

    /// How it shows in status.
    pub fn failure(&self) -> Failure {
        let failure = |reason, category| Failure { reason, message: self.to_string(), category };
        match self {
            Self::Stopped(stopped) => stopped.clone(),
            Self::Connect(error) => failure(error.reason(), error.category()),
            Self::Statement(error) => failure("StatementFailed", error.category()),
            Self::Render(_) => failure("InvalidName", Category::Permanent),
            Self::Api { .. } | Self::ApiDeadline { .. } => failure("ApiServer", Category::Transient),
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        let reason = if matches!(invalid, Invalid::NotSupported { .. }) { "NotSupported" } else { "InvalidSpec" };
        Self::stalled(reason, invalid.to_string())
    }
}

/// Waits for the API server, but not for ever.
pub async fn bounded<T>(
    action: &'static str,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(api_deadline(), request).await {
        Ok(result) => result.map_err(|source| Error::Api { action, source: Box::new(source) }),
        Err(_) => Err(Error::ApiDeadline { action }),
    }
}
