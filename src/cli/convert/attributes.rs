//! The attributes of payloads: those that are taken over, and what is said of all others.

use crate::cli::schema::nearest;

/// Attributes beside `type`.
pub const PAYLOAD: &[&str] = &["type", "autoBootstrap", "config"];

/// What answers of the API hold besides, and no request does.
pub const OF_ANSWERS: &[&str] = &["id", "status", "validationResults"];

/// Attributes of `config`. Some are no attributes of the API's, but the resource may need them.
pub const CONFIG: &[&str] = &[
    "host",
    "port",
    "database",
    "databaseMode",
    "initialDatabase",
    "impersonation",
    "systemAccount",
    "authenticationType",
    "username",
    "password",
    "accessKeyId",
    "secretAccessKey",
    "sessionToken",
    "okta",
    "aws",
];

/// Attributes of `config.impersonation`.
pub const IMPERSONATION: &[&str] = &["enabled", "role"];

/// Attributes of `config.systemAccount`.
pub const SYSTEM_ACCOUNT: &[&str] = &["name"];

/// Attributes of `config.okta`.
pub const OKTA: &[&str] = &["username", "password", "appId", "appName", "idpHost", "role"];

/// Attributes of `config.aws`.
pub const AWS: &[&str] = &["region", "clusterIdentifier", "workgroup", "databaseUser"];

/// Where attributes stand.
const BLOCKS: &[(&str, &[&str])] = &[
    ("", PAYLOAD),
    ("config", CONFIG),
    ("config.impersonation", IMPERSONATION),
    ("config.systemAccount", SYSTEM_ACCOUNT),
    ("config.okta", OKTA),
    ("config.aws", AWS),
];

/// What other integrations can have, as blocks with a switch. Switched off, they say what is so here anyway.
const OF_OTHERS: &[&str] = &["audit", "workspaces", "lineage", "userRolePattern"];

/// Fields of the resource that payloads have no place for.
const OF_MANIFESTS: &[&str] = &[
    "deletionPolicy",
    "suspend",
    "repair",
    "validationInterval",
    "rotation",
    "tls",
    "credentialsSecretRef",
    "policyViews",
];

/// Whether this is something of other integrations' that may be switched off.
pub fn is_of_others(name: &str) -> bool {
    OF_OTHERS.contains(&name)
}

/// What is said of an attribute that isn't known in a block.
pub fn unknown(block: &str, name: &str) -> String {
    let there = if block.is_empty() { "beside `type`".to_owned() } else { format!("in `{block}`") };
    if is_of_others(name) {
        return format!("`{name}` isn't supported: nothing would be set up for it; remove it to convert the rest");
    }
    if name == "connectArgs" {
        return "`connectArgs` isn't supported: how the connection is protected stands in `config.tls` of the manifest; remove it \
                here"
            .to_owned();
    }
    if OF_MANIFESTS.contains(&name) {
        return format!(
            "`{name}` is a field of the manifest, not of a payload: remove it here, and add it to what is printed"
        );
    }
    let known = BLOCKS.iter().find(|(path, _)| *path == block).map_or(PAYLOAD, |(_, names)| names);
    let elsewhere = BLOCKS.iter().find(|(path, names)| *path != block && names.contains(&name));
    if let Some((path, _)) = elsewhere {
        let where_to = if path.is_empty() { "beside `type`".to_owned() } else { format!("in `{path}`") };
        return format!("`{name}` doesn't stand {there}, but {where_to}");
    }
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("there is no attribute `{name}` {there}; did you mean `{meant}`?"),
        None => format!(
            "there is no attribute `{name}` {there} that could be taken over; remove it. Known are: {}",
            known.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_attribute_gets_a_suggestion_and_a_misplaced_one_its_place() {
        for (block, name, said) in [
            (
                "config",
                "initialdatabase",
                "there is no attribute `initialdatabase` in `config`; did you mean `initialDatabase`?",
            ),
            ("config", "hostname", "there is no attribute `hostname` in `config`; did you mean `host`?"),
            ("config", "user", "there is no attribute `user` in `config`; did you mean `username`?"),
            ("", "autoBootStrap", "there is no attribute `autoBootStrap` beside `type`; did you mean `autoBootstrap`?"),
            ("", "host", "`host` doesn't stand beside `type`, but in `config`"),
            ("config", "idpHost", "`idpHost` doesn't stand in `config`, but in `config.okta`"),
            (
                "config.aws",
                "colour",
                "there is no attribute `colour` in `config.aws` that could be taken over; remove it. Known are: \
                                      region, clusterIdentifier, workgroup, databaseUser",
            ),
        ] {
            assert_eq!(unknown(block, name), said);
        }
        for name in ["connectArgs", "audit", "tls"] {
            let said = unknown("config", name);
            assert!(said.contains("remove it") && !said.contains("did you mean"), "{said}");
        }
    }
}
