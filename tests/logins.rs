//! Every way of getting in: from nothing to `enabled`, through an edit, to nothing, with credentials that AWS gives out; what
//! AWS's own driver asks for is what the operator asks for; and what goes wrong on the way is told for what it is.

mod differential;
mod proxies;
mod refusals;

use std::time::Duration;

use identity_stand_in::{Identity, Step};
use serde_json::{Value, json};

use crate::support::identity::{self, Services, USER};
use crate::support::{Dump, World, admin, assert_same, condition, phase_of, tests_with};

/// A warehouse, an Okta and an AWS that give out credentials for it, and an operator that is told where they are.
struct Place {
    world: World,
    services: Services,
}

/// What an operator has in its environment and its arguments.
#[derive(Default)]
struct Pod {
    environment: Vec<(&'static str, String)>,
    arguments: Vec<String>,
}

impl Place {
    /// The operator isn't started yet.
    async fn new() -> Self {
        Self::with_durations([]).await
    }

    /// AWS says of the first credentials that they are good for that long, whatever the warehouse thinks.
    async fn with_durations(durations: impl IntoIterator<Item = Duration>) -> Self {
        let world = World::without_operator(redshift_stand_in::Options::default()).await;
        let services = Services::beside(&world, durations).await;
        Self { world, services }
    }

    fn identity(&self) -> &Identity {
        &self.services.identity
    }

    /// Starts the operator.
    fn start(&mut self, pod: &Pod) {
        let (usual, ca) = self.services.told();
        let all = usual.iter().chain(&pod.environment);
        let environment: Vec<_> = all.map(|(name, value)| (*name, value.as_str())).collect();
        let arguments: Vec<_> = pod.arguments.iter().map(String::as_str).chain([ca.as_str()]).collect();
        self.world.start_operator_in(&environment, &arguments);
    }

    async fn started() -> Self {
        let mut place = Self::new().await;
        place.start(&Pod::default());
        place
    }

    /// Makes a Secret of these texts.
    async fn put(&self, data: Value) {
        identity::put_secret(&self.world, data).await;
    }

    async fn put_key(&self) {
        let key = &self.services.options.access_keys[0];
        self.put(json!({"accessKeyId": key.id, "secretAccessKey": key.secret})).await;
    }

    async fn put_okta_user(&self) {
        self.services.put_okta_user(&self.world).await;
    }

    /// Changes to a spec: a login, and where AWS knows the warehouse.
    #[expect(clippy::needless_pass_by_value, reason = "the macro's values are made where they are used")]
    fn login(type_: &str, aws: Value) -> Value {
        identity::login(type_, &aws)
    }

    fn okta(&self, more: Value) -> Value {
        let mut spec = self.services.okta();
        crate::support::merge(&mut spec["config"], more);
        spec
    }

    /// From nothing to `enabled`, an edit that changes users, and to nothing again.
    async fn lives(&self, spec: Value) {
        let world = &self.world;
        let before = Dump::of(&world.stand_in).await;
        world.create(spec).await;
        let object = world.until_phase("enabled").await;
        assert!(tests_with(&object, redshift_integration_operator::api::ValidationStatus::Failed).is_empty());
        world.patch(json!({"spec": {"config": {"impersonation": {"enabled": true}}}})).await;
        world
            .until("impersonation is on", |object| {
                phase_of(object) == "enabled"
                    && condition(object, "Ready").observed_generation == object.metadata.generation
            })
            .await;
        world.delete().await;
        world.until_gone().await;
        assert_same(&before, &Dump::of(&world.stand_in).await);
        world.note_secrets(self.identity().secrets());
    }

    fn steps(&self) -> Vec<Step> {
        self.identity().requests().iter().map(|request| request.step).collect()
    }
}

#[tokio::test]
async fn a_user_of_okta_sets_up_edits_and_removes() {
    let place = Place::started().await;
    place.put_okta_user().await;
    place.lives(place.okta(json!({}))).await;
    let steps = [
        Step::OktaAuthentication,
        Step::OktaApplication,
        Step::AssumeRoleWithSaml,
        Step::DescribeClusters,
        Step::GetClusterCredentials,
    ];
    // One login for the creation, one for the edit, one for the removal.
    assert_eq!(place.steps(), steps.repeat(3));
}

#[tokio::test]
async fn the_owner_of_an_access_key_sets_up_edits_and_removes() {
    let place = Place::started().await;
    place.put_key().await;
    let aws = json!({"region": "us-east-1", "clusterIdentifier": "analytics", "databaseUser": "awsuser"});
    place.lives(Place::login("accessKey", aws)).await;
    assert_eq!(place.steps(), [Step::DescribeClusters, Step::GetClusterCredentials].repeat(3));
}

/// AWS derives the user, who has to have been given the rights.
async fn make_a_superuser(place: &Place, name: &str) {
    let statement = format!("CREATE USER \"{name}\" PASSWORD 'Abcd1234' CREATEUSER");
    admin(&place.world.stand_in, "dev").await.batch_execute(&statement).await.unwrap();
}

#[tokio::test]
async fn the_user_that_aws_derives_from_an_identity_sets_up_edits_and_removes() {
    let place = Place::started().await;
    place.put_key().await;
    make_a_superuser(&place, "IAM:operator").await;
    place.lives(Place::login("accessKey", json!({"region": "us-east-1", "clusterIdentifier": "analytics"}))).await;
    assert_eq!(place.steps(), [Step::DescribeClusters, Step::GetClusterCredentialsWithIam].repeat(3));
    place.identity().forget_requests();
    place.lives(Place::login("accessKey", json!({"region": "us-east-1", "workgroup": "analytics"}))).await;
    assert_eq!(place.steps(), [Step::GetWorkgroup, Step::GetCredentials].repeat(3));
}

#[tokio::test]
async fn the_pods_role_by_a_token_of_its_service_account_sets_up_edits_and_removes() {
    let mut place = Place::new().await;
    let token = place.world.folder().join("token");
    std::fs::write(&token, &place.services.options.web_identity.token).unwrap();
    let environment = vec![
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()),
        ("AWS_ROLE_ARN", place.services.options.web_identity.roles[0].clone()),
    ];
    let arguments = vec![format!("--iam-namespaces=others,{}", place.world.namespace)];
    place.start(&Pod { environment, arguments });
    let aws = json!({"region": "us-east-1", "clusterIdentifier": "analytics", "databaseUser": "awsuser"});
    place.lives(json!({"config": {"authenticationType": "iam", "credentialsSecretRef": null, "aws": aws}})).await;
    let steps = [Step::AssumeRoleWithWebIdentity, Step::DescribeClusters, Step::GetClusterCredentials];
    assert_eq!(place.steps(), steps.repeat(3));
}

#[tokio::test]
async fn the_pods_role_by_pod_identity_sets_up_edits_and_removes() {
    let mut place = Place::new().await;
    let token = place.world.folder().join("token");
    std::fs::write(&token, &place.services.options.container_token).unwrap();
    let environment = vec![
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", place.identity().container_url()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.display().to_string()),
        // A proxy for the world outside is none for the node's own endpoint.
        ("HTTP_PROXY", "http://127.0.0.1:9".to_owned()),
    ];
    let arguments = vec![format!("--iam-namespaces={}", place.world.namespace)];
    place.start(&Pod { environment, arguments });
    make_a_superuser(&place, "IAMR:redshift-operator").await;
    let aws = json!({"region": "us-east-1", "workgroup": "analytics"});
    place.lives(json!({"config": {"authenticationType": "iam", "credentialsSecretRef": null, "aws": aws}})).await;
    let steps = [Step::ContainerCredentials, Step::GetWorkgroup, Step::GetCredentials];
    assert_eq!(place.steps(), steps.repeat(3));
}
