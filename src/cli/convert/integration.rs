//! What a payload for Redshift asks for.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret, SecretString};

use super::attributes;
use super::manifests::{Aws, Config, Entries, Impersonation, Okta, Spec, SystemAccount};
use super::payload::{Given, Reader, Weight, stated};
use super::refusals::refusals;
use crate::api::AuthenticationType;
use crate::cli::input::{Content, Field, Node, Place};
use crate::cli::schema::nearest;
use crate::lifecycle::secret_content;

/// A payload, read.
#[derive(Debug)]
pub struct Integration {
    /// Where it begins.
    pub place: Place,
    /// What it asks for; the Secret isn't named yet.
    pub spec: Spec,
    /// The credentials that set things up.
    pub credentials: Credentials,
}

/// The credentials that set things up.
#[derive(Debug)]
pub enum Credentials {
    /// The operator needs none.
    Unneeded,
    /// All that a Secret needs.
    Stated(Entries),
    /// Some aren't in the payload; these are the keys that a Secret needs.
    Untold(Vec<&'static str>),
}

const AUTHENTICATION_TYPES: [(&str, AuthenticationType); 4] = [
    ("userPassword", AuthenticationType::UserPassword),
    ("accessKey", AuthenticationType::AccessKey),
    ("okta", AuthenticationType::Okta),
    ("iam", AuthenticationType::Iam),
];

/// Reads a payload whose `type` was seen. Nothing, if anything in it is a mistake.
pub fn read(reader: &mut Reader<'_>, root: &Node) -> Option<Integration> {
    let before = reader.findings.mistakes.len();
    reader.misspelled.clear();
    let read = parts(reader, root);
    if reader.findings.mistakes.len() > before {
        return None;
    }
    let integration = read?;
    for (path, message) in refusals(&integration.spec) {
        let found = root.at(&path.split('.').collect::<Vec<_>>()).or_else(|| root.at(&["config"]));
        reader.mistake(found.map_or(root.place, |node| node.place), message);
    }
    (reader.findings.mistakes.len() == before).then_some(integration)
}

fn parts(reader: &mut Reader<'_>, root: &Node) -> Option<Integration> {
    reader.refuse_unknown(root, "", attributes::PAYLOAD, attributes::OF_ANSWERS);
    if reader.is_missing(root, "", "autoBootstrap") {
        let message =
            "`autoBootstrap` is missing; write true, and the operator runs the SQL, or false, and a person does";
        reader.mistake(root.place, message);
    }
    let auto_bootstrap = reader.switch(root, "", "autoBootstrap");
    if reader.is_missing(root, "", "config") {
        reader.mistake(root.place, "`config` is missing; it says where the warehouse is, and what is set up in it");
    }
    let stated = reader.block(root, "", "config")?;
    reader.refuse_unknown(stated, "config", attributes::CONFIG, &[]);
    let host = reader.needed_text(stated, "config", "host", "the host name of the warehouse");
    let database = reader.needed_text(stated, "config", "database", "the name of the managed database, such as immuta");
    let such_as = "the name of a database that is there already, such as dev";
    let initial_database = reader.needed_text(stated, "config", "initialDatabase", such_as);
    let authentication_type = authentication_type(reader, stated);
    let port = reader.port(stated, "config", "port");
    let database_mode = reader.text(stated, "config", "databaseMode");
    let impersonation = block(reader, stated, "impersonation", attributes::IMPERSONATION, |reader, block, path| {
        Some(Impersonation { enabled: reader.switch(block, path, "enabled"), role: reader.text(block, path, "role") })
    });
    let system_account = block(reader, stated, "systemAccount", attributes::SYSTEM_ACCOUNT, |reader, block, path| {
        reader
            .needed_text(block, path, "name", "the name of the user that is created")
            .map(|name| SystemAccount { name })
    });
    let okta = block(reader, stated, "okta", attributes::OKTA, okta);
    let aws = block(reader, stated, "aws", attributes::AWS, |reader, block, path| {
        Some(Aws {
            region: reader.text(block, path, "region"),
            cluster_identifier: reader.text(block, path, "clusterIdentifier"),
            workgroup: reader.text(block, path, "workgroup"),
            database_user: reader.text(block, path, "databaseUser"),
        })
    });
    let (auto_bootstrap, authentication_type) = (auto_bootstrap?, authentication_type?);
    let credentials = credentials(reader, stated, auto_bootstrap, authentication_type);
    let config = Config {
        host: host?,
        port,
        database: database?,
        database_mode,
        initial_database: initial_database?,
        impersonation,
        system_account,
        authentication_type,
        credentials_secret_ref: None,
        okta,
        aws,
    };
    Some(Integration { place: root.place, spec: Spec { auto_bootstrap, config }, credentials })
}

/// A block of `config`.
fn block<T>(
    reader: &mut Reader<'_>,
    config: &Node,
    name: &str,
    known: &[&str],
    read: impl FnOnce(&mut Reader<'_>, &Node, &str) -> Option<T>,
) -> Option<T> {
    let (block, path) = (reader.block(config, "config", name)?, format!("config.{name}"));
    reader.refuse_unknown(block, &path, known, &[]);
    read(reader, block, &path)
}

fn okta(reader: &mut Reader<'_>, block: &Node, path: &str) -> Option<Okta> {
    let app_id = reader.needed_text(block, path, "appId", "the id of the Amazon Redshift application in Okta");
    let idp_host = reader.needed_text(block, path, "idpHost", "the host name of the Okta organisation");
    let role = reader.needed_text(block, path, "role", "the AWS role to take");
    let app_name = reader.text(block, path, "appName");
    Some(Okta { app_id: app_id?, app_name, idp_host: idp_host?, role: role? })
}

fn authentication_type(reader: &mut Reader<'_>, config: &Node) -> Option<AuthenticationType> {
    let text = reader.needed_text(config, "config", "authenticationType", "userPassword, accessKey or okta")?;
    let found = AUTHENTICATION_TYPES.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        let names = AUTHENTICATION_TYPES.map(|(name, _)| name);
        let message = match nearest(&text, names) {
            Some(meant) => format!("there is no authenticationType `{text}`; did you mean `{meant}`?"),
            None => format!("there is no authenticationType `{text}`; write userPassword, accessKey or okta"),
        };
        reader.mistake(config.at(&["authenticationType"]).unwrap_or(config).place, message);
    }
    found.map(|(_, kind)| *kind)
}

/// Reads the credentials where the operator will need them, and says where it won't.
fn credentials(reader: &mut Reader<'_>, config: &Node, auto_bootstrap: bool, kind: AuthenticationType) -> Credentials {
    if !auto_bootstrap {
        say_that_they_are_not_used(reader, config);
        return Credentials::Unneeded;
    }
    let empty = Node { place: config.place, content: Content::Null };
    let (block, path, keys): (_, _, &[&'static str]) = match kind {
        AuthenticationType::UserPassword => (config, "config", &["username", "password"]),
        AuthenticationType::AccessKey => (config, "config", &["accessKeyId", "secretAccessKey"]),
        AuthenticationType::Okta => (config.at(&["okta"]).unwrap_or(&empty), "config.okta", &["username", "password"]),
        AuthenticationType::Iam => (&empty, "config", &[]),
    };
    refuse_those_of_others(reader, config, kind);
    if kind == AuthenticationType::Okta && reader.is_missing(config, "config", "okta") {
        let message = "`config.okta` is missing; authenticationType okta needs it, with username, password, appId, idpHost and role";
        reader.mistake(config.place, message);
    }
    let mut entries = Entries::new();
    let mut is_untold = false;
    let optional =
        (kind == AuthenticationType::AccessKey && stated(config, "sessionToken").is_some()).then_some("sessionToken");
    for key in keys.iter().copied().chain(optional) {
        match reader.secret(block, path, key) {
            Given::Value(value) => {
                if let Some(flaw) = flaw(kind, key, &value) {
                    let place = block.at(&[key]).unwrap_or(block).place;
                    reader.mistake(place, format!("{flaw}: the operator can't log in with it"));
                }
                entries.push((key, value));
            }
            Given::Redacted | Given::Missing => is_untold = true,
        }
    }
    match (keys, is_untold) {
        ([], _) => Credentials::Unneeded,
        (keys, true) => Credentials::Untold(keys.to_vec()),
        (_, false) => Credentials::Stated(entries),
    }
}

/// What would be taken for credentials and isn't.
fn refuse_those_of_others(reader: &mut Reader<'_>, config: &Node, kind: AuthenticationType) {
    let takes: &[&str] = match kind {
        AuthenticationType::UserPassword => &["username", "password"],
        AuthenticationType::AccessKey => &["accessKeyId", "secretAccessKey", "sessionToken"],
        AuthenticationType::Okta | AuthenticationType::Iam => &[],
    };
    for name in ["username", "password", "accessKeyId", "secretAccessKey", "sessionToken"] {
        let stated = config.field(name).filter(|field| field.value.content != Content::Null);
        let Some(field) = stated.filter(|_| !takes.contains(&name)) else { continue };
        let of_okta = kind == AuthenticationType::Okta && ["username", "password"].contains(&name);
        let instead = if of_okta { "write it in the block `okta`" } else { "remove it, or correct authenticationType" };
        let message = format!("`config.{name}` isn't for this authenticationType; {instead}");
        reader.mistake(field.place, message);
    }
}

fn say_that_they_are_not_used(reader: &mut Reader<'_>, config: &Node) {
    let blocks = [Some(config), config.at(&["okta"])].into_iter().flatten();
    let names = ["username", "password", "accessKeyId", "secretAccessKey", "sessionToken"];
    let is_stated = |field: &&Field| names.contains(&field.name.as_str()) && field.value.content != Content::Null;
    let first = blocks.flat_map(Node::fields).find(is_stated);
    if let Some(field) = first {
        let message = "the credentials aren't taken over: with autoBootstrap false a person runs the scripts, and the operator \
                       only looks, as the system account, whose password it makes itself";
        reader.remark(Weight::Note, field.place, message);
    }
}

/// What is wrong with a credential, as the operator would find it in the Secret. Nothing of the value is in it.
fn flaw(kind: AuthenticationType, key: &str, value: &SecretString) -> Option<String> {
    let read =
        if kind == AuthenticationType::AccessKey { secret_content::part_of_access_key } else { secret_content::line };
    let data = [(key.to_owned(), ByteString(value.expose_secret().as_bytes().to_vec()))].into();
    let secret = Secret { data: Some(data), ..Secret::default() };
    read(&secret, key).err().map(|malformed| malformed.to_string())
}
