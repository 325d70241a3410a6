//! What AWS's own driver for Python sends, as `Identity::transcript` has it: what another client's requests are compared
//! with. `tests/driver.rs` records it.

use serde_json::Value;

/// A login to a cluster by way of Okta: the user `operator@example.com`, the application
/// `amazon_aws_redshift/0oa1a2b3c4/272`, the first role of `Options::default`, the cluster `analytics`, the database
/// `dev`.
#[must_use]
pub fn okta() -> Vec<Value> {
    parsed(include_str!("../oracle/okta.json"))
}

/// Logins with an access key: to a cluster as `awsuser`, to a cluster as who the key is of, and to a workgroup. Both
/// are `analytics`, the database is `dev`.
#[must_use]
pub fn access_key() -> Vec<Value> {
    parsed(include_str!("../oracle/access-key.json"))
}

fn parsed(recorded: &str) -> Vec<Value> {
    serde_json::from_str(recorded).expect("what was recorded is JSON")
}
