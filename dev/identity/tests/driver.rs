//! AWS's own driver for Python against this fake: what it asks for is what another client's requests are compared with.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use identity_stand_in::{Attributes, MintRequest, Minted, Options, Step, UserState, oracle};
use redshift_stand_in::{StandIn, TemporaryCredentials};
use serde_json::{Value, json};

use crate::support::{Known, ROLE, USER, start_with};

const CLUSTER: &str = "analytics.abc123xyz789.us-east-1.redshift.amazonaws.com";
const WORKGROUP: &str = "analytics.123456789012.us-east-1.redshift-serverless.amazonaws.com";

/// Logs in with the arguments that it is given, and says who it is. The names of AWS's lead to this machine.
const PROGRAM: &str = r"
import json, socket, sys, warnings
warnings.simplefilter('ignore')
found = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: found('127.0.0.1' if str(host).endswith('.amazonaws.com') else host, *rest, **more)
connect = socket.socket.connect
socket.socket.connect = lambda self, address: connect(self, ('127.0.0.1', address[1]) if address[0].endswith('.amazonaws.com') else address)
import redshift_connector
connection = redshift_connector.connect(iam=True, sslmode='verify-full', database='dev', **json.loads(sys.argv[1]))
cursor = connection.cursor()
cursor.execute('SELECT current_user')
print(cursor.fetchone()[0])
";

/// A warehouse, and an Okta and an AWS that make passwords for it.
async fn both() -> (Arc<StandIn>, Known) {
    let names = vec![CLUSTER.to_owned(), WORKGROUP.to_owned()];
    let options = redshift_stand_in::Options { certificate_names: names, ..redshift_stand_in::Options::default() };
    let warehouse = Arc::new(StandIn::start(options).await.unwrap());
    let minting = warehouse.clone();
    let mint = move |request: MintRequest| -> futures::future::BoxFuture<'static, anyhow::Result<Minted>> {
        let MintRequest { user, login, create, duration, .. } = request;
        let wanted = TemporaryCredentials { user, login, create, seconds: duration.as_secs() };
        let password = minting.temporary_credentials(wanted);
        Box::pin(async move { Ok(Minted { password: password?, duration }) })
    };
    (warehouse, start_with(Options { mint: Arc::new(mint), ..Options::default() }).await)
}

/// Whether what it has sent is what the file says; `UPDATE_DOCS=1` writes that.
fn sends(known: &Known, name: &str, recorded: &[Value]) {
    let transcript = known.identity.transcript();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let path = format!("{}/oracle/{name}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, serde_json::to_string_pretty(&transcript).unwrap() + "\n").unwrap();
        return;
    }
    assert_eq!(transcript, recorded, "UPDATE_DOCS=1 records what it sends");
}

/// Who the driver is when it has logged in, or what it says.
async fn run(warehouse: &StandIn, known: &Known, host: &str, mut arguments: Value) -> Result<String, String> {
    arguments["host"] = json!(host);
    arguments["port"] = json!(warehouse.port());
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let setup = Command::new(root.join("dev/setup")).output().unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let python = format!("{}/python3", String::from_utf8_lossy(&setup.stdout).trim());
    let folder = tempfile::tempdir().unwrap();
    let (of_warehouse, of_aws) = (folder.path().join("warehouse.crt"), folder.path().join("aws.crt"));
    std::fs::write(&of_warehouse, warehouse.ca_pem()).unwrap();
    std::fs::write(&of_aws, known.identity.ca_pem()).unwrap();
    let mut command = Command::new(python);
    command.args(["-c", PROGRAM, &arguments.to_string()]);
    command.env("SSL_CERT_FILE", &of_warehouse).env("AWS_CA_BUNDLE", &of_aws).env("REQUESTS_CA_BUNDLE", &of_aws);
    command.env("AWS_ENDPOINT_URL", known.identity.url()).env("AWS_DEFAULT_REGION", "us-east-1");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", folder.path());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn okta(known: &Known, more: Value) -> Value {
    let mut arguments = json!({
        "credentials_provider": "OktaCredentialsProvider",
        "idp_host": known.identity.host(),
        "app_id": "0oa1a2b3c4/272",
        "app_name": "amazon_aws_redshift",
        "user": USER,
        "password": known.password,
        "region": "us-east-1",
    });
    let more: BTreeMap<String, Value> = serde_json::from_value(more).unwrap();
    arguments.as_object_mut().unwrap().extend(more);
    arguments
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_driver_logs_in_by_way_of_okta() {
    let (warehouse, known) = both().await;
    let arguments = okta(&known, json!({"cluster_identifier": "analytics", "preferred_role": ROLE}));
    let who = run(&warehouse, &known, CLUSTER, arguments).await;
    assert_eq!(who.unwrap_or_else(|error| panic!("{error}: {:?}", known.identity.transcript())), "awsuser");
    let steps: Vec<_> = known.identity.requests().iter().map(|request| request.step).collect();
    let expected =
        [Step::OktaAuthentication, Step::OktaApplication, Step::AssumeRoleWithSaml, Step::GetClusterCredentials];
    assert_eq!(steps, expected);
    sends(&known, "okta", &oracle::okta());
    let headers = &known.identity.requests()[0].headers;
    assert_eq!((headers["accept"].as_str(), headers["cache-control"].as_str()), ("application/json", "no-cache"));
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_driver_takes_the_user_and_the_groups_of_the_assertion() {
    let (warehouse, known) = both().await;
    let attributes = Attributes::none().with("DbUser", &["from_okta"]).with("AutoCreate", &["true"]);
    known.identity.set_attributes(attributes.with("DbGroups", &["Readers"]));
    let who = run(&warehouse, &known, CLUSTER, okta(&known, json!({"cluster_identifier": "analytics"}))).await;
    assert_eq!(who.unwrap(), "from_okta");
    let last = known.identity.transcript().pop().unwrap();
    assert_eq!((&last["body"]["AutoCreate"], &last["body"]["DbGroups.DbGroup.1"]), (&json!("true"), &json!("readers")));
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_driver_says_what_okta_said() {
    let (warehouse, known) = both().await;
    known.identity.set_user_state(USER, UserState::MfaRequired);
    let error = run(&warehouse, &known, CLUSTER, okta(&known, json!({"cluster_identifier": "analytics"}))).await;
    assert!(error.unwrap_err().contains("MFA_REQUIRED"));
    known.identity.set_user_state(USER, UserState::Success);
    let arguments = okta(&known, json!({"cluster_identifier": "analytics", "preferred_role": format!("{ROLE}-2")}));
    let error = run(&warehouse, &known, CLUSTER, arguments).await.unwrap_err();
    assert!(error.contains("preferred_role was not found in SAML assertion"), "{error}");
    assert_eq!(known.identity.count(Step::AssumeRoleWithSaml), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_driver_logs_in_with_an_access_key() {
    let (warehouse, known) = both().await;
    let key = json!({
        "access_key_id": known.key.id,
        "secret_access_key": known.key.secret,
        "region": "us-east-1",
        "cluster_identifier": "analytics",
        "db_user": "awsuser",
    });
    assert_eq!(run(&warehouse, &known, CLUSTER, key.clone()).await.unwrap(), "awsuser");
    let mut federated = key;
    federated["group_federation"] = json!(true);
    assert_eq!(run(&warehouse, &known, CLUSTER, federated.clone()).await.unwrap(), "IAM:operator");
    federated["group_federation"] = json!(false);
    assert_eq!(run(&warehouse, &known, WORKGROUP, federated).await.unwrap(), "IAM:operator");
    let steps: Vec<_> = known.identity.requests().iter().map(|request| request.step).collect();
    assert_eq!(steps, [Step::GetClusterCredentials, Step::GetClusterCredentialsWithIam, Step::GetCredentials]);
    sends(&known, "access-key", &oracle::access_key());
}
