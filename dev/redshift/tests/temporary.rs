//! Temporary credentials: what a login name stands for, and when it ends.

use redshift_stand_in::journal::Event;
use redshift_stand_in::{Options, StandIn, TemporaryCredentials};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::support::{admin, code, config, connect, rows, run, start, user, value};

async fn log_in(stand_in: &StandIn, login: &str, password: &str) -> Result<Client, tokio_postgres::Error> {
    connect(&config(stand_in, login, password, "dev")).await
}

/// The code and the text that a login is refused with.
async fn refusal(stand_in: &StandIn, login: &str, password: &str) -> (String, String) {
    let error = log_in(stand_in, login, password).await.expect_err("the login went well");
    let error = error.as_db_error().unwrap();
    assert_eq!(error.severity(), "FATAL");
    (error.code().code().to_owned(), error.message().to_owned())
}

fn of_an_iam_role() -> TemporaryCredentials {
    let name = "IAMR:operators".to_owned();
    TemporaryCredentials { user: name.clone(), login: name, create: true, seconds: 900 }
}

#[tokio::test]
async fn who_logs_in_with_temporary_credentials_is_the_user_without_the_prefix() {
    let stand_in = start().await;
    let password = stand_in.temporary_credentials(TemporaryCredentials::of("awsuser")).unwrap();
    assert!((8..=64).contains(&password.len()));
    let client = log_in(&stand_in, "IAM:awsuser", &password).await.unwrap();
    assert_eq!(value(&client, "SELECT current_user").await, "awsuser");
    assert_eq!(value(&client, "SELECT session_user").await, "awsuser");
    assert_eq!(value(&client, "SELECT usesuper FROM pg_user WHERE usename = current_user").await, "t");
    run(&client, &["CREATE USER other PASSWORD DISABLE", "SET SESSION AUTHORIZATION 'other'"]).await;
    assert_eq!(value(&client, "SELECT current_user").await, "other");
    run(&client, &["RESET SESSION AUTHORIZATION"]).await;
    assert_eq!(value(&client, "SELECT current_user").await, "awsuser");
    // The login has the name that it was made with, the statements the user's.
    let entries = stand_in.journal().since(0);
    let login = entries.iter().find(|entry| entry.event == Event::Login { refused: None }).unwrap();
    assert_eq!(login.user, "IAM:awsuser");
    let mut statements = entries.iter().filter(|entry| matches!(entry.event, Event::Statement { .. }));
    assert!(statements.all(|entry| entry.user == "awsuser" || entry.user == "other"));
    // The user's own password goes on as if nothing had been.
    let own = admin(&stand_in, "dev").await;
    run(&own, &["ALTER USER awsuser PASSWORD 'Another1Password'"]).await;
    log_in(&stand_in, "awsuser", "Another1Password").await.unwrap();
    log_in(&stand_in, "IAM:awsuser", &password).await.unwrap();
}

#[tokio::test]
async fn several_passwords_are_good_at_once_and_each_ends_by_itself() {
    let stand_in = start().await;
    let (first, second) = (TemporaryCredentials::of("awsuser"), TemporaryCredentials::of("awsuser"));
    let ended = TemporaryCredentials { seconds: 0, ..TemporaryCredentials::of("awsuser") };
    let first = stand_in.temporary_credentials(first).unwrap();
    let ended = stand_in.temporary_credentials(ended).unwrap();
    let second = stand_in.temporary_credentials(second).unwrap();
    assert_ne!(first, second);
    log_in(&stand_in, "IAM:awsuser", &first).await.unwrap();
    log_in(&stand_in, "IAM:awsuser", &second).await.unwrap();
    let refused = ("28000".to_owned(), "password authentication failed for user \"IAM:awsuser\"".to_owned());
    assert_eq!(refusal(&stand_in, "IAM:awsuser", &ended).await, refused);
    assert_eq!(refusal(&stand_in, "IAM:awsuser", "Guessed1").await, refused);
    // Not even the user's own password is one for this name.
    assert_eq!(refusal(&stand_in, "IAM:awsuser", stand_in.admin_password()).await, refused);
    // And a temporary one is none for the user's own name.
    assert_eq!(refusal(&stand_in, "awsuser", &first).await.0, "28000");
    let unknown = ("42704".to_owned(), "user \"IAM:never\" does not exist".to_owned());
    assert_eq!(refusal(&stand_in, "IAM:never", &first).await, unknown);
}

#[tokio::test]
async fn a_user_without_a_password_gets_in_with_temporary_credentials_alone() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    run(&client, &["CREATE USER closed PASSWORD DISABLE"]).await;
    let password = stand_in.temporary_credentials(TemporaryCredentials::of("closed")).unwrap();
    // All at once, although the first of them gives the user a password.
    let mut logins = JoinSet::new();
    for _ in 0..8 {
        let config = config(&stand_in, "IAM:closed", &password, "dev");
        logins.spawn(async move { connect(&config).await });
    }
    for login in logins.join_all().await {
        assert_eq!(value(&login.unwrap(), "SELECT current_user").await, "closed");
    }
    assert_eq!(refusal(&stand_in, "closed", &password).await.0, "28000");
}

#[tokio::test]
async fn the_user_of_an_iam_identity_is_made_by_the_first_login_and_has_no_rights() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let password = stand_in.temporary_credentials(of_an_iam_role()).unwrap();
    let there = "SELECT usesuper, usecreatedb FROM pg_user WHERE usename = 'IAMR:operators'";
    assert_eq!(rows(&client, there).await, [""; 0]);
    let operator = log_in(&stand_in, "IAMR:operators", &password).await.unwrap();
    assert_eq!(value(&operator, "SELECT current_user").await, "IAMR:operators");
    assert_eq!(rows(&client, there).await, ["f|f"]);
    assert_eq!(code(&operator, "CREATE DATABASE d").await, "42501");
    // From then on it is a user as others are.
    run(&client, &["ALTER USER \"IAMR:operators\" CREATEDB"]).await;
    let again = stand_in.temporary_credentials(of_an_iam_role()).unwrap();
    let operator = log_in(&stand_in, "IAMR:operators", &again).await.unwrap();
    run(&operator, &["CREATE DATABASE d"]).await;
    // Nobody makes one who wasn't to be made.
    let stranger = stand_in.temporary_credentials(TemporaryCredentials::of("stranger")).unwrap();
    let refused = ("42704".to_owned(), "user \"IAM:stranger\" does not exist".to_owned());
    assert_eq!(refusal(&stand_in, "IAM:stranger", &stranger).await, refused);
    let made = TemporaryCredentials {
        login: "IAMA:stranger:analysts".to_owned(),
        create: true,
        ..TemporaryCredentials::of("stranger")
    };
    let stranger = stand_in.temporary_credentials(made).unwrap();
    let stranger = log_in(&stand_in, "IAMA:stranger:analysts", &stranger).await.unwrap();
    assert_eq!(value(&stranger, "SELECT current_user").await, "stranger");
}

#[tokio::test]
async fn each_of_several_warehouses_has_a_user_of_its_own_behind_a_login_name() {
    let options = Options { warehouses: 2, names_apart: vec!["claim".to_owned()], ..Options::default() };
    let stand_in = StandIn::start(options).await.unwrap();
    let password = stand_in
        .temporary_credentials(TemporaryCredentials { create: true, ..TemporaryCredentials::of("claim") })
        .unwrap();
    for (number, port) in stand_in.ports().into_iter().enumerate() {
        let mut config = tokio_postgres::Config::new();
        config.host("localhost").port(port).user("IAM:claim").password(&password).dbname("dev");
        let client = connect(&config).await.unwrap();
        assert_eq!(value(&client, "SELECT current_user").await, "claim");
        let truth = stand_in.superuser("dev").await.unwrap();
        let name = format!("claim_w{}", number + 1);
        assert!(truth.query_opt("SELECT 1 FROM pg_user WHERE usename = $1", &[&name]).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn temporary_credentials_are_made_at_the_control_port_too() {
    let stand_in = start().await;
    drop(user(&stand_in, "controlled", "dev").await);
    let body = r#"{"user": "controlled", "login": "IAM:controlled", "seconds": 60}"#;
    let answer = post(&stand_in, "/temporary-credentials", body).await;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["login"], "IAM:controlled");
    let client = log_in(&stand_in, "IAM:controlled", answer["password"].as_str().unwrap()).await.unwrap();
    assert_eq!(value(&client, "SELECT current_user").await, "controlled");
    let refused = post(&stand_in, "/temporary-credentials", r#"{"user": "", "login": "", "seconds": 60}"#).await;
    assert!(refused.contains("need a user"), "{refused}");
}

async fn post(stand_in: &StandIn, path: &str, body: &str) -> String {
    let address = stand_in.control_url().trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
