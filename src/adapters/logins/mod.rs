//! Temporary credentials: from AWS, for the owner of an access key, for the pod, or for whoever Okta vouches for.
//!
//! Every step has a deadline of its own, and what comes back is bounded. Nothing of it is kept: credentials are obtained for
//! one pass and thrown away with it.

mod aws;
#[cfg(test)]
mod endpoints;
mod http;
mod okta;
mod saml;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tracing::{Instrument, debug, info_span};

use self::aws::Aws;
use self::http::{Deadline, Http};
use crate::adapters::lending::lending_after;
use crate::lifecycle::hosts::AddressPolicy;
use crate::lifecycle::login::AwsWarehouse;
use crate::lifecycle::words::Confidential;
use crate::ports::{Identity, LoginError, Logins, Obtained};

/// A step takes a few tenths of a second, and there are up to five. Whatever takes longer waits for somebody, and others work
/// meanwhile.
const SOON: Duration = Duration::from_millis(250);

/// Okta and AWS, within the operator's settings.
#[derive(Clone, Debug)]
pub struct LoginServices {
    policy: Arc<AddressPolicy>,
    ca_file: Option<PathBuf>,
    deadline: Duration,
}

impl LoginServices {
    /// `deadline` is how long a step may take; `ca_file` holds authorities to trust besides the public ones.
    #[must_use]
    pub fn new(policy: AddressPolicy, ca_file: Option<PathBuf>, deadline: Duration) -> Self {
        Self { policy: Arc::new(policy), ca_file, deadline }
    }

    async fn attempt(
        &self,
        identity: &Identity,
        warehouse: &AwsWarehouse,
        patience: u32,
    ) -> Result<Obtained, LoginError> {
        let deadline = Deadline { usual: self.deadline, patience };
        // Made anew each time: the file may have been replaced, and nobody logs in in between.
        let http = Http::new(self.policy.clone(), self.ca_file.as_deref(), deadline)?;
        let aws = Aws::new(http.clone(), &warehouse.region);
        match identity {
            Identity::AccessKey { id, secret, session_token } => {
                let key = aws::Key::from_secret(id, secret, session_token.as_ref());
                aws.for_key(key, warehouse).await
            }
            Identity::Pod => {
                let key = aws.key_of_pod().await?;
                aws.for_key(key, warehouse).await
            }
            Identity::Okta { application, username, password } => {
                let confidential = Confidential::new([username.clone(), password.clone()]);
                let assertion = okta::assertion(&http, application, username, password, &confidential).await?;
                let statement = saml::Statement::read(&assertion)?;
                let role = statement.role(&application.role)?;
                let key = aws.key_of_assertion(role, SecretString::from(assertion)).await?;
                aws.for_assertion(key, warehouse, &statement).await
            }
        }
    }
}

impl Logins for LoginServices {
    async fn obtain(
        &self,
        identity: &Identity,
        warehouse: &AwsWarehouse,
        patience: u32,
    ) -> Result<Obtained, LoginError> {
        let span = info_span!("obtain credentials", %warehouse);
        // The SDK's futures are large, and every pass would have room for them.
        let attempt = Box::pin(self.attempt(identity, warehouse, patience)).instrument(span.clone());
        let soon = if patience > 1 { Duration::ZERO } else { SOON };
        let result = lending_after(soon, attempt).await;
        let _entered = span.enter();
        match &result {
            Ok(obtained) => debug!(user = %obtained.credentials.user, "obtained"),
            Err(error) => debug!(%error, "not obtained"),
        }
        result
    }
}
