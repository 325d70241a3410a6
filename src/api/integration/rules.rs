//! The rules and bounds of a `RedshiftIntegration`.

use serde_json::json;

use crate::api::rules::{Bounds, KEY_OF_A_VALUE, NAME_OF_AN_OBJECT, Rule, conditions, no_reserved_word, not_observed};

const SIMPLE_NAME: &str = "self.matches('^[a-z_][a-z0-9_$]*$')";

/// Before a rule for the managed database that is for one which is created: what is there already is named as it is.
const UNLESS_IT_IS_THERE: &str = "self.databaseMode == 'Existing' || ";

/// Whether AWS has given the host its name.
const OF_AWS: &str = "self.config.host.lowerAscii().matches('^[^.]+[.][^.]+[.][a-z0-9-]+[.]redshift(-serverless)?[.]amazonaws[.]com([.]cn)?[.]?$')";

/// A time between two looks.
const INTERVAL: &str =
    "self.matches('^([0-9]{1,6}(h|m|s))+$') && duration(self) >= duration('1m') && duration(self) <= duration('24h')";
const INTERVAL_MESSAGE: &str = "write a duration from 1m to 24h, such as 30m, 1h or 1h30m";

/// A name that a quoted identifier can hold.
const ONE_NAME: &str = r#"self.matches('^[^"\\p{Cc}]+$')"#;
const ONE_NAME_MESSAGE: &str = "write the name of the database as the warehouse lists it: quotes and control characters can't \
                                be part of it";

const NAME: &str = "write it with lower-case letters, digits, _ and $, beginning with a letter or _: Redshift folds names to \
                    lower case, and others would need quotes wherever they are used";
const RESERVED_WORD: &str = "this is a reserved word of Redshift's; choose another name";

macro_rules! set_once {
    ($field:literal) => {
        concat!(
            "!has(oldSelf.status) || !has(oldSelf.status.created) || self.spec.",
            $field,
            " == oldSelf.spec.",
            $field
        )
    };
}

/// All rules.
#[must_use]
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn rules() -> Vec<Rule> {
    vec![
    Rule {
        path: "",
        rule: "size(self.metadata.name) <= 63".into(),
        message: "metadata.name has 63 characters at most, since Secrets and labels are named after it; choose a shorter name",
        field: None,
    },
    Rule {
        path: "",
        rule: set_once!("config.host").into(),
        message: "Unable to edit integration due to changes of non-editable attribute(s): host. Set it back, or delete \
                  the resource and create another one",
        field: None,
    },
    Rule {
        path: "",
        rule: set_once!("config.database").into(),
        message: "Unable to edit integration due to changes of non-editable attribute(s): database. Set it back, or \
                  delete the resource and create another one",
        field: None,
    },
    Rule {
        path: "",
        rule: set_once!("config.databaseMode").into(),
        message: "Unable to edit integration due to changes of non-editable attribute(s): databaseMode. Set it back, or \
                  delete the resource and create another one",
        field: None,
    },
    Rule {
        path: "",
        rule: set_once!("autoBootstrap").into(),
        message: "Unable to edit integration due to changes of non-editable attribute(s): autoBootstrap. Set it back. \
                  To hand it to the operator, set deletionPolicy to Retain, delete the resource, and create another one \
                  with autoBootstrap true: its status says how it takes over what is there",
        field: None,
    },
    Rule {
        path: "spec",
        rule: "!self.autoBootstrap || self.config.authenticationType != 'okta' || has(self.config.okta)".into(),
        message: "authenticationType okta needs the block config.okta with appId, idpHost and role",
        field: None,
    },
    Rule {
        path: "spec",
        rule: "!self.autoBootstrap || self.config.authenticationType == 'okta' || !has(self.config.okta)".into(),
        message: "the block config.okta is for authenticationType okta; remove it, or set authenticationType to okta",
        field: None,
    },
    Rule {
        path: "spec",
        rule: "!self.autoBootstrap || self.config.authenticationType != 'userPassword' || !has(self.config.aws)".into(),
        message: "the block config.aws is for authenticationType accessKey, iam or okta; remove it, or set \
                  authenticationType to one of these",
        field: None,
    },
    Rule {
        path: "spec",
        rule: "!self.autoBootstrap || self.config.authenticationType == 'iam' || has(self.config.credentialsSecretRef)".into(),
        message: "config.credentialsSecretRef is missing: name the Secret with the credentials that set things up",
        field: None,
    },
    Rule {
        path: "spec",
        rule: "!self.autoBootstrap || self.config.authenticationType != 'iam' || !has(self.config.credentialsSecretRef)".into(),
        message: "authenticationType iam uses the operator's own AWS identity and no Secret; remove \
                  config.credentialsSecretRef",
        field: None,
    },
    Rule {
        path: "spec",
        rule: "!has(self.config.credentialsSecretRef) || !has(self.config.credentialsSecretRef.keys) || \
               self.config.authenticationType in ['userPassword', 'okta']".into(),
        message: "credentialsSecretRef.keys maps a user and a password: remove it, or set authenticationType to userPassword or \
                  okta",
        field: None,
    },
    Rule {
        path: "spec",
        rule: "!has(self.config.credentialsSecretRef) || self.config.credentialsSecretRef.format != 'json' || \
               self.config.authenticationType in ['userPassword', 'okta']".into(),
        message: "credentialsSecretRef.format json reads a user and a password: set it to keys, or authenticationType to \
                  userPassword or okta",
        field: None,
    },
    Rule {
        path: "spec.config.credentialsSecretRef",
        rule: "self.format != 'json' || !has(self.keys)".into(),
        message: "keys is for format keys; with format json user and password stand in the document under their own names: \
                  remove keys, and name the document's key in key",
        field: None,
    },
    Rule {
        path: "spec.config.credentialsSecretRef",
        rule: "self.format == 'json' || !has(self.key)".into(),
        message: "key is for format json; set format to json, or name the keys of user and password in keys: {username: …, \
                  password: …}",
        field: None,
    },
    Rule {
        path: "spec.config.credentialsSecretRef.keys",
        rule: "self.username != self.password".into(),
        message: "user and password stand under two different keys; for a document that holds both, set format to json and \
                  name its key in key",
        field: None,
    },
    Rule { path: "spec.validationInterval", rule: INTERVAL.into(), message: INTERVAL_MESSAGE, field: None },
    Rule {
        path: "spec.config.policyViews.columnDetectionInterval",
        rule: INTERVAL.into(),
        message: INTERVAL_MESSAGE,
        field: None,
    },
    Rule {
        path: "spec.rotation.interval",
        rule: "self.matches('^([1-9]|[1-9][0-9]|[12][0-9][0-9]|3[0-5][0-9]|36[0-5])d$')".into(),
        message: "write a number of days from 1d to 365d, such as 90d",
        field: None,
    },
    Rule {
        path: "spec.config.host",
        rule: "self.matches('^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)([.][a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*[.]?$')".into(),
        message: "write a bare host name, such as analytics.abc123.us-east-1.redshift.amazonaws.com: no https://, no \
                  port and no path (the port has a field of its own)",
        field: None,
    },
    Rule { path: "spec.config.database", rule: ONE_NAME.into(), message: ONE_NAME_MESSAGE, field: None },
    Rule {
        path: "spec.config.database",
        rule: "!(self in ['padb_harvest', 'template0', 'template1', 'sys:internal'])".into(),
        message: "this database belongs to Redshift itself and can't be managed; choose another name, such as immuta",
        field: None,
    },
    Rule {
        path: "spec.config",
        rule: format!("{UNLESS_IT_IS_THERE}{}", SIMPLE_NAME.replace("self.", "self.database.")).into(),
        message: NAME,
        field: Some(".database"),
    },
    Rule {
        path: "spec.config",
        rule: format!("{UNLESS_IT_IS_THERE}{}", no_reserved_word("self.database")).into(),
        message: RESERVED_WORD,
        field: Some(".database"),
    },
    Rule {
        path: "spec.config",
        rule: format!("{UNLESS_IT_IS_THERE}self.database != 'dev'").into(),
        message: "the database dev is in every warehouse and can't be created; choose another name, such as immuta, or set \
                  databaseMode to Existing",
        field: Some(".database"),
    },
    Rule { path: "spec.config.initialDatabase", rule: ONE_NAME.into(), message: ONE_NAME_MESSAGE, field: None },
    Rule {
        path: "spec.config.initialDatabase",
        rule: "!(self.lowerAscii() in ['padb_harvest', 'template0', 'template1', 'sys:internal'])".into(),
        message: "nobody can connect to this database; name another one that exists, such as dev",
        field: None,
    },
    Rule {
        path: "spec.config",
        rule: "self.databaseMode == 'Existing' || self.initialDatabase.lowerAscii() != self.database".into(),
        message: "initialDatabase must exist already, and database is yet to be created: name two different databases, \
                  or set databaseMode to Existing",
        field: None,
    },
    Rule {
        path: "spec.config",
        rule: "self.systemAccount.name != self.impersonation.role".into(),
        message: "systemAccount.name and impersonation.role must differ: users and roles share one set of names",
        field: None,
    },
    Rule { path: "spec.config.systemAccount.name", rule: SIMPLE_NAME.into(), message: NAME, field: None },
    Rule { path: "spec.config.systemAccount.name", rule: no_reserved_word("self"), message: RESERVED_WORD, field: None },
    Rule {
        path: "spec.config.systemAccount.name",
        rule: "!(self in ['public', 'rdsdb', 'redshift_governance_claim'])".into(),
        message: "this name is taken by Redshift or by the operator itself; choose another one",
        field: None,
    },
    Rule { path: "spec.config.impersonation.role", rule: SIMPLE_NAME.into(), message: NAME, field: None },
    Rule { path: "spec.config.impersonation.role", rule: no_reserved_word("self"), message: RESERVED_WORD, field: None },
    Rule {
        path: "spec.config.impersonation.role",
        rule: "!(self in ['public', 'rdsdb', 'redshift_governance_claim'])".into(),
        message: "this name is taken by Redshift or by the operator itself; choose another one",
        field: None,
    },
    Rule {
        path: "spec.config.okta.idpHost",
        rule: "self.matches('^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:[0-9]{1,5})?$')".into(),
        message: "write a bare host name, such as organization.okta.com, without https:// and a path",
        field: None,
    },
    Rule {
        path: "spec.config.aws",
        rule: "!has(self.clusterIdentifier) || !has(self.workgroup)".into(),
        message: "clusterIdentifier is for a provisioned cluster, workgroup for Redshift Serverless; remove one of them",
        field: None,
    },
    Rule {
        path: "spec.config.aws",
        rule: "!has(self.databaseUser) || !has(self.workgroup)".into(),
        message: "databaseUser is for a provisioned cluster: Redshift Serverless derives the user from the identity; remove it",
        field: None,
    },
    Rule {
        path: "spec.config.aws.region",
        rule: "self.matches('^[a-z]+(-[a-z]+)+-[0-9]{1,2}$')".into(),
        message: "write the name of a region, such as us-east-1",
        field: None,
    },
    Rule {
        path: "spec.config.aws.clusterIdentifier",
        rule: "self.matches('^[a-z][a-z0-9-]*$')".into(),
        message: "write the cluster's identifier, such as analytics: lower-case letters, digits and hyphens",
        field: None,
    },
    Rule {
        path: "spec.config.aws.workgroup",
        rule: "self.matches('^[a-z0-9-]+$')".into(),
        message: "write the workgroup's name, such as default: lower-case letters, digits and hyphens",
        field: None,
    },
    Rule {
        path: "spec.config.aws.databaseUser",
        rule: r#"self.matches('^[^:/"\\p{Cc}]+$')"#.into(),
        message: "write the user's name in the database, without the prefix IAM: and without quotes or slashes",
        field: None,
    },
    Rule {
        path: "spec",
        rule: format!(
            "!self.autoBootstrap || self.config.authenticationType == 'userPassword' || {OF_AWS} || has(self.config.aws) && \
             has(self.config.aws.region) && (has(self.config.aws.clusterIdentifier) || has(self.config.aws.workgroup))"
        )
        .into(),
        message: "config.host isn't a name that AWS has given to the warehouse, which would tell region and cluster: name them in \
                  config.aws, as region and clusterIdentifier or workgroup",
        field: None,
    },
    Rule {
        path: "spec.config.tls",
        rule: "!has(self.caBundleRef) || self.mode in ['VerifyFull', 'VerifyCa']".into(),
        message: "caBundleRef has no effect in this mode, in which no certificate is verified; remove it, or set mode to \
                  VerifyFull",
        field: None,
    },
    Rule {
        path: "spec.config.tls",
        rule: "!has(self.serverName) || self.mode == 'VerifyFull'".into(),
        message: "serverName has no effect in this mode, in which no name is verified; remove it, or set mode to \
                  VerifyFull",
        field: None,
    },
]
}

/// Longest texts, and bounds of numbers.
#[must_use]
pub fn bounds() -> Bounds {
    let subdomain = json!({"minLength": 1, "maxLength": 253, "pattern": NAME_OF_AN_OBJECT});
    let name = json!({"minLength": 1, "maxLength": 127});
    let key = json!({"minLength": 1, "maxLength": 253, "pattern": KEY_OF_A_VALUE});
    let text = |length: u32| json!({"minLength": 1, "maxLength": length});
    vec![
        ("spec.validationInterval", text(16)),
        ("spec.config.policyViews.columnDetectionInterval", text(16)),
        ("spec.rotation.interval", text(16)),
        ("spec.config.host", text(253)),
        ("spec.config.port", json!({"minimum": 1, "maximum": 65535})),
        ("spec.config.database", name.clone()),
        ("spec.config.initialDatabase", name.clone()),
        ("spec.config.systemAccount.name", name.clone()),
        ("spec.config.impersonation.role", name.clone()),
        ("spec.config.credentialsSecretRef.name", subdomain.clone()),
        ("spec.config.credentialsSecretRef.key", key.clone()),
        ("spec.config.credentialsSecretRef.keys.username", key.clone()),
        ("spec.config.credentialsSecretRef.keys.password", key),
        ("spec.config.okta.appId", text(128)),
        ("spec.config.okta.appName", text(128)),
        ("spec.config.okta.idpHost", text(260)),
        ("spec.config.okta.role", text(2048)),
        ("spec.config.aws.region", text(64)),
        ("spec.config.aws.clusterIdentifier", text(63)),
        ("spec.config.aws.workgroup", text(64)),
        ("spec.config.aws.databaseUser", text(127)),
        ("spec.config.tls.serverName", text(253)),
        ("spec.config.tls.caBundleRef.name", subdomain),
        ("spec.config.tls.caBundleRef.key", text(253)),
        conditions(),
        not_observed(),
    ]
}
