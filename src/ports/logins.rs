//! Logins: whoever can prove who he is, to Okta or AWS, gets temporary credentials for a warehouse.

use secrecy::SecretString;

use super::LoginError;
use crate::lifecycle::Credentials;
use crate::lifecycle::login::{AwsWarehouse, Described, OktaApplication};

/// Who asks for temporary credentials, and what proves it. It is held for one pass.
#[derive(Clone, Debug)]
pub enum Identity {
    /// The owner of an access key.
    AccessKey {
        /// Its id.
        id: SecretString,
        /// The secret part.
        secret: SecretString,
        /// Goes with an access key that is temporary itself.
        session_token: Option<SecretString>,
    },
    /// The operator, as the role of its pod.
    Pod,
    /// A user of Okta.
    Okta {
        /// The application that leads to AWS.
        application: OktaApplication,
        /// The user's name.
        username: SecretString,
        /// The user's password.
        password: SecretString,
    },
}

/// What was obtained: used in one pass, and thrown away with it.
#[derive(Clone, Debug)]
pub struct Obtained {
    /// User and password for the warehouse.
    pub credentials: Credentials,
    /// What AWS says of the warehouse, if the identity may ask.
    pub described: Option<Described>,
}

/// Gets temporary credentials.
#[expect(async_fn_in_trait, reason = "whether a future is Send is checked on the concrete types")]
pub trait Logins {
    /// Temporary credentials for a warehouse. `patience` is how many times as long as usual each step may take.
    async fn obtain(
        &self,
        identity: &Identity,
        warehouse: &AwsWarehouse,
        patience: u32,
    ) -> Result<Obtained, LoginError>;
}
