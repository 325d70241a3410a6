//! Several warehouses with one server behind them, and one that is far away.

use std::time::{Duration, Instant};

use redshift_stand_in::{Options, StandIn};
use tokio_postgres::Config;

use crate::support::{admin, code, config, connect, message, rows, run, value};

/// md5 of the password followed by the name, as the client knows it.
const CREATE_CLAIM: &str = "CREATE USER claim PASSWORD 'md51170100d4194a4911edb85e8ab87d11f'";

async fn two() -> StandIn {
    let names_apart = vec!["claim".to_owned(), "managed".to_owned()];
    StandIn::start(Options { warehouses: 2, names_apart, ..Options::default() }).await.unwrap()
}

fn at(stand_in: &StandIn, warehouse: usize, user: &str, password: &str, database: &str) -> Config {
    let mut config = Config::new();
    config.host("localhost").port(stand_in.ports()[warehouse]).user(user).password(password).dbname(database);
    config
}

#[tokio::test]
async fn each_warehouse_has_the_names_that_are_kept_apart_for_itself() {
    let stand_in = two().await;
    let password = stand_in.admin_password();
    for warehouse in [0, 1] {
        let client = connect(&at(&stand_in, warehouse, "awsuser", password, "dev")).await.unwrap();
        run(&client, &[CREATE_CLAIM, "CREATE DATABASE managed OWNER claim"]).await;
        assert_eq!(code(&client, CREATE_CLAIM).await, "42710");
        let said = message(&client, CREATE_CLAIM).await;
        assert!(said.contains("\"claim\""), "{said}");
        assert_eq!(value(&client, "SELECT datname FROM pg_database WHERE datname = 'managed'").await, "managed");
        let own = connect(&at(&stand_in, warehouse, "claim", "Abcd1234", "managed")).await.unwrap();
        run(&own, &["CREATE TABLE here (a INTEGER)"]).await;
        assert_eq!(rows(&own, "SELECT current_user, current_database(), NULL").await, ["claim|managed|NULL"]);
        assert_eq!(value(&own, "SELECT tableowner FROM pg_tables WHERE tablename = 'here'").await, "claim");
    }
}

#[tokio::test]
async fn an_only_warehouse_keeps_no_names_apart() {
    let names_apart = vec!["claim".to_owned()];
    let stand_in = StandIn::start(Options { names_apart, ..Options::default() }).await.unwrap();
    let client = admin(&stand_in, "dev").await;
    run(&client, &[CREATE_CLAIM]).await;
    let truth = stand_in.superuser("dev").await.unwrap();
    assert!(truth.query_opt("SELECT 1 FROM pg_roles WHERE rolname = 'claim'", &[]).await.unwrap().is_some());
}

#[tokio::test]
async fn a_warehouse_far_away_takes_a_round_trip_longer_for_a_statement_and_its_answers_are_the_same() {
    let round_trip = Duration::from_millis(40);
    let stand_in = StandIn::start(Options { round_trip, ..Options::default() }).await.unwrap();
    let started = Instant::now();
    let client = connect(&config(&stand_in, "awsuser", stand_in.admin_password(), "dev")).await.unwrap();
    // TCP, whether there is TLS, who it is, the password.
    assert!(started.elapsed() >= round_trip * 3, "{:?}", started.elapsed());
    let started = Instant::now();
    let long = value(&client, "SELECT repeat('x', 300000)").await;
    assert!(started.elapsed() >= round_trip, "{:?}", started.elapsed());
    assert_eq!(long.len(), 300_000);
}
