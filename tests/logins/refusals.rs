//! What goes wrong on the way to temporary credentials: each is told for what it is, the warehouse is untouched, and mending
//! the cause is enough.

use std::time::Duration;

use identity_stand_in::{Cluster, Fault, Options, Step, UserState};
use kube::ResourceExt;
use redshift_integration_operator::api::RedshiftIntegration;
use redshift_stand_in::faults::{Action, Fault as WarehouseFault};
use serde_json::{Value, json};

use super::{Place, Pod, USER};
use crate::support::{Dump, assert_same, condition, conditions, documented, phase_of, said};

const STALLED: [&str; 3] = ["False", "False", "True"];
/// How a creation shows that goes on by itself.
pub const WAITING: [&str; 3] = ["False", "True", "False"];

impl Place {
    /// Waits until the creation has stopped with this reason and these words.
    pub async fn stops_with(&self, reason: &str, says: &str) -> RedshiftIntegration {
        let what = format!("it stops with {reason}: {says}");
        let is = |object: &RedshiftIntegration| {
            phase_of(object) == "createError" && condition(object, "Ready").reason == reason && {
                let status = object.status.as_ref().unwrap();
                let remedies = serde_json::to_string(&status.remedies).unwrap();
                said(object, "Ready").contains(says) || remedies.contains(says)
            }
        };
        self.world.until(&what, is).await
    }

    /// Has the operator look at once.
    pub async fn again(&self, value: &str) {
        self.world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": value}}})).await;
    }

    /// Ends without a trace, and shows no secret.
    async fn was_untouched(self, before: &Dump) {
        assert!(self.world.get().await.finalizers().is_empty());
        assert_same(before, &Dump::of(&self.world.stand_in).await);
        self.world.note_secrets(self.identity().secrets());
    }
}

#[tokio::test]
async fn every_state_of_okta_that_is_no_success_is_a_condition_of_its_own() {
    let place = Place::started().await;
    let before = Dump::of(&place.world.stand_in).await;
    place.put_okta_user().await;
    place.identity().set_user_state(USER, UserState::MfaRequired);
    place.world.create(place.okta(json!({}))).await;
    for state in UserState::ALL {
        let reason = match state {
            UserState::Success => continue,
            UserState::MfaRequired | UserState::MfaChallenge | UserState::MfaEnroll | UserState::MfaEnrollActivate => {
                "MfaRequired"
            }
            UserState::LockedOut => "AccountLocked",
            UserState::Unauthenticated => "LoginRefused",
            _ => "PasswordExpired",
        };
        place.identity().set_user_state(USER, state);
        place.again(state.as_okta()).await;
        let object = place.stops_with(reason, state.as_okta()).await;
        assert_eq!(conditions(&object), STALLED, "{state:?}");
        match state {
            UserState::MfaRequired => documented("login__a_second_factor", &object, "Ready"),
            UserState::PasswordExpired => documented("login__password_expired", &object, "Ready"),
            UserState::LockedOut => documented("login__locked_out", &object, "Ready"),
            _ => {}
        }
    }
    place.identity().set_user_state(USER, UserState::Success);
    place.identity().set_user_password(USER, "another");
    place.again("password").await;
    let object = place.stops_with("LoginRefused", "`username` and `password` in the Secret").await;
    assert_eq!(conditions(&object), STALLED);
    documented("login__wrong_password", &object, "Ready");
    assert_eq!(place.identity().count(Step::OktaApplication), 0);
    place.was_untouched(&before).await;
}

#[tokio::test]
async fn a_role_that_is_none_or_several_is_refused_with_those_that_there_are() {
    let place = Place::started().await;
    let before = Dump::of(&place.world.stand_in).await;
    place.put_okta_user().await;
    let of = |name: &str| format!("arn:aws:iam::123456789012:role/{name},arn:aws:iam::123456789012:saml-provider/okta");
    place.identity().set_roles([of("redshift-admin"), of("spectrum-admin")]);
    place.world.create(place.okta(json!({"okta": {"role": "admin"}}))).await;
    let object = place.stops_with("RoleUnknown", "fits several roles").await;
    documented("login__a_role_that_fits_several", &object, "Ready");
    place.world.patch(json!({"spec": {"config": {"okta": {"role": "owner"}}}})).await;
    place.stops_with("RoleUnknown", "`owner` is none of the roles").await;
    assert_eq!(place.identity().count(Step::AssumeRoleWithSaml), 0);
    place.was_untouched(&before).await;
}

/// What a step is answered with, how that shows, and whether it goes on by itself.
struct Case {
    step: Step,
    fault: Fault,
    reason: &'static str,
    says: &'static str,
    shows: [&'static str; 3],
}

const NO_ANSWER: &str = "asked to log the user in, didn't answer within 1 s";
const NO_ASSERTION: &str = "without an assertion (SAMLResponse)";
const NOT_ALLOWED: &str = "redshift:GetClusterCredentials (with";

fn case(step: Step, fault: Fault, reason: &'static str, says: &'static str) -> Case {
    let shows = if reason == "LoginServiceUnavailable" { WAITING } else { STALLED };
    Case { step, fault, reason, says, shows }
}

fn body(content_type: &str, body: impl Into<Vec<u8>>) -> Fault {
    Fault::Body { content_type: content_type.to_owned(), body: body.into() }
}

fn elsewhere() -> Fault {
    Fault::Redirect { to: "http://169.254.169.254/latest/meta-data/".to_owned() }
}

fn of_okta() -> Vec<Case> {
    use Step::{AssumeRoleWithSaml, GetClusterCredentials, OktaApplication, OktaAuthentication};
    let page = |value: &str| body("text/html", format!("<form><input name=\"SAMLResponse\" value=\"{value}\"></form>"));
    vec![
        case(
            OktaAuthentication,
            Fault::Close,
            "LoginServiceUnavailable",
            "asked to log the user in, can't be reached at localhost",
        ),
        case(OktaAuthentication, Fault::Silence, "LoginServiceUnavailable", NO_ANSWER),
        case(
            OktaAuthentication,
            Fault::Drip { bytes: 1, milliseconds: 200 },
            "LoginServiceUnavailable",
            "didn't answer within",
        ),
        case(OktaAuthentication, Fault::status(503), "LoginServiceUnavailable", "answered with HTTP 503"),
        case(OktaAuthentication, Fault::okta_rate_limit(0), "LoginServiceUnavailable", "HTTP 429"),
        case(OktaAuthentication, elsewhere(), "CredentialsRefused", "a redirect, which is not followed"),
        case(OktaAuthentication, Fault::Huge { bytes: 3_000_000 }, "CredentialsRefused", "more than 1 MiB"),
        case(
            OktaAuthentication,
            body("text/html", "<html>welcome</html>"),
            "CredentialsRefused",
            "something else than its documentation",
        ),
        case(
            OktaAuthentication,
            body("application/json", r#"{"status": "SUCCESS"}"#),
            "CredentialsRefused",
            "left something out",
        ),
        case(OktaAuthentication, Fault::status(403), "CredentialsRefused", "answered with HTTP 403"),
        case(
            OktaApplication,
            Fault::Silence,
            "LoginServiceUnavailable",
            "asked for the page of the application, didn't answer",
        ),
        case(OktaApplication, elsewhere(), "CredentialsRefused", "a redirect, which is not followed"),
        case(OktaApplication, Fault::status(404), "CredentialsRefused", "answered with HTTP 404"),
        case(OktaApplication, Fault::Huge { bytes: 3_000_000 }, "CredentialsRefused", "more than 1 MiB"),
        case(OktaApplication, body("text/html", "<html>sign in</html>"), "CredentialsRefused", NO_ASSERTION),
        case(OktaApplication, page("!"), "CredentialsRefused", "an assertion that can't be read"),
        case(OktaApplication, page("PGE+PC9hPg=="), "CredentialsRefused", "no role in AWS"),
        case(AssumeRoleWithSaml, Fault::Silence, "LoginServiceUnavailable", "AssumeRoleWithSAML), didn't answer"),
        case(
            AssumeRoleWithSaml,
            Fault::aws("InvalidIdentityToken", "no", 400),
            "CredentialsRefused",
            "AWS doesn't take Okta's assertion",
        ),
        case(
            AssumeRoleWithSaml,
            Fault::aws("ExpiredTokenException", "no", 400),
            "LoginServiceUnavailable",
            "refused (ExpiredTokenException)",
        ),
        case(
            GetClusterCredentials,
            Fault::Close,
            "LoginServiceUnavailable",
            "asked for credentials of the warehouse, can't be reached",
        ),
        case(
            GetClusterCredentials,
            Fault::aws("Throttling", "slow down", 400),
            "LoginServiceUnavailable",
            "refused (Throttling): slow down",
        ),
        case(
            GetClusterCredentials,
            Fault::aws("AccessDenied", "not authorized to perform", 403),
            "CredentialsRefused",
            NOT_ALLOWED,
        ),
        case(
            GetClusterCredentials,
            Fault::aws("ClusterNotFound", "not here", 404),
            "CredentialsRefused",
            "check clusterIdentifier or workgroup",
        ),
        case(
            GetClusterCredentials,
            Fault::aws("RequestExpired", "old", 400),
            "LoginServiceUnavailable",
            "check the clock",
        ),
        case(
            GetClusterCredentials,
            body("text/html", "<html>a proxy</html>"),
            "CredentialsRefused",
            "something else than its documentation",
        ),
        case(GetClusterCredentials, Fault::Huge { bytes: 3_000_000 }, "CredentialsRefused", "more than 1 MiB"),
    ]
}

#[tokio::test]
async fn whatever_a_step_is_answered_with_it_is_told_by_its_step_and_the_next_try_goes_through() {
    let mut place = Place::new().await;
    place.start(&Pod { arguments: vec!["--connect-timeout-seconds=1".to_owned()], ..Pod::default() });
    let before = Dump::of(&place.world.stand_in).await;
    place.put_okta_user().await;
    let mut created = false;
    for Case { step, fault, reason, says, shows } in of_okta() {
        place.identity().clear_answers();
        place.identity().answer_times(step, fault, 1_000);
        if created {
            place.again(says).await;
        } else {
            place.world.create(place.okta(json!({}))).await;
            created = true;
        }
        let object = place.stops_with(reason, says).await;
        assert_eq!(conditions(&object), shows, "{says}");
        match says {
            NOT_ALLOWED => documented("login__not_allowed", &object, "Ready"),
            NO_ASSERTION => documented("login__a_page_without_an_assertion", &object, "Ready"),
            NO_ANSWER => documented("login__no_answer", &object, "Ready"),
            _ => {}
        }
    }
    assert!(place.world.get().await.finalizers().is_empty());
    assert_same(&before, &Dump::of(&place.world.stand_in).await);
    place.identity().clear_answers();
    place.again("through").await;
    place.world.until_phase("enabled").await;
    place.world.note_secrets(place.identity().secrets());
}

#[tokio::test]
async fn an_access_key_that_is_wrong_is_told_by_the_key_of_the_secret() {
    let place = Place::started().await;
    let before = Dump::of(&place.world.stand_in).await;
    let key = place.services.options.access_keys[0].clone();
    place.put(json!({"accessKeyId": key.id})).await;
    let aws = json!({"region": "us-east-1", "clusterIdentifier": "analytics", "databaseUser": "awsuser"});
    place.world.create(Place::login("accessKey", aws)).await;
    place.stops_with("SecretMalformed", "`secretAccessKey` is missing").await;
    place.put(json!({"accessKeyId": format!("{} ", key.id), "secretAccessKey": key.secret})).await;
    place.stops_with("SecretMalformed", "`accessKeyId` has a character in it that no access key").await;
    place.put(json!({"accessKeyId": "AKIAUNKNOWNUNKNOWN00", "secretAccessKey": key.secret})).await;
    let object = place.stops_with("CredentialsRefused", "AWS doesn't know this access key").await;
    documented("login__an_unknown_access_key", &object, "Ready");
    place.put(json!({"accessKeyId": key.id, "secretAccessKey": "another+secret/access=key"})).await;
    place.stops_with("CredentialsRefused", "`secretAccessKey` in the Secret doesn't go with").await;
    place.put_key().await;
    place.world.patch(json!({"spec": {"config": {"aws": {"clusterIdentifier": "other"}}}})).await;
    let object = place.stops_with("CredentialsRefused", "check clusterIdentifier or workgroup").await;
    documented("login__no_such_cluster", &object, "Ready");
    place.world.secrets().delete("aws", &kube::api::DeleteParams::default()).await.unwrap();
    place.stops_with("SecretMissing", "--from-literal=accessKeyId=… --from-literal=secretAccessKey=…").await;
    place.was_untouched(&before).await;
}

#[tokio::test]
async fn a_user_that_is_not_in_the_warehouse_is_told_by_the_name_that_aws_gives_it() {
    let place = Place::started().await;
    let before = Dump::of(&place.world.stand_in).await;
    place.put_key().await;
    let aws = json!({"region": "us-east-1", "clusterIdentifier": "analytics", "databaseUser": "nobody"});
    place.world.create(Place::login("accessKey", aws)).await;
    let object =
        place.stops_with("LoginRefused", "refused the login of IAM:nobody with the temporary credentials").await;
    assert_eq!(conditions(&object), STALLED);
    documented("login__no_such_user", &object, "Ready");
    place.was_untouched(&before).await;
}

#[tokio::test]
async fn credentials_that_run_out_within_a_pass_are_told_and_the_next_pass_has_new_ones() {
    let mut place = Place::with_durations([Duration::from_hours(1), Duration::from_secs(1)]).await;
    place.start(&Pod::default());
    place.put_key().await;
    let world = &place.world;
    let before = Dump::of(&world.stand_in).await;
    let aws = json!({"region": "us-east-1", "clusterIdentifier": "analytics", "databaseUser": "awsuser"});
    world.create(Place::login("accessKey", aws)).await;
    world.until_phase("enabled").await;
    // A removal looks into every database, one after the other. It is held in the first one.
    world.stand_in.faults().set(WarehouseFault::new(Action::HoldBefore).of("awsuser"));
    world.delete().await;
    world.stand_in.faults().held().await;
    world.stand_in.end_temporary_credentials();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.stand_in.faults().release();
    let (_, _, note) = world.until_event("analytics", "LoginRefused").await;
    assert!(note.contains("the temporary credentials ran out while the pass was under way"), "{note}");
    world.until_gone().await;
    assert_eq!(place.steps().iter().filter(|step| **step == Step::GetClusterCredentials).count(), 3);
    assert_same(&before, &Dump::of(&world.stand_in).await);
    world.note_secrets(place.identity().secrets());
}

#[tokio::test]
async fn a_warehouse_that_is_away_is_told_to_be_paused_and_dense_nodes_are_told_the_way() {
    let place = Place::started().await;
    place.put_key().await;
    let before = Dump::of(&place.world.stand_in).await;
    let cluster = |status: &str, kind: &str| {
        let (status, node_type) = (status.to_owned(), kind.to_owned());
        [("analytics".to_owned(), Cluster { status, node_type, ..Cluster::default() })]
    };
    place.identity().set_clusters(cluster("paused", "ra3.xlplus"));
    place.world.stand_in.go_away();
    let aws = json!({"region": "us-east-1", "clusterIdentifier": "analytics", "databaseUser": "awsuser"});
    place.world.create(Place::login("accessKey", aws)).await;
    let object = place.stops_with("WarehouseUnreachable", "AWS says that it is paused: resume it").await;
    assert_eq!(conditions(&object), WAITING);
    documented("login__a_paused_cluster", &object, "Ready");
    place.identity().set_clusters(cluster("available", "dc2.large"));
    place.world.stand_in.come_back();
    place.again("dense").await;
    let object = place.stops_with("PrerequisitesFailed", "dc2.large nodes, which have no cross-database queries").await;
    documented("login__nodes_without_cross_database_queries", &object, "Ready");
    place.was_untouched(&before).await;
}

#[tokio::test]
async fn the_pods_identity_is_lent_to_nobody_who_is_not_listed_and_missing_it_is_told() {
    let mut place = Place::new().await;
    place.start(&Pod::default());
    let before = Dump::of(&place.world.stand_in).await;
    let aws = json!({"region": "us-east-1", "clusterIdentifier": "analytics", "databaseUser": "awsuser"});
    let spec = json!({"config": {"authenticationType": "iam", "credentialsSecretRef": null, "aws": aws}});
    place.world.create(spec).await;
    let listed = format!("--iam-namespaces={}", place.world.namespace);
    let object = place.stops_with("IdentityNotAllowed", &listed).await;
    documented("login__an_identity_that_is_not_lent", &object, "Ready");
    assert_eq!(place.steps(), []);
    place.world.kill_operator();
    place.start(&Pod { arguments: vec![listed], ..Pod::default() });
    place.stops_with("CredentialsRefused", "the operator's pod has no AWS identity").await;
    place.was_untouched(&before).await;
}

#[tokio::test]
async fn okta_is_held_to_the_hosts_that_the_operator_and_the_secret_allow() {
    let mut place = Place::new().await;
    place.start(&Pod { arguments: vec!["--allowed-hosts=127.0.0.1".to_owned()], ..Pod::default() });
    let before = Dump::of(&place.world.stand_in).await;
    place.put_okta_user().await;
    let annotate = |hosts: &str| json!({"metadata": {"annotations": {"redshift-governance.dev/allowed-hosts": hosts}}});
    let secrets = place.world.secrets();
    let patch = |patch: Value| {
        let secrets = secrets.clone();
        async move {
            let params = kube::api::PatchParams::default();
            secrets.patch("aws", &params, &kube::api::Patch::Merge(patch)).await.unwrap();
        }
    };
    patch(annotate("localhost")).await;
    let other = json!({"okta": {"idpHost": "okta.example.invalid"}});
    place.world.create(place.okta(other)).await;
    place.stops_with("HostNotAllowedBySecret", "does not list okta.example.invalid").await;
    patch(annotate("localhost,*.example.invalid,169.254.169.254")).await;
    place.stops_with("LoginServiceUnavailable", "okta.example.invalid can't be resolved").await;
    place.world.patch(json!({"spec": {"config": {"okta": {"idpHost": "169.254.169.254"}}}})).await;
    place.stops_with("HostForbidden", "may not connect to 169.254.169.254").await;
    assert_eq!(place.steps(), []);
    place.was_untouched(&before).await;
}

#[tokio::test]
async fn a_certificate_of_nobody_who_is_known_is_refused_with_the_setting_that_would_know_him() {
    let place = Place::started().await;
    let before = Dump::of(&place.world.stand_in).await;
    place.put_okta_user().await;
    let other = identity_stand_in::Identity::start(Options::default()).await.unwrap();
    let own = place.world.folder().join("ca.crt");
    place.world.create(place.okta(json!({"okta": {"idpHost": other.host()}}))).await;
    let object = place.stops_with("CertificateRejected", "start the operator with --ca-file").await;
    documented("login__an_unknown_authority", &object, "Ready");
    std::fs::write(&own, "no certificate").unwrap();
    place.again("broken").await;
    place.stops_with("CertificateRejected", "there is no block in it that begins with").await;
    // It is read anew each time, so that it can be replaced.
    std::fs::write(&own, format!("{}{}", place.identity().ca_pem(), other.ca_pem())).unwrap();
    place.again("mended").await;
    place.stops_with("LoginRefused", "Okta refused the login").await;
    place.was_untouched(&before).await;
}
