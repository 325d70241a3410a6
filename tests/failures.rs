//! What goes wrong before the first change: it is named, the warehouse is untouched, and mending the
//! cause brings the integration up with no further hand.

use std::time::Duration;

use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use redshift_integration_operator::api::{RedshiftIntegration, ValidationStatus};
use redshift_stand_in::faults::{Action, Fault};
use redshift_stand_in::{Options, StandIn};
use serde_json::{Value, json};

use crate::support::{Dump, World, admin, assert_same, condition, conditions, phase_of, said, tests_with};

const CONNECTION: &str = "Initial Validation: Basic Connection Test";
const VERIFIED: &str = "Initial Validation: Connection Is Verified";
const DATABASE: &str = "Validate Automatic Bootstrap: Immuta Database Does Not Exist";
const ACCOUNT: &str = "Validate Automatic Bootstrap: System Account Does Not Exist";
const CLAIM: &str = "Validate Automatic Bootstrap: Warehouse Is Not Claimed";
const PRIVILEGES: &str = "Validate Automatic Bootstrap: Setup Account Has The Required Privileges";
const NOTHING_DONE: &str = "Validation of prerequisite setup failed. Unable to create integration.";

/// How a failure must show.
struct Failure {
    reason: &'static str,
    test: &'static str,
    says: &'static str,
}

impl Failure {
    /// Waits for it, and sees that nothing was done: not in the warehouse, and nothing in Kubernetes that
    /// would keep the fields from being edited or the resource from going.
    async fn shows(&self, world: &World, before: &Dump) -> RedshiftIntegration {
        let object = world
            .until(&format!("it fails because of {}", self.reason), |object| {
                phase_of(object) == "createError" && condition(object, "Ready").reason == self.reason
            })
            .await;
        let failed = tests_with(&object, ValidationStatus::Failed);
        let message = failed.get(self.test).unwrap_or_else(|| panic!("{} didn't fail: {failed:?}", self.test));
        let said = said(&object, "Ready");
        assert!(message.contains(self.says) || said.contains(self.says), "{said}");
        let ready = condition(&object, "Ready");
        assert!(ready.message.contains(NOTHING_DONE) || self.reason == "AlreadyExists", "{}", ready.message);
        assert!(object.finalizers().is_empty(), "{:?}", object.finalizers());
        assert!(object.status.as_ref().unwrap().created.is_none());
        assert!(world.secrets().get_opt("analytics-system-account").await.unwrap().is_none());
        assert_same(before, &Dump::of(&world.stand_in).await);
        let (type_, _, note) = world.until_event("analytics", self.reason).await;
        assert_eq!(type_, "Warning");
        assert_eq!(note, condition(&object, "Ready").message);
        object
    }
}

/// Whether only a person can help, as kstatus shows it.
const STALLED: [&str; 3] = ["False", "False", "True"];
const WAITING: [&str; 3] = ["False", "True", "False"];

#[tokio::test]
async fn a_wrong_password_is_named_and_mending_the_secret_is_enough() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.put_secret("redshift-admin", "awsuser", "wrong").await;
    world.create(json!({})).await;
    let failure = Failure { reason: "LoginRefused", test: CONNECTION, says: "`username` and `password` in the Secret" };
    let object = failure.shows(&world, &before).await;
    assert_eq!(conditions(&object), STALLED);
    world.put_secret("redshift-admin", "awsuser", world.stand_in.admin_password()).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_missing_secret_is_named_with_the_command_that_makes_it() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
    world.create(json!({})).await;
    let failure = Failure { reason: "SecretMissing", test: CONNECTION, says: "create secret generic redshift-admin" };
    let object = failure.shows(&world, &before).await;
    assert_eq!(conditions(&object), STALLED);
    assert_eq!(world.stand_in.connections().1, 0);
    world.put_secret("redshift-admin", "awsuser", world.stand_in.admin_password()).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_malformed_secret_is_named_with_what_is_wrong_in_it() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.put_secret("redshift-admin", "awsuser", "").await;
    world.create(json!({})).await;
    let empty = Failure { reason: "SecretMalformed", test: CONNECTION, says: "`password` is empty" };
    assert_eq!(conditions(&empty.shows(&world, &before).await), STALLED);
    let password = world.stand_in.admin_password();
    world.put_secret("redshift-admin", "awsuser", &format!("{password}\n")).await;
    world.until("the line break is named", |object| said(object, "Ready").contains("line break")).await;
    world.put_secret("redshift-admin", "awsuser", password).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn an_unknown_host_is_named_and_can_be_edited_into_the_right_one() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    // Reserved for names that don't exist: RFC 6761.
    world.create(json!({"config": {"host": "warehouse.invalid"}})).await;
    let failure = Failure { reason: "HostUnknown", test: CONNECTION, says: "check spec.config.host" };
    assert_eq!(conditions(&failure.shows(&world, &before).await), WAITING);
    world.patch(json!({"spec": {"config": {"host": "localhost"}}})).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_never_connected_to() {
    let mut world = World::without_operator(Options::default()).await;
    let before = Dump::of(&world.stand_in).await;
    world.start_operator_with(&["--allowed-hosts=*.redshift.amazonaws.com"]);
    world.create(json!({})).await;
    let failure = Failure { reason: "HostForbidden", test: CONNECTION, says: "--allowed-hosts" };
    assert_eq!(conditions(&failure.shows(&world, &before).await), STALLED);
    assert_eq!(world.stand_in.connections().1, 0);
    world.kill_operator();
    world.start_operator();
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_secret_for_other_hosts_is_not_used() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    let annotate = |hosts: &'static str| {
        let patch = json!({"metadata": {"annotations": {"redshift-governance.dev/allowed-hosts": hosts}}});
        let (secrets, params) = (world.secrets(), kube::api::PatchParams::default());
        async move { secrets.patch("redshift-admin", &params, &kube::api::Patch::Merge(patch)).await.unwrap() }
    };
    annotate("*.redshift.amazonaws.com").await;
    world.create(json!({})).await;
    let failure = Failure { reason: "HostNotAllowedBySecret", test: CONNECTION, says: "does not list localhost" };
    assert_eq!(conditions(&failure.shows(&world, &before).await), STALLED);
    assert_eq!(world.stand_in.connections().1, 0);
    annotate("*.redshift.amazonaws.com,localhost").await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_server_without_tls_gets_no_login() {
    let world = World::with(Options { offer_tls: false, ..Options::default() }).await;
    let before = Dump::of(&world.stand_in).await;
    world.create(json!({})).await;
    let failure = Failure { reason: "TlsMismatch", test: CONNECTION, says: "the server doesn't offer TLS" };
    assert_eq!(conditions(&failure.shows(&world, &before).await), STALLED);
    assert!(world.stand_in.journal().since(0).is_empty(), "{:?}", world.stand_in.journal().since(0));
    world.patch(json!({"spec": {"config": {"tls": {"mode": "Disable", "caBundleRef": null}}}})).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_server_that_insists_on_tls_says_so() {
    let world = World::with(Options { require_tls: true, ..Options::default() }).await;
    let before = Dump::of(&world.stand_in).await;
    world.create(json!({"config": {"tls": {"mode": "Disable", "caBundleRef": null}}})).await;
    let failure = Failure { reason: "TlsMismatch", test: CONNECTION, says: "set spec.config.tls.mode to VerifyFull" };
    assert_eq!(conditions(&failure.shows(&world, &before).await), STALLED);
    let full = json!({"mode": "VerifyFull", "caBundleRef": {"kind": "ConfigMap", "name": "redshift-ca"}});
    world.patch(json!({"spec": {"config": {"tls": full}}})).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_gets_no_login() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    let other = StandIn::start(Options::default()).await.unwrap();
    // The one that would be needed is there, but damaged.
    let damaged = world.stand_in.ca_pem().replacen("MII", "MI!", 1);
    world.put_ca("redshift-ca", &format!("{}{damaged}", other.ca_pem())).await;
    world.create(json!({})).await;
    let says = "(the name in it); not used of the bundle: block 2 is damaged";
    let failure = Failure { reason: "CertificateRejected", test: CONNECTION, says };
    assert_eq!(conditions(&failure.shows(&world, &before).await), STALLED);
    world.put_ca("redshift-ca", &format!("{}{damaged}", world.stand_in.ca_pem())).await;
    let warnings = tests_with(&world.until_phase("enabled").await, ValidationStatus::Warning);
    assert!(warnings[VERIFIED].contains("caBundleRef names: block 2 is damaged"), "{}", warnings[VERIFIED]);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_until_the_name_is_given() {
    let world = World::with(Options { certificate_names: vec!["alias.example".into()], ..Options::default() }).await;
    let before = Dump::of(&world.stand_in).await;
    world.create(json!({"config": {"tls": {"serverName": "warehouse.example"}}})).await;
    let failure = Failure { reason: "CertificateRejected", test: CONNECTION, says: "spec.config.tls.serverName" };
    failure.shows(&world, &before).await;
    world.patch(json!({"spec": {"config": {"tls": {"serverName": "alias.example"}}}})).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_missing_ca_bundle_is_named() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.create(json!({"config": {"tls": {"caBundleRef": {"name": "no-such-map"}}}})).await;
    let failure = Failure { reason: "CaBundleMissing", test: CONNECTION, says: "there is no ConfigMap no-such-map" };
    failure.shows(&world, &before).await;
    world.put_ca("no-such-map", "not a certificate").await;
    let object =
        world.until("the bundle is found wanting", |object| condition(object, "Ready").reason == "CertificateRejected");
    assert!(said(&object.await, "Ready").contains("PEM"));
    world.put_ca("no-such-map", world.stand_in.ca_pem()).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn whoever_waits_for_a_ca_bundle_goes_on_when_it_changes() {
    let mut world = World::without_operator(Options::default()).await;
    // By itself it would come back after the end of the test.
    world.start_operator_with(&["--retry-delay-milliseconds=600000", "--retry-delay-max-milliseconds=600000"]);
    let is = |reason: &'static str| {
        move |object: &RedshiftIntegration| {
            object.status.as_ref().is_some_and(|status| status.conditions.iter().any(|it| it.reason == reason))
        }
    };
    world.create(json!({"config": {"tls": {"caBundleRef": {"name": "of-the-warehouse"}}}})).await;
    world.until("it is missing", is("CaBundleMissing")).await;
    // Not its own, and nobody's pass.
    world.put_ca("of-another", "not a certificate").await;
    world.put_ca("of-the-warehouse", "not a certificate").await;
    world.until("it is found wanting", is("CertificateRejected")).await;
    world.put_ca("of-the-warehouse", world.stand_in.ca_pem()).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn an_initial_database_that_is_not_there_is_named() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.create(json!({"config": {"initialDatabase": "nowhere"}})).await;
    let test = "Initial Validation: Initial Database Exists";
    let failure = Failure { reason: "DatabaseMissing", test, says: "spec.config.initialDatabase" };
    assert_eq!(conditions(&failure.shows(&world, &before).await), STALLED);
    // In any case, as the original system's own example has it.
    world.patch(json!({"spec": {"config": {"initialDatabase": "REDSHIFT_SAMPLE_DATA"}}})).await;
    world.until_phase("enabled").await;
}

async fn in_the_way(statements: &[&str], failure: Failure, mend: Option<&str>, edit: Value) {
    let world = World::new().await;
    let dba = admin(&world.stand_in, "dev").await;
    for statement in statements {
        dba.batch_execute(statement).await.unwrap();
    }
    let before = Dump::of(&world.stand_in).await;
    world.create(json!({})).await;
    let object = failure.shows(&world, &before).await;
    assert_eq!(conditions(&object), STALLED);
    if let Some(statement) = mend {
        dba.batch_execute(statement).await.unwrap();
    }
    world.patch(edit).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_database_that_is_there_is_not_touched_and_another_name_can_be_chosen() {
    let failure =
        Failure { reason: "DatabaseExists", test: DATABASE, says: "name another one in spec.config.database" };
    let edit = json!({"spec": {"config": {"database": "immuta_two"}}});
    in_the_way(&["CREATE DATABASE immuta"], failure, None, edit).await;
}

#[tokio::test]
async fn a_user_that_is_there_is_not_touched_and_another_name_can_be_chosen() {
    let failure = Failure { reason: "SystemAccountExists", test: ACCOUNT, says: "spec.config.systemAccount.name" };
    let edit = json!({"spec": {"config": {"systemAccount": {"name": "governance"}}}});
    in_the_way(&["CREATE USER immuta_system_account PASSWORD 'Abcd1234'"], failure, None, edit).await;
}

#[tokio::test]
async fn a_role_with_the_name_of_the_account_is_seen() {
    let failure = Failure { reason: "SystemAccountExists", test: ACCOUNT, says: "is the name of a role" };
    in_the_way(&["CREATE ROLE immuta_system_account"], failure, Some("DROP ROLE immuta_system_account"), json!({}))
        .await;
}

#[tokio::test]
async fn a_warehouse_that_is_claimed_by_another_cluster_is_refused_until_the_claim_is_gone() {
    let says = "Redshift integration already exists on host localhost (id = unknown)";
    let failure = Failure { reason: "AlreadyExists", test: CLAIM, says };
    let claim = "CREATE USER redshift_governance_claim PASSWORD 'Abcd1234'";
    in_the_way(&[claim], failure, Some("DROP USER redshift_governance_claim"), json!({})).await;
}

#[tokio::test]
async fn weak_privileges_are_listed_with_the_statements_that_give_them() {
    let world = World::new().await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER weak PASSWORD 'Abcd1234'").await.unwrap();
    let before = Dump::of(&world.stand_in).await;
    world.put_secret("redshift-admin", "weak", "Abcd1234").await;
    world.create(json!({})).await;
    let failure = Failure { reason: "InsufficientPrivileges", test: PRIVILEGES, says: "ALTER USER \"weak\" CREATEDB" };
    let object = failure.shows(&world, &before).await;
    let failed = tests_with(&object, ValidationStatus::Failed);
    assert!(failed[PRIVILEGES].contains("CREATE USER, DROP USER"), "{failed:?}");
    // Without DROP USER the deletion would fail: it is asked for now.
    dba.batch_execute("ALTER USER weak CREATEDB").await.unwrap();
    dba.batch_execute("CREATE ROLE makers").await.unwrap();
    dba.batch_execute("GRANT CREATE USER TO ROLE makers").await.unwrap();
    dba.batch_execute("GRANT ROLE makers TO weak").await.unwrap();
    world.until("only DROP USER is missing", |object| said(object, "Ready").contains("GRANT DROP USER TO ROLE")).await;
    dba.batch_execute("GRANT DROP USER TO ROLE makers").await.unwrap();
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn all_failing_tests_are_reported_and_not_only_the_first() {
    let world = World::new().await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE DATABASE immuta").await.unwrap();
    dba.batch_execute("CREATE USER immuta_system_account PASSWORD 'Abcd1234'").await.unwrap();
    dba.batch_execute("CREATE USER weak PASSWORD 'Abcd1234'").await.unwrap();
    dba.batch_execute("ALTER USER weak SET enable_case_sensitive_identifier TO true").await.unwrap();
    world.put_secret("redshift-admin", "weak", "Abcd1234").await;
    world.create(json!({})).await;
    let object = world.until_phase("createError").await;
    let failed: Vec<_> = tests_with(&object, ValidationStatus::Failed).into_keys().collect();
    let identifiers = "Validate Automatic Bootstrap: Identifiers Are Not Case-Sensitive";
    assert_eq!(failed, [identifiers, DATABASE, PRIVILEGES, ACCOUNT]);
}

#[tokio::test]
async fn a_password_stored_as_sha256_lets_in_and_one_stored_otherwise_is_explained() {
    let world = World::new().await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER digested CREATEUSER PASSWORD 'sha256|Abcd1234'").await.unwrap();
    world.put_secret("redshift-admin", "digested", "Abcd1235").await;
    let before = Dump::of(&world.stand_in).await;
    world.create(json!({})).await;
    let failure = Failure { reason: "LoginRefused", test: CONNECTION, says: "the server refused the login;" };
    assert_eq!(conditions(&failure.shows(&world, &before).await), STALLED);
    world.stand_in.faults().set(Fault::new(Action::AskForNewDigest).times(1_000));
    world.put_secret("redshift-admin", "digested", "Abcd1234").await;
    let unknown = "an algorithm that this version doesn't know (1)";
    world.until("the algorithm is named", |object| said(object, "Ready").contains(unknown)).await;
    world.stand_in.faults().clear();
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_password_in_the_clear_is_given_to_a_verified_server_alone() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.stand_in.faults().set(Fault::new(Action::AskForClearPassword).times(1_000));
    world.create(json!({"config": {"tls": {"mode": "VerifyCa"}}})).await;
    let failure =
        Failure { reason: "LoginRefused", test: CONNECTION, says: "only under spec.config.tls.mode VerifyFull" };
    failure.shows(&world, &before).await;
    let got_it = || format!("{:?}", world.stand_in.journal().since(0)).contains("got-clear-password");
    assert!(!got_it());
    world.patch(json!({"spec": {"config": {"tls": {"mode": "VerifyFull"}}}})).await;
    world.until("the server has got it", |_| got_it()).await;
}

#[tokio::test]
async fn what_the_api_server_lets_through_and_cannot_be_meant_is_stalled_and_says_so() {
    let world = World::new().await;
    let aws = json!({"region": "us-east-1", "clusterIdentifier": "analytics"});
    let okta = json!({"appId": "0oa1/272", "idpHost": "organization.okta.com:65536", "role": "admin"});
    world.create(json!({"config": {"authenticationType": "okta", "okta": okta, "aws": aws}})).await;
    let object = world.until_phase("createError").await;
    assert_eq!(conditions(&object), STALLED);
    let stalled = condition(&object, "Stalled");
    assert_eq!(stalled.reason, "InvalidSpec");
    assert!(stalled.message.contains("spec.config.okta.idpHost"), "{}", stalled.message);
    assert_eq!(world.stand_in.connections().1, 0);
    world.delete().await;
    world.until_gone().await;
}

#[tokio::test]
async fn a_first_change_that_the_server_refuses_is_taken_back_whole() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    let refuse = Action::Refuse { sqlstate: "XX000".into(), message: "no more users".into() };
    world.stand_in.faults().set(Fault::new(refuse).at("CREATE USER redshift_governance_claim").times(1_000));
    world.create(json!({})).await;
    let object = world
        .until("the plan is taken back", |object| {
            phase_of(object) == "createError"
                && said(object, "Ready").contains("no more users")
                && object.finalizers().is_empty()
        })
        .await;
    assert!(object.status.unwrap().created.is_none());
    assert_same(&before, &Dump::of(&world.stand_in).await);
    // So that the fields can be edited again, if not in the very moment in which it is tried once more.
    let edit = Patch::Merge(json!({"spec": {"config": {"database": "elsewhere"}}}));
    while let Err(error) = world.api().patch("analytics", &PatchParams::default(), &edit).await {
        assert!(error.to_string().contains("non-editable"), "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.stand_in.faults().clear();
    let object = world.until_phase("enabled").await;
    assert_eq!(object.status.unwrap().created.unwrap().database, "elsewhere");
}
