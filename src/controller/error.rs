//! What stops a pass.

use std::future::Future;

use thiserror::Error;

use super::context::api_deadline;
use crate::lifecycle::{Failure, Invalid};
use crate::redshift::{Category, Confidential, ConnectError, StatementError};
use crate::scripts::RenderError;

/// What the API server gives as the cause when it refuses to create something in a namespace that is going.
const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";

/// What stops a pass.
#[derive(Debug, Error)]
pub enum Error {
    /// The API server refused, or couldn't be reached.
    #[error("the API server refused to {action}: {}", said(source))]
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

    /// The same without what an admission policy quoted of the object that was written.
    pub fn without(self, confidential: &Confidential) -> Self {
        let Self::Api { action, mut source } = self else { return self };
        if let kube::Error::Api(status) = &mut *source {
            status.message = confidential.pass_on(&status.message).to_string();
        }
        Self::Api { action, source }
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

/// An error of the API server's client in words; those of parsers quote what they can't read, which may be a Secret.
fn said(error: &kube::Error) -> String {
    match error {
        // Its own form shows all of the answer, with whatever an admission policy wrote into the details.
        kube::Error::Api(status) => {
            format!("{} (code {})", Confidential::default().pass_on(&status.message), status.code)
        }
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => "its answer can't be read".to_owned(),
        other => other.to_string(),
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

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;

    const CANARY: &str = "Canary-7f3a-and-more";

    fn api(source: kube::Error) -> Error {
        Error::Api { action: "read a Secret", source: Box::new(source) }
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_not_quoted() {
        let unreadable = serde_json::from_value::<u8>(json!(CANARY)).expect_err("it is no number");
        assert!(unreadable.to_string().contains(CANARY));
        let error = api(kube::Error::SerdeError(unreadable));
        assert_eq!(error.failure().message, "the API server refused to read a Secret: its answer can't be read");
    }

    #[test]
    fn a_policy_that_quotes_a_secret_which_it_denies_is_not_passed_on() {
        let status = kube::core::Status::failure(&format!("denied: data is {CANARY}"), "Forbidden");
        let error = api(kube::Error::Api(status.with_code(403).boxed()));
        let message = error.without(&Confidential::new([SecretString::from(CANARY)])).failure().message;
        assert!(!message.contains("Canary"), "{message}");
    }
}
