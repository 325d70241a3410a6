//! The relay itself: login, TLS, statements, answers, faults.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use redshift_stand_in::faults::{Action, Fault};
use redshift_stand_in::journal::Event;
use redshift_stand_in::{Options, StandIn};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::support::{admin, code, config, connect, start, value};
use tokio_postgres::NoTls;

#[tokio::test]
async fn it_says_that_it_is_redshift_and_starts_as_a_new_cluster_does() {
    let stand_in = start().await;
    let client = admin(&stand_in, "DEV").await;
    let version = value(&client, "SELECT version()").await;
    assert!(version.starts_with("PostgreSQL 8.0.2 ") && version.contains("Redshift 1.0."), "{version}");
    let databases = value(
        &client,
        "SELECT listagg_of.names FROM (SELECT count(*) AS names FROM svv_redshift_databases) listagg_of",
    )
    .await;
    assert_eq!(databases, "2");
}

#[tokio::test]
async fn a_login_needs_the_right_password_and_goes_by_md5() {
    let stand_in = start().await;
    let error = connect(&config(&stand_in, "awsuser", "wrong", "dev")).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "28000");
    let client = admin(&stand_in, "dev").await;
    // md5 of the password followed by the name: the example of DG/r_CREATE_USER.
    client.batch_execute("CREATE USER user1 PASSWORD 'md5153c434b4b77c89e6b94f12c5393af5b'").await.unwrap();
    connect(&config(&stand_in, "user1", "ez", "dev")).await.unwrap();
    // Nobody gets in as the stand-in's own superuser.
    assert!(connect(&config(&stand_in, "rdsdb", "", "dev")).await.is_err());
}

#[tokio::test]
async fn a_connection_can_be_encrypted_and_must_be_where_that_is_asked_for() {
    let stand_in = StandIn::start(Options { require_tls: true, ..Options::default() }).await.unwrap();
    let mut config = config(&stand_in, stand_in.admin_user(), stand_in.admin_password(), "dev");
    let error = connect(&config).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "28000");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(stand_in.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = MakeRustlsConnect::new(client.with_root_certificates(roots).with_no_client_auth());
    config.ssl_mode(tokio_postgres::config::SslMode::Require);
    let (client, connection) = config.connect(tls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(value(&client, "SELECT 1").await, "1");
}

#[tokio::test]
async fn documented_statements_pass_as_they_are() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    for text in include_str!("documented.sql").split("\n\n") {
        client.simple_query(text.trim()).await.unwrap_or_else(|error| panic!("{text}\n{error:?}"));
    }
}

#[tokio::test]
async fn a_refusal_names_the_page_and_leaves_the_transaction_aborted() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    client.batch_execute("BEGIN").await.unwrap();
    let error = client.batch_execute("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING").await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(error.code().code(), "42601");
    assert!(error.hint().unwrap().contains("docs.aws.amazon.com/redshift"));
    assert_eq!(code(&client, "SELECT 1").await, "25P02");
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(code(&client, "SELECT 1").await, "ok");
}

#[tokio::test]
async fn where_the_answers_differ_redshifts_is_given() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    // DG/r_CURRENT_SETTING: FALSE means that an unknown variable is no error.
    assert_eq!(value(&client, "SELECT coalesce(current_setting('app.x', FALSE), 'none')").await, "none");
    assert_ne!(code(&client, "SELECT current_setting('app.x', TRUE)").await, "ok");
    assert_eq!(value(&client, r"SELECT 'it\'s'").await, "it's");
    client.batch_execute("CREATE TABLE keyed (a INTEGER PRIMARY KEY)").await.unwrap();
    client.batch_execute("INSERT INTO keyed VALUES (1)").await.unwrap();
    client.batch_execute("INSERT INTO keyed VALUES (1)").await.unwrap();
    // CONNECT doesn't exist: whoever revokes everything locks nobody out.
    client.batch_execute("CREATE DATABASE closed").await.unwrap();
    client.batch_execute("REVOKE ALL PRIVILEGES ON DATABASE closed FROM PUBLIC").await.unwrap();
    client.batch_execute("CREATE USER plain PASSWORD 'Abcd1234'").await.unwrap();
    let plain = connect(&config(&stand_in, "plain", "Abcd1234", "closed")).await.unwrap();
    assert_eq!(code(&plain, "CREATE TEMP TABLE x (a INTEGER)").await, "42501");
    // A new procedure is nobody's but its owner's.
    assert_eq!(value(&client, "SHOW enable_case_sensitive_identifier").await, "off");
    client.batch_execute("SET enable_case_sensitive_identifier TO true").await.unwrap();
    assert_eq!(value(&client, "SHOW enable_case_sensitive_identifier").await, "true");
}

#[tokio::test]
async fn a_write_locks_the_table_until_its_transaction_ends() {
    let stand_in = start().await;
    let (one, other) = (admin(&stand_in, "dev").await, admin(&stand_in, "dev").await);
    one.batch_execute("CREATE TABLE t (a INTEGER)").await.unwrap();
    one.batch_execute("INSERT INTO t VALUES (1), (2)").await.unwrap();
    one.batch_execute("BEGIN").await.unwrap();
    one.batch_execute("UPDATE t SET a = 3 WHERE a = 1").await.unwrap();
    other.batch_execute("SET statement_timeout TO 200").await.unwrap();
    // Another row: PostgreSQL would not have waited.
    assert_eq!(code(&other, "UPDATE t SET a = 4 WHERE a = 2").await, "57014");
    one.batch_execute("COMMIT").await.unwrap();
    assert_eq!(code(&other, "UPDATE t SET a = 4 WHERE a = 2").await, "ok");
}

#[tokio::test]
async fn dropping_a_user_looks_into_the_current_database_alone() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    client.batch_execute("CREATE USER leaver PASSWORD 'Abcd1234'").await.unwrap();
    client.batch_execute("CREATE TABLE here (a INTEGER)").await.unwrap();
    client.batch_execute("GRANT SELECT ON here TO leaver").await.unwrap();
    let error = client.batch_execute("DROP USER leaver").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "55006");
    assert!(error.as_db_error().unwrap().message().contains("has a privilege on some object"));
    client.batch_execute("REVOKE SELECT ON here FROM leaver").await.unwrap();
    let elsewhere = admin(&stand_in, "redshift_sample_data").await;
    elsewhere.batch_execute("CREATE TABLE there (a INTEGER)").await.unwrap();
    elsewhere.batch_execute("ALTER TABLE there OWNER TO leaver").await.unwrap();
    client.batch_execute("DROP USER leaver").await.unwrap();
    assert_eq!(
        value(&elsewhere, "SELECT count(*) FROM pg_tables WHERE tablename = 'there' AND tableowner LIKE 'unknown%'")
            .await,
        "1"
    );
}

#[tokio::test]
async fn system_privileges_work_through_roles() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    client.batch_execute("CREATE USER lesser PASSWORD 'Abcd1234' CREATEDB").await.unwrap();
    let lesser = connect(&config(&stand_in, "lesser", "Abcd1234", "dev")).await.unwrap();
    assert_eq!(code(&lesser, "CREATE USER made PASSWORD DISABLE").await, "42501");
    client.batch_execute("CREATE ROLE makers").await.unwrap();
    client.batch_execute("GRANT CREATE USER, DROP USER TO ROLE makers").await.unwrap();
    client.batch_execute("GRANT ROLE makers TO lesser").await.unwrap();
    assert_eq!(code(&lesser, "CREATE USER made PASSWORD DISABLE").await, "ok");
    assert_eq!(code(&lesser, "CREATE USER made PASSWORD DISABLE").await, "42710");
    assert_eq!(value(&lesser, "SELECT role_name FROM svv_user_grants").await, "makers");
    assert_eq!(value(&lesser, "SELECT count(*) FROM svv_system_privileges").await, "2");
    assert_eq!(code(&lesser, "DROP USER made").await, "ok");
}

#[tokio::test]
async fn faults_fire_where_they_are_set() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    stand_in
        .faults()
        .set(Fault::new(Action::Refuse { sqlstate: "XX000".into(), message: "on order".into() }).at("SELECT").nth(2));
    assert_eq!(code(&client, "SELECT 1").await, "ok");
    assert_eq!(code(&client, "SELECT 1").await, "XX000");
    assert_eq!(code(&client, "SELECT 1").await, "ok");
    stand_in.faults().set(Fault::new(Action::DropBefore).at("CREATE TABLE before"));
    assert_eq!(code(&client, "CREATE TABLE before (a INTEGER)").await, "lost");
    let client = admin(&stand_in, "dev").await;
    stand_in.faults().set(Fault::new(Action::DropAfter).at("CREATE TABLE behind"));
    assert_eq!(code(&client, "CREATE TABLE behind (a INTEGER)").await, "lost");
    let client = admin(&stand_in, "dev").await;
    assert_eq!(code(&client, "SELECT a FROM before").await, "42P01");
    assert_eq!(code(&client, "SELECT a FROM behind").await, "ok");
}

#[tokio::test]
async fn what_is_held_waits_and_is_not_done_if_the_client_goes() {
    let stand_in = start().await;
    let (client, connection) =
        config(&stand_in, "awsuser", stand_in.admin_password(), "dev").connect(NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    stand_in.faults().set(Fault::new(Action::HoldBefore).at("CREATE TABLE gone"));
    let statement = tokio::spawn(async move { client.batch_execute("CREATE TABLE gone (a INTEGER)").await.is_ok() });
    stand_in.faults().held().await;
    // A client that only gives up its statement still waits for the answer: the connection must go.
    connection.abort();
    assert!(!statement.await.unwrap());
    let client = admin(&stand_in, "dev").await;
    while stand_in.faults().is_held() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(code(&client, "SELECT a FROM gone").await, "42P01");
    stand_in.faults().set(Fault::new(Action::HoldAfter).at("CREATE TABLE made"));
    let other = admin(&stand_in, "dev").await;
    let statement = tokio::spawn(async move { client.batch_execute("CREATE TABLE made (a INTEGER)").await.is_ok() });
    stand_in.faults().held().await;
    assert_eq!(code(&other, "SELECT a FROM made").await, "ok");
    stand_in.faults().release();
    assert!(statement.await.unwrap());
}

#[tokio::test]
async fn logins_can_be_refused_and_asked_for_differently() {
    let stand_in = start().await;
    let config = config(&stand_in, "awsuser", stand_in.admin_password(), "dev");
    stand_in.faults().set(Fault::new(Action::RefuseLogin { sqlstate: "53300".into(), message: "full".into() }));
    assert_eq!(connect(&config).await.unwrap_err().code().unwrap().code(), "53300");
    stand_in.faults().set(Fault::new(Action::AskForNewDigest));
    assert!(connect(&config).await.is_err());
    connect(&config).await.unwrap();
}

#[tokio::test]
async fn it_goes_away_and_comes_back_at_the_same_port() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    stand_in.go_away();
    while code(&client, "SELECT 1").await == "ok" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let config = config(&stand_in, "awsuser", stand_in.admin_password(), "dev");
    while connect(&config).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stand_in.come_back();
    while connect(&config).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_journal_tells_who_did_what_where() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    client.batch_execute("SELECT 7").await.unwrap();
    let entries = stand_in.journal().since(0);
    assert_eq!(entries[0].event, Event::Login { refused: None });
    assert!(
        matches!(&entries[1].event, Event::Statement { text, outcome, .. } if text == "SELECT 7" && outcome == "ok")
    );
    assert_eq!((entries[1].user.as_str(), entries[1].database.as_str()), ("awsuser", "dev"));
    assert_eq!(stand_in.connections(), (1, 1));
}

#[test]
fn its_server_ends_with_it_however_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_redshift-stand-in"))
        .arg("--ready-file")
        .arg(&ready)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !ready.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(50));
    }
    let prefix = format!("redshift-stand-in-{}-", child.id());
    let folder_of = || {
        std::fs::read_dir(std::env::temp_dir())
            .unwrap()
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.file_name().unwrap().to_string_lossy().starts_with(&prefix))
    };
    let server = folder_of().unwrap();
    let pid: u32 =
        std::fs::read_to_string(server.join("data/postmaster.pid")).unwrap().lines().next().unwrap().parse().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    while std::path::Path::new(&format!("/proc/{pid}")).exists() {
        std::thread::sleep(Duration::from_millis(50));
    }
    // The next start anywhere removes the folder; one may have been quicker.
    let _ = std::fs::remove_dir_all(server);
}

#[tokio::test]
async fn whether_the_case_of_names_is_kept_follows_the_transaction() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    client.batch_execute("CREATE TABLE folded (a INTEGER)").await.unwrap();
    let folds = async || code(&client, "SELECT a FROM \"FOLDED\"").await == "ok";
    assert!(folds().await);
    for (set, end, kept) in [
        ("SET enable_case_sensitive_identifier TO true", "ROLLBACK", false),
        ("SET LOCAL enable_case_sensitive_identifier TO true", "COMMIT", false),
        ("SET enable_case_sensitive_identifier TO true", "COMMIT", true),
        ("RESET enable_case_sensitive_identifier", "COMMIT", false),
        ("SELECT set_config('enable_case_sensitive_identifier', 'true', false)", "ROLLBACK", false),
        ("SELECT set_config('enable_case_sensitive_identifier', 'true', false)", "COMMIT", true),
    ] {
        client.batch_execute("BEGIN").await.unwrap();
        client.batch_execute(set).await.unwrap();
        client.batch_execute(end).await.unwrap();
        assert_eq!(folds().await, !kept, "{set}; {end}");
    }
    client.batch_execute("RESET ALL").await.unwrap();
    // What fails in the middle of a message undoes the rest of it.
    client.batch_execute("SET enable_case_sensitive_identifier TO true; SELECT 1 / 0").await.unwrap_err();
    assert!(folds().await);
}
