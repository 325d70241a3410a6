//! What a world leaves behind for the search that follows the whole suite (`dev/secrets-search`): its
//! secrets, and everything in which none of them may show. Statuses and events are in the API server's
//! audit log.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use md5::{Digest, Md5};
use redshift_stand_in::StandIn;
use tokio::task::JoinHandle;

/// The annotation of a Secret of which every value is a secret, whatever its key.
pub const ALL_SECRET: &str = "tests/all-secret";

/// Shorter ones are words, which may stand anywhere.
const SHORTEST: usize = 8;

/// The records of one world. Without a suite around it there is nobody to search them.
pub struct Records {
    folder: Option<PathBuf>,
    namespace: String,
    watch: Option<JoinHandle<()>>,
}

impl Records {
    /// Begins to note whatever a Secret of the namespace holds.
    pub fn new(client: &Client, namespace: &str) -> Self {
        let folder = std::env::var_os("TEST_RECORDS").map(PathBuf::from);
        let watch = folder.as_ref().map(|folder| {
            let (canaries, metadata) = (file(folder, namespace, "canaries"), file(folder, namespace, "secrets"));
            let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
            tokio::spawn(async move {
                let mut changes = Box::pin(watcher(secrets, watcher::Config::default()).applied_objects());
                while let Ok(Some(secret)) = changes.try_next().await {
                    note(&canaries, &of_secret(&secret));
                    if secret.name_any().ends_with("-system-account") {
                        append(&metadata, &serde_json::to_string(&secret.metadata).unwrap());
                    }
                }
            })
        });
        Self { folder, namespace: namespace.to_owned(), watch }
    }

    /// Where something is kept: with the records, or else in a folder of the world's own.
    pub fn path(&self, kind: &str, or_else: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| or_else.join(kind), |folder| file(folder, &self.namespace, kind))
    }

    /// Keeps a text.
    pub fn keep(&self, kind: &str, text: &str) {
        if let Some(folder) = &self.folder {
            append(&file(folder, &self.namespace, kind), text);
        }
    }

    /// Notes secrets that stand in no Secret.
    pub fn note(&self, secrets: impl IntoIterator<Item = String>) {
        if let Some(folder) = &self.folder {
            note(&file(folder, &self.namespace, "canaries"), &secrets.into_iter().collect());
        }
    }

    /// Notes what was sent to the warehouse as a secret.
    pub fn note_statements(&self, stand_in: &StandIn) {
        let Some(folder) = &self.folder else { return };
        let secrets = stand_in.journal().statements().iter().flat_map(|text| of_statement(text)).collect();
        note(&file(folder, &self.namespace, "canaries"), &secrets);
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

/// Keeps what was asked of a control plane that was one test's own, in this folder.
pub fn keep_audit_log(of: &Path) {
    if let (Some(folder), Some(name)) = (std::env::var_os("TEST_RECORDS"), of.file_name()) {
        // A control plane that didn't start has none.
        let _ = fs::copy(of.join("audit.log"), Path::new(&folder).join(name).with_extension("audit"));
    }
}

fn file(folder: &Path, namespace: &str, kind: &str) -> PathBuf {
    folder.join(format!("{namespace}.{kind}"))
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).unwrap();
    writeln!(file, "{text}").unwrap();
}

fn note(path: &Path, secrets: &BTreeSet<String>) {
    let known = fs::read_to_string(path).unwrap_or_default();
    let known: BTreeSet<_> = known.lines().collect();
    // They are searched for line by line; what is no text in UTF-8 is in other Secrets, too.
    let is_no_text = |character: char| character.is_control() || character == char::REPLACEMENT_CHARACTER;
    let lines = secrets.iter().flat_map(|secret| secret.split(is_no_text));
    // The first and last lines of a PEM file stand in many a text.
    let is_secret = |line: &&str| line.len() >= SHORTEST && !line.starts_with("-----");
    for line in lines.filter(|line| is_secret(line) && !known.contains(line)) {
        append(path, line);
    }
}

/// The forms in which a password of a Secret could show.
fn of_secret(secret: &Secret) -> BTreeSet<String> {
    let data: Vec<_> = secret.data.iter().flatten().collect();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let users: Vec<_> = data.iter().filter(|(key, _)| is_user(key)).map(|(_, value)| text(&value.0)).collect();
    let mut forms = BTreeSet::new();
    let all = secret.annotations().contains_key(ALL_SECRET);
    // A script isn't one: what is secret in it are the passwords that it sets.
    let (scripts, data): (Vec<_>, Vec<_>) =
        data.into_iter().partition(|(key, _)| Path::new(key).extension().is_some_and(|it| it == "sql"));
    for (_, value) in scripts {
        forms.extend(digests_in(&text(&value.0)));
    }
    let is_secret = |key: &str| key.to_lowercase().contains("password") || key == "maskingKey";
    for (_, value) in data.iter().filter(|(key, _)| all || is_secret(key)) {
        forms.insert(serde_json::to_value(value).unwrap().as_str().unwrap().to_owned());
        let password = text(&value.0);
        forms.extend(users.iter().map(|user| digest(&password, user)));
        // A lone name is no secret in itself.
        if !all || password != "awsuser" {
            forms.insert(password);
        }
    }
    forms
}

fn is_user(key: &str) -> bool {
    key.to_lowercase().ends_with("username")
}

/// How Redshift takes a password without learning it.
fn digest(password: &str, user: &str) -> String {
    Md5::digest(format!("{password}{user}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digests of passwords in a script.
fn digests_in(script: &str) -> Vec<String> {
    let behind = script.split("md5").skip(1).filter_map(|rest| rest.get(..32));
    behind.filter(|digest| digest.bytes().all(|it| it.is_ascii_hexdigit())).map(str::to_owned).collect()
}

/// The secrets in a statement.
fn of_statement(text: &str) -> Vec<String> {
    let keys = ["INSERT INTO immuta_system.impersonation_key", "INSERT INTO immuta_system.masking_key"];
    let bears = ["CREATE USER", "ALTER USER"].into_iter().chain(keys).collect::<Vec<_>>();
    if !bears.iter().any(|start| text.trim_start().starts_with(start)) {
        return Vec::new();
    }
    let literals = text.split('\'').skip(1).step_by(2);
    literals.map(|literal| literal.strip_prefix("md5").unwrap_or(literal).to_owned()).collect()
}
