//! A small fake of Okta and of the AWS APIs by which a login to Redshift is had: STS, Redshift, Redshift Serverless,
//! and the endpoint of EKS Pod Identity.
//!
//! It answers in the shapes that Okta and AWS document, checks what they would check, records every request, and breaks
//! on order. It proves nothing about the real ones. It shares no code with the operator: a wrong belief in one would
//! otherwise pass in the other.

mod aws;
mod container;
mod faults;
mod okta;
mod options;
pub mod oracle;
mod recorded;
mod redshift;
mod saml;
mod server;
mod serverless;
mod signature;
mod state;
mod sts;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use faults::Fault;
pub use options::{
    AccessKey, Attributes, Cluster, Mint, MintKind, MintRequest, Minted, Options, Principal, User, UserState,
    WebIdentity, Workgroup,
};
pub use recorded::{Request, Step};
pub use server::Authority;
pub use signature::{Signed, sign};

use faults::Faults;
use state::State;

pub(crate) struct Shared {
    state: Mutex<State>,
    requests: Mutex<Vec<Request>>,
    faults: Faults,
    mint: Mint,
    region: String,
    account: String,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Okta and AWS, as they run; they end when this is dropped.
pub struct Identity {
    shared: Arc<Shared>,
    ca_pem: String,
    port: u16,
    container_port: u16,
    tasks: Vec<JoinHandle<()>>,
}

impl Identity {
    /// Starts on free ports of the loopback interface.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let authority = match &options.authority {
            Some(authority) => authority.clone(),
            None => Authority::new()?,
        };
        let acceptor = authority.acceptor()?;
        let (https, http) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let (port, container_port) = (https.local_addr()?.port(), http.local_addr()?.port());
        let shared = Arc::new(Shared {
            mint: options.mint.clone(),
            region: options.region.clone(),
            account: options.account.clone(),
            state: Mutex::new(State::new(options)),
            requests: Mutex::default(),
            faults: Faults::default(),
        });
        let tasks = vec![
            tokio::spawn(server::accept(shared.clone(), https, Some(acceptor))),
            tokio::spawn(server::accept(shared.clone(), http, None)),
        ];
        Ok(Self { shared, ca_pem: authority.pem().to_owned(), port, container_port, tasks })
    }

    /// Okta's host, and AWS's: `localhost` with the port.
    #[must_use]
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The port of Okta and AWS; its certificate is good for `localhost` and 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of all AWS APIs, as for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.host())
    }

    /// The address of the endpoint of EKS Pod Identity, as for `AWS_CONTAINER_CREDENTIALS_FULL_URI`: plain HTTP.
    #[must_use]
    pub fn container_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/credentials", self.container_port)
    }

    /// The certificate authority (PEM) that signed the certificate.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// All requests, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests().clone()
    }

    /// How many requests of a step there were.
    #[must_use]
    pub fn count(&self, step: Step) -> usize {
        self.shared.requests().iter().filter(|request| request.step == step).count()
    }

    /// Forgets the requests.
    pub fn forget_requests(&self) {
        self.shared.requests().clear();
    }

    /// All requests without what differs from client to client and from run to run: two clients that ask for the same
    /// have the same transcript. What was handed out here has a name in braces in it.
    #[must_use]
    pub fn transcript(&self) -> Vec<Value> {
        let issued = self.shared.state().issued.clone();
        self.requests().iter().map(|request| request.essence(&issued)).collect()
    }

    /// Everything secret that it was given or has handed out: none of it may stand in a log.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.shared.state().issued.iter().map(|(_, secret)| secret.clone()).collect()
    }

    /// The next request of a step gets this answer, once, behind those that were ordered before.
    pub fn answer(&self, step: Step, fault: Fault) {
        self.answer_times(step, fault, 1);
    }

    /// The next requests of a step get this answer.
    pub fn answer_times(&self, step: Step, fault: Fault, times: u64) {
        self.shared.faults.add(step, fault, times);
    }

    /// Takes back the answers that nobody got yet.
    pub fn clear_answers(&self) {
        self.shared.faults.clear();
    }

    /// Whether all answers on order were given.
    #[must_use]
    pub fn all_were_answered(&self) -> bool {
        self.shared.faults.are_over()
    }

    /// Waits until a client is met with silence, once for each.
    pub async fn silent(&self) {
        self.shared.faults.silent().await;
    }

    /// What Okta says of a user whose password is right.
    pub fn set_user_state(&self, name: &str, state: UserState) {
        if let Some(user) = self.shared.state().users.get_mut(name) {
            user.state = state;
        }
    }

    /// Gives a user of Okta's another password.
    pub fn set_user_password(&self, name: &str, password: &str) {
        let mut state = self.shared.state();
        state.issue("password", password);
        if let Some(user) = state.users.get_mut(name) {
            password.clone_into(&mut user.password);
        }
    }

    /// The roles in assertions: an ARN of a role and one of a provider with a comma in between, in either order.
    pub fn set_roles(&self, roles: impl IntoIterator<Item = impl Into<String>>) {
        self.shared.state().roles = roles.into_iter().map(Into::into).collect();
    }

    /// The other attributes in assertions.
    pub fn set_attributes(&self, attributes: Attributes) {
        self.shared.state().attributes = attributes;
    }

    /// The clusters that there are.
    pub fn set_clusters(&self, clusters: impl IntoIterator<Item = (String, Cluster)>) {
        self.shared.state().clusters = clusters.into_iter().collect::<BTreeMap<_, _>>();
    }

    /// The workgroups that there are.
    pub fn set_workgroups(&self, workgroups: impl IntoIterator<Item = (String, Workgroup)>) {
        self.shared.state().workgroups = workgroups.into_iter().collect::<BTreeMap<_, _>>();
    }

    /// The token that the endpoint of EKS Pod Identity asks for: the content of the pod's file.
    pub fn set_container_token(&self, token: &str) {
        let mut state = self.shared.state();
        state.issue("container token", token);
        token.clone_into(&mut state.container_token);
    }

    /// The token that a role is had for, and the roles.
    pub fn set_web_identity(&self, web_identity: WebIdentity) {
        let mut state = self.shared.state();
        state.issue("web identity token", &web_identity.token);
        state.web_identity = web_identity;
    }

    /// Keys that are known.
    pub fn set_access_keys(&self, keys: impl IntoIterator<Item = AccessKey>) {
        self.shared.state().set_access_keys(keys.into_iter());
    }

    /// Ends all keys that were handed out.
    pub fn expire_keys(&self) {
        self.shared.state().expire_keys();
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Bytes that nobody can guess, as text.
pub(crate) fn random_hex(bytes: usize) -> String {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut random = vec![0; bytes];
    SystemRandom::new().fill(&mut random).expect("the system has random numbers");
    hex(&random)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A moment, as AWS writes it.
pub(crate) fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A text inside XML or HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
