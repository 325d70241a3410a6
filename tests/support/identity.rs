//! An Okta and an AWS beside a world, which give out credentials for its warehouse.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use identity_stand_in::{Identity, MintRequest, Minted, Options};
use kube::api::{Patch, PatchParams};
use redshift_stand_in::TemporaryCredentials;
use serde_json::{Value, json};

use super::World;

/// Okta's user.
pub const USER: &str = "operator@example.com";

/// Okta and AWS.
pub struct Services {
    /// As they run.
    pub identity: Identity,
    /// As they were told to be.
    pub options: Options,
    ca_file: PathBuf,
}

impl Services {
    /// For a world's warehouse. AWS says of the first credentials that they are good for that long, whatever the warehouse
    /// thinks.
    pub async fn beside(world: &World, durations: impl IntoIterator<Item = Duration>) -> Self {
        let warehouse = world.stand_in.clone();
        let durations = Mutex::new(durations.into_iter().collect::<VecDeque<_>>());
        let mint = move |request: MintRequest| -> BoxFuture<'static, anyhow::Result<Minted>> {
            let MintRequest { user, login, create, duration, .. } = request;
            let wanted = TemporaryCredentials { user, login, create, seconds: duration.as_secs() };
            let password = warehouse.temporary_credentials(wanted);
            let duration = durations.lock().unwrap().pop_front().unwrap_or(duration);
            Box::pin(async move { Ok(Minted { password: password?, duration }) })
        };
        let options = Options { mint: Arc::new(mint), ..Options::default() };
        let identity = Identity::start(options.clone()).await.unwrap();
        let ca_file = world.folder().join("ca.crt");
        std::fs::write(&ca_file, identity.ca_pem()).unwrap();
        Self { identity, options, ca_file }
    }

    /// What an operator is told of them: its environment, and an argument.
    pub fn told(&self) -> ([(&'static str, String); 2], String) {
        // What stands in the environment of whoever runs the tests is none of the operator's.
        let environment = [("AWS_ENDPOINT_URL", self.identity.url()), ("NO_PROXY", "*".to_owned())];
        (environment, format!("--ca-file={}", self.ca_file.display()))
    }

    /// Puts Okta's user into the Secret `aws`.
    pub async fn put_okta_user(&self, world: &World) {
        put_secret(world, json!({"username": USER, "password": self.options.users[USER].password})).await;
    }

    /// Changes to a spec: the login by Okta.
    pub fn okta(&self) -> Value {
        let mut spec = login("okta", &json!({"region": "us-east-1", "clusterIdentifier": "analytics"}));
        spec["config"]["okta"] =
            json!({"appId": "0oa1a2b3c4/272", "idpHost": self.identity.host(), "role": "redshift-admin"});
        spec
    }
}

/// Makes the Secret `aws` of these texts.
pub async fn put_secret(world: &World, data: Value) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "aws"}, "stringData": data,
    });
    world.secrets().patch("aws", &PatchParams::apply("tests").force(), &Patch::Apply(&secret)).await.unwrap();
}

/// Changes to a spec: a login with the Secret `aws`, and where AWS knows the warehouse.
pub fn login(type_: &str, aws: &Value) -> Value {
    json!({"config": {"authenticationType": type_, "credentialsSecretRef": {"name": "aws"}, "aws": aws}})
}
