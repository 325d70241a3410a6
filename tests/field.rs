//! What real warehouses and real people do to it: errors that pass by themselves and errors that don't, more of everything
//! than a status has room for, databases that are none, and values that were copied with the full stop behind them.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, PostParams};
use redshift_integration_operator::adapters::redshift::{Connector, Deadlines};
use redshift_integration_operator::api::{RedshiftIntegration, TlsMode};
use redshift_integration_operator::lifecycle::hosts::AddressPolicy;
use redshift_integration_operator::lifecycle::{Category, Credentials, Endpoint};
use redshift_integration_operator::ports::{Session, Target, TlsSettings, Warehouses};
use redshift_integration_operator::scripts::{LookUp, Parameters, Section, Statement, statements};
use redshift_integration_operator::telemetry::Metrics;
use redshift_stand_in::faults::{Action, Fault};
use redshift_stand_in::{Options, StandIn};
use serde_json::json;

use crate::support::{
    World, admin, asked_for, condition, conditions, documented, phase_of, rows, said, statements as given,
};

const OID: &str = "could not open relation with OID 5847129";

/// Errors of real servers: code, text, DETAIL, and whether waiting helps.
fn real_errors() -> Vec<(&'static str, &'static str, &'static str, Category)> {
    use Category::{Permanent, Transient};
    let cycle =
        "Serializable isolation violation on table - {query}, transactions forming the cycle are: 1745830 (pid:{pid})";
    vec![
        ("XX000", "1023", cycle, Transient),
        ("XX000", "could not complete because of conflict with concurrent transaction", "", Transient),
        ("XX000", "1018", "Relation does not exist.", Transient),
        ("XX000", OID, "", Transient),
        ("XX000", "Relation with OID 15170212 does not exist", "", Transient),
        ("XX000", "table 6616765 dropped by concurrent transaction", "", Transient),
        ("XX000", "could not find tuple for constraint 839833", "", Transient),
        ("XX000", "cache lookup failed for relation 123456", "", Transient),
        ("57014", "Query (4777555) cancelled on user's request", "", Transient),
        (
            "XX000",
            "Query (3562469) cancelled by WLM abort action of Query Monitoring Rule \"Max_Query\".",
            "",
            Transient,
        ),
        ("XX000", "abort query", "error: abort query code: 1020 process: padbmaster [pid={pid}]", Transient),
        ("XX000", "Disk Full", "error: Disk Full code: 1016 context: node: 0 query: {query}", Transient),
        ("XX000", "Out of Memory", "error: Out of Memory code: 1020", Transient),
        ("40P01", "deadlock detected", "", Transient),
        ("40001", "could not serialize access", "", Transient),
        ("23505", "duplicate key violates unique constraint pg_defacl_name_index", "", Transient),
        ("25P02", "current transaction is aborted, commands ignored until end of transaction block", "", Transient),
        ("53300", "connection limit \"500\" exceeded for non-bootstrap users", "", Transient),
        ("57P01", "terminating connection due to administrator command", "", Transient),
        ("55006", "database \"immuta\" is being accessed by other users", "", Transient),
        ("55006", "user \"x\" cannot be dropped because the user has a privilege on some object", "", Permanent),
        ("55006", "user \"x\" cannot be dropped because the user owns some object", "", Permanent),
        ("42501", "permission denied for relation stl_insert", "", Permanent),
        ("42P01", "relation \"pg_catalog.pg_roles\" does not exist", "", Permanent),
        ("0A000", "Granting permissions to reserved user ds:x is not supported.", "", Permanent),
        ("42601", "syntax error at or near \"ROLE\"", "", Permanent),
        ("XX000", "keyword SESSION not supported", "", Permanent),
    ]
}

fn refusal(sqlstate: &str, message: &str, detail: &str) -> Action {
    let (sqlstate, message, detail) = (sqlstate.to_owned(), message.to_owned(), detail.to_owned());
    if detail.is_empty() {
        Action::Refuse { sqlstate, message }
    } else {
        Action::RefuseWithDetail { sqlstate, message, detail }
    }
}

fn connector(stand_in: &StandIn) -> (Connector, Target, Credentials) {
    let deadlines = Deadlines { connect: Duration::from_mins(1), statement: Duration::from_mins(1) };
    let policy = AddressPolicy::new(vec!["127.0.0.1".parse().unwrap()]);
    let target = Target {
        patience: 1,
        endpoint: Endpoint::new("127.0.0.1", stand_in.port()),
        tls: TlsSettings { mode: TlsMode::Disable, ..TlsSettings::default() },
    };
    let credentials = Credentials::from_secret(stand_in.admin_user().into(), stand_in.admin_password().into());
    (Connector::new(policy, deadlines, Metrics::new()), target, credentials)
}

/// What the resource's events warn of.
async fn warnings(world: &mut World) -> Vec<(String, String, String)> {
    world.operator.as_mut().unwrap().until_all_is_told().await;
    world.events("analytics").await.into_iter().filter(|(type_, ..)| type_ == "Warning").collect()
}

#[tokio::test]
async fn each_error_of_a_real_server_is_passing_or_lasting_at_each_kind_of_statement() {
    let stand_in = StandIn::start(Options::default()).await.unwrap();
    let (connector, target, credentials) = connector(&stand_in);
    let kinds = [
        ("a look-up", vec![], "SELECT usename FROM pg_user"),
        ("a change in a transaction", vec!["BEGIN"], "CREATE TABLE public.it (id INTEGER)"),
        ("a change outside of one", vec![], "CREATE USER somebody PASSWORD 'Abcd1234'"),
        ("a drop", vec![], "DROP DATABASE immuta"),
    ];
    for (sqlstate, message, detail, category) in real_errors() {
        for (kind, before, text) in &kinds {
            let refused_with = async |message: &str| {
                let session = connector.connect(&target, &credentials, "dev").await.unwrap();
                for statement in before {
                    session.query(&Statement::new("before", (*statement).to_owned(), Vec::new())).await.unwrap();
                }
                stand_in.faults().set(Fault::new(refusal(sqlstate, message, detail)).at(text));
                session.query(&Statement::new("it", (*text).to_owned(), Vec::new())).await.unwrap_err()
            };
            let refused = refused_with(message).await;
            assert_eq!(refused.category(), category, "{kind}: {message}: {refused}");
            // Nothing of it is another at the next try.
            let again = refused_with(&message.replace('5', "6")).await;
            let is_same = again.to_string() == refused.to_string();
            assert!(is_same || message.contains("\"500\""), "{refused}\n{again}");
        }
    }
}

#[tokio::test]
async fn each_error_of_a_real_server_at_a_login_is_told_apart() {
    let stand_in = StandIn::start(Options::default()).await.unwrap();
    let (connector, target, credentials) = connector(&stand_in);
    let shared = "Cannot connect to shared database \"x\". Connect to the databases in your cluster instead and use \
                  cross-database query notation";
    for (sqlstate, message, reason, category) in [
        ("28000", "password authentication failed for user \"x\"", "LoginRefused", Category::Permanent),
        ("42704", "user \"IAM:x\" does not exist", "LoginRefused", Category::Permanent),
        ("3D000", "database \"master\" does not exist", "DatabaseMissing", Category::Permanent),
        ("XX000", shared, "DatabaseUnusable", Category::Permanent),
        (
            "XX000",
            "connection limit \"500\" exceeded for non-bootstrap users",
            "TooManyConnections",
            Category::Transient,
        ),
        ("53300", "too many connections", "TooManyConnections", Category::Transient),
        ("57P03", "the database system is starting up", "ConnectionFailed", Category::Transient),
        ("42501", "permission denied for database XYZ", "ConnectionFailed", Category::Permanent),
        ("42704", "unrecognized configuration parameter \"x\"", "ConnectionFailed", Category::Permanent),
    ] {
        let (sqlstate, message) = (sqlstate.to_owned(), message.to_owned());
        stand_in.faults().set(Fault::new(Action::RefuseLogin { sqlstate, message: message.clone() }));
        let refused = connector.connect(&target, &credentials, "dev").await.map(|_| ()).unwrap_err();
        assert_eq!((refused.reason().as_str(), refused.category()), (reason, category), "{message}: {refused}");
    }
}

/// All look-ups but those of policy-enforced views, which have passes of their own.
fn of_integrations() -> impl Iterator<Item = &'static LookUp> {
    let of_views = [
        LookUp::DataSources,
        LookUp::Profiles,
        LookUp::EntitlementSums,
        LookUp::TableColumns,
        LookUp::TablesOfSchemas,
        LookUp::Views,
        LookUp::ViewsOfChange,
        LookUp::ViewText,
        LookUp::ViewsThatName,
    ];
    LookUp::ALL.iter().filter(move |which| !of_views.contains(which))
}

/// The text of a look-up up to what it is about, which no other look-up begins with.
fn mark(which: LookUp) -> String {
    let parameters = ["admin_name", "role_name", "system_account_name", "claim_name"]
        .into_iter()
        .fold(Parameters::new(), |parameters, name| parameters.text(name, "MARK"));
    let parameters =
        ["schema", "object"].into_iter().fold(parameters, |parameters, name| parameters.identifier(name, "MARK"));
    let statement = redshift_integration_operator::scripts::look_up(which, &parameters).unwrap();
    let text = statement.text().split("'MARK'").next().unwrap();
    text.split("\"MARK\"").next().unwrap().to_owned()
}

#[tokio::test]
async fn a_look_up_that_fails_once_in_passing_is_asked_again_and_stalls_nothing() {
    let mut world = World::new().await;
    let marks: Vec<_> = of_integrations().map(|which| mark(*which)).collect();
    for (n, one) in marks.iter().enumerate() {
        let same = marks.iter().skip(n + 1).find(|other| other.starts_with(one) || one.starts_with(*other));
        assert_eq!(same, None, "it is hit twice: {one}");
    }
    let hit = |which: &LookUp| Fault::new(refusal("XX000", OID, "")).at(&mark(*which));
    for which in of_integrations() {
        world.stand_in.faults().set(hit(which));
    }
    world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
    world.until_phase("enabled").await;
    world.stand_in.faults().clear();
    for which in of_integrations() {
        world.stand_in.faults().set(hit(which));
    }
    world.delete().await;
    world.until_gone().await;
    assert_eq!(warnings(&mut world).await, []);
}

#[tokio::test]
async fn what_passes_by_itself_is_reconciling_and_told_once() {
    let world = World::new().await;
    let detail = "error: Disk Full code: 1016 context: node: 0 query: {query} process: query0 [pid={pid}]";
    world.stand_in.faults().set(Fault::new(refusal("XX000", "Disk Full", detail)).at("CREATE USER").times(3));
    world.create(json!({})).await;
    let object = world.until_phase("createError").await;
    assert_eq!(conditions(&object), ["False", "True", "False"]);
    assert!(said(&object, "Ready").contains("Disk Full"), "{}", said(&object, "Ready"));
    assert!(!said(&object, "Ready").contains("query"), "{}", said(&object, "Ready"));
    world.until_phase("enabled").await;
    world.until_event("analytics", "Enabled").await;
    let told = world.events("analytics").await.into_iter().filter(|(_, reason, _)| reason == "StatementFailed").count();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn a_thousand_objects_of_others_have_room_in_a_status_and_one_word_confirms_them() {
    let world = World::new().await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "immuta").await;
    let tables: Vec<_> = (0..1_000).map(|n| format!("CREATE TABLE public.\"売上の表_{n}\" (id INTEGER)")).collect();
    for batch in tables.chunks(100) {
        for statement in batch {
            dba.batch_execute(statement).await.unwrap();
        }
    }
    drop(dba);
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    let stalled = condition(&object, "Stalled");
    assert!(stalled.message.len() <= 1_024 && stalled.message.contains("(1000 things)"), "{}", stalled.message);
    let (_, _, note) = world.until_event("analytics", "ForeignObjects").await;
    assert_eq!(note, stalled.message);
    let size = serde_json::to_string(&object.status).unwrap().len();
    assert!(size < 16_384, "{size}");
    // As it was copied, with the full stop of a sentence behind it.
    let value = format!("{}.", asked_for(&object, "confirm-delete"));
    world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/confirm-delete": value}}})).await;
    world.until_gone().await;
}

#[tokio::test]
async fn a_word_for_something_else_is_answered() {
    let world = World::new().await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "immuta").await;
    dba.batch_execute("CREATE TABLE public.orders (id INTEGER)").await.unwrap();
    drop(dba);
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    let digest = asked_for(&object, "confirm-delete").split_once('/').unwrap().1.to_owned();
    for given in [digest, "yes".to_owned(), "x".repeat(5_000)] {
        world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/confirm-delete": given}}})).await;
        let beginning = given.chars().take(16).collect::<String>();
        let is_answered = |object: &RedshiftIntegration| {
            said(object, "Stalled").contains("doesn't fit") && said(object, "Stalled").contains(&beginning)
        };
        let object = world.until("it is answered", is_answered).await;
        assert!(condition(&object, "Stalled").message.len() <= 1_024);
    }
}

#[tokio::test]
async fn what_no_look_finds_stops_the_drop_of_a_user_and_is_a_persons_matter() {
    let mut world = World::new().await;
    world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
    world.until_phase("enabled").await;
    let tied = "user \"immuta_system_account\" cannot be dropped because the user has a privilege on some object";
    let refuse = || Fault::new(refusal("55006", tied, "")).at("DROP USER \"immuta_system_account\"").times(1_000);
    world.stand_in.faults().set(refuse());
    world.delete().await;
    let is_told = |object: &RedshiftIntegration| {
        object.status.is_some()
            && phase_of(object) == "deleteError"
            && condition(object, "Stalled").reason == "AccountInUse"
    };
    let object = world.until("it is told", is_told).await;
    assert_eq!(conditions(&object), ["False", "False", "True"]);
    documented("deletion__something_is_tied_to_our_account", &object, "Stalled");
    let dba = admin(&world.stand_in, "dev").await;
    for (what, query) in given(&object) {
        dba.simple_query(&query).await.unwrap_or_else(|error| panic!("{what}: {query}: {error:?}"));
    }
    // What is left is what is there: the database is gone.
    world.kill_operator();
    world.patch(json!({"spec": {"deletionPolicy": "Retain"}})).await;
    world.start_operator();
    world.until_gone().await;
    let (_, _, note) = world.until_event("analytics", "Disabled").await;
    assert!(!note.contains("the database immuta") && note.contains("the user immuta_system_account"), "{note}");
}

#[tokio::test]
async fn every_query_that_a_message_names_runs() {
    let stand_in = StandIn::start(Options::default()).await.unwrap();
    let dba = admin(&stand_in, "dev").await;
    for section in [Section::ListSessions, Section::ListObjects, Section::ListTies] {
        let parameters = Parameters::new().text("database_text", "dev").text("user_text", "it's");
        for query in statements(section, &parameters).unwrap() {
            let done = dba.simple_query(query.text()).await;
            done.unwrap_or_else(|error| panic!("{}: {error:?}", query.name()));
        }
    }
}

#[tokio::test]
async fn databases_that_are_not_the_warehouses_own_are_not_entered() {
    let foreign_databases = vec!["awsdatacatalog".to_owned(), "shared_sales".to_owned()];
    let mut world = World::with(Options { foreign_databases, ..Options::default() }).await;
    world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
    world.until_phase("enabled").await;
    world.patch(json!({"spec": {"config": {"impersonation": {"enabled": false}}}})).await;
    let is_edited = |object: &RedshiftIntegration| {
        let created = object.status.as_ref().and_then(|status| status.created.as_ref());
        phase_of(object) == "enabled" && created.is_some_and(|created| created.impersonation_role.is_none())
    };
    world.until("impersonation is off", is_edited).await;
    world.delete().await;
    world.until_gone().await;
    assert_eq!(warnings(&mut world).await, []);
}

#[tokio::test]
async fn a_login_that_is_refused_in_passing_at_the_look_of_a_deletion_is_waited_for() {
    let mut world = World::new().await;
    world.enabled().await;
    let full =
        |n: u64| Action::RefuseLogin { sqlstate: "53300".into(), message: format!("connection limit {n} exceeded") };
    for n in 1..4 {
        world.stand_in.faults().set(Fault::new(full(n * 1_000)).in_database("redshift_sample_data"));
    }
    world.delete().await;
    world.until_gone().await;
    let warnings = warnings(&mut world).await;
    let is_expected = warnings.iter().all(|(_, reason, _)| reason == "TooManyConnections");
    assert!(is_expected && warnings.len() <= 1, "{warnings:?}");
}

#[tokio::test]
async fn one_slow_login_is_no_verdict() {
    let mut world = World::without_operator(Options::default()).await;
    world.start_operator_with(&["--connect-timeout-seconds=2"]);
    world.enabled().await;
    let written = world.api_writes().len();
    world.stand_in.faults().set(Fault::new(Action::ColdStart { milliseconds: 3_000 }));
    let object = world.look("1").await;
    assert_eq!(conditions(&object), ["True", "False", "False"]);
    assert_eq!(warnings(&mut world).await, []);
    assert!(world.api_writes().len() > written);
}

#[tokio::test]
async fn what_a_policy_of_the_cluster_denies_is_said_in_its_own_words_and_once() {
    use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
    let world = World::new().await;
    let client = crate::support::administrator().await;
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client);
    let name = format!("no-secrets-{:08x}", rand::random::<u32>());
    let policy = json!({
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"],
            }]},
            "validations": [{"expression": "false", "message": "Secrets are made by the platform team alone"}],
        },
    });
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": world.namespace}});
    let binding = json!({
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": selector}},
    });
    policies.create(&PostParams::default(), &serde_json::from_value(policy).unwrap()).await.unwrap();
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    // The API server takes a moment to heed it.
    let secret: Secret = serde_json::from_value(json!({"metadata": {"name": "tried"}})).unwrap();
    let tried = PostParams { dry_run: true, ..PostParams::default() };
    while world.secrets().create(&tried, &secret).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.create(json!({})).await;
    let object = world.until_phase("createError").await;
    assert_eq!(conditions(&object), ["False", "False", "True"]);
    let said = said(&object, "Stalled");
    assert!(said.contains("Secrets are made by the platform team alone") && !said.contains("Status {"), "{said}");
    bindings.delete(&name, &DeleteParams::default()).await.unwrap();
    policies.delete(&name, &DeleteParams::default()).await.unwrap();
    world.until_phase("enabled").await;
    world.until_event("analytics", "Enabled").await;
    let told = world.events("analytics").await.into_iter().filter(|(_, reason, _)| reason == "ApiServer").count();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn an_existing_database_of_any_name_is_set_up_and_left_as_it_was() {
    let world = World::new().await;
    let dba = admin(&world.stand_in, "dev").await;
    for name in ["database-prd", "2024_sales", "café"] {
        dba.batch_execute(&format!("CREATE DATABASE \"{name}\"")).await.unwrap();
        let place = json!({"databaseMode": "Existing", "database": name, "initialDatabase": name});
        world.create(json!({"config": place})).await;
        let object = world.until_phase("enabled").await;
        assert_eq!(object.status.unwrap().created.unwrap().database, name);
        let inside = admin(&world.stand_in, name).await;
        assert_eq!(rows(&inside, "SELECT state FROM immuta_system.registry").await, ["complete"]);
        drop(inside);
        world.delete().await;
        world.until_gone().await;
        dba.batch_execute(&format!("DROP DATABASE \"{name}\"")).await.unwrap();
    }
}
