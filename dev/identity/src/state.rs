//! What is known, and what was handed out.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::options::{AccessKey, Attributes, Cluster, Options, User, WebIdentity, Workgroup};

/// An assertion that was handed out.
#[derive(Clone, Debug)]
pub(crate) struct Assertion {
    pub(crate) subject: String,
    pub(crate) roles: Vec<String>,
    pub(crate) until: Timestamp,
}

pub(crate) struct State {
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) applications: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) attributes: Attributes,
    pub(crate) web_identity: WebIdentity,
    pub(crate) container_token: String,
    pub(crate) container_role: String,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) workgroups: BTreeMap<String, Workgroup>,
    /// Okta's tokens that nobody has used yet, with their users.
    pub(crate) session_tokens: BTreeMap<String, String>,
    /// Assertions by their base64.
    pub(crate) assertions: BTreeMap<String, Assertion>,
    /// Keys by their ids, with the moment at which they end.
    pub(crate) keys: BTreeMap<String, (AccessKey, Option<Timestamp>)>,
    /// Everything secret, with what it is.
    pub(crate) issued: Vec<(&'static str, String)>,
}

impl State {
    pub(crate) fn new(options: Options) -> Self {
        let mut state = Self {
            users: options.users,
            applications: options.applications,
            roles: options.roles,
            attributes: options.attributes,
            web_identity: options.web_identity,
            container_token: options.container_token,
            container_role: options.container_role,
            clusters: options.clusters,
            workgroups: options.workgroups,
            session_tokens: BTreeMap::new(),
            assertions: BTreeMap::new(),
            keys: BTreeMap::new(),
            issued: Vec::new(),
        };
        let passwords: Vec<_> = state.users.values().map(|user| user.password.clone()).collect();
        for password in passwords {
            state.issue("password", &password);
        }
        let (web, container) = (state.web_identity.token.clone(), state.container_token.clone());
        state.issue("web identity token", &web);
        state.issue("container token", &container);
        state.set_access_keys(options.access_keys.into_iter());
        state
    }

    /// Remembers something secret.
    pub(crate) fn issue(&mut self, what: &'static str, secret: &str) {
        self.issued.push((what, secret.to_owned()));
    }

    /// Replaces the keys that don't end.
    pub(crate) fn set_access_keys(&mut self, keys: impl Iterator<Item = AccessKey>) {
        self.keys.retain(|_, (_, until)| until.is_some());
        for key in keys {
            self.issue_key(key, None);
        }
    }

    /// Hands out a key of a role.
    pub(crate) fn new_key(&mut self, role: &str, seconds: i64) -> (AccessKey, Timestamp) {
        let key = AccessKey::of_role(role);
        let until = Timestamp::now() + SignedDuration::from_secs(seconds);
        self.issue_key(key.clone(), Some(until));
        (key, until)
    }

    fn issue_key(&mut self, key: AccessKey, until: Option<Timestamp>) {
        self.issue("secret key", &key.secret);
        if let Some(token) = &key.token {
            self.issue("security token", token);
        }
        self.keys.insert(key.id.clone(), (key, until));
    }

    pub(crate) fn expire_keys(&mut self) {
        for (_, until) in self.keys.values_mut() {
            *until = until.map(|_| Timestamp::UNIX_EPOCH);
        }
    }
}
