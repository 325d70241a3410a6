//! Views, and what the catalogue shows of them.

use redshift_stand_in::{Options, StandIn};

use crate::support::{admin, code, config, connect, rows, run, start, value};

#[tokio::test]
async fn a_view_is_only_replaced_by_one_with_the_same_columns() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let create = |columns: &str| format!("CREATE OR REPLACE VIEW public.v AS SELECT {columns} FROM public.t");
    run(&client, &["CREATE TABLE t (a INTEGER, b VARCHAR(8), c VARCHAR(9))", &create("a, b"), &create("a, b")]).await;
    for columns in ["a, b, c", "a", "a, c", "a, c AS b", "a AS x, b"] {
        assert_eq!(code(&client, &create(columns)).await, "42P16", "{columns}");
    }
    run(&client, &["DROP VIEW v", &create("a, b, c"), &create("a, b, upper(c)::VARCHAR(9) AS c")]).await;
    let shown = value(&client, "SHOW VIEW public.v").await;
    assert!(shown.contains("upper") && shown.contains("FROM t"), "{shown}");
    assert!(value(&client, "SELECT definition FROM pg_views WHERE viewname = 'v'").await.contains("upper"));
    run(&client, &["SET SEED TO 0.25"]).await;
    let first = value(&client, "SELECT random()").await;
    run(&client, &["SET SEED TO 0.25"]).await;
    assert_eq!(value(&client, "SELECT random()").await, first);
}

#[tokio::test]
async fn session_variables_live_as_long_as_the_session() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    assert_ne!(code(&client, "SHOW immuta.x").await, "ok");
    run(&client, &["SET immuta.x TO 'a'", "BEGIN", "COMMIT"]).await;
    assert_eq!(value(&client, "SHOW immuta.x").await, "a");
    assert_eq!(value(&client, "SELECT set_config('immuta.x', 'b', FALSE)").await, "b");
    assert_eq!(value(&client, "SELECT current_setting('immuta.x')").await, "b");
    run(&client, &["RESET immuta.x"]).await;
    assert_eq!(value(&client, "SELECT coalesce(current_setting('immuta.x', FALSE), '')").await, "");
    let other = admin(&stand_in, "dev").await;
    assert_ne!(code(&other, "SHOW immuta.x").await, "ok");
}

#[tokio::test]
async fn databases_of_other_kinds_are_listed_and_can_not_be_entered() {
    let options = Options { foreign_databases: vec!["awsdatacatalog".to_owned()], ..Options::default() };
    let stand_in = StandIn::start(options).await.unwrap();
    let client = admin(&stand_in, "dev").await;
    assert_eq!(
        rows(&client, "SELECT database_type FROM svv_redshift_databases WHERE database_name = 'awsdatacatalog'").await,
        ["shared"]
    );
    assert_eq!(rows(&client, "SELECT count(*) FROM pg_database WHERE datname = 'awsdatacatalog'").await, ["1"]);
    let error = connect(&config(&stand_in, "awsuser", stand_in.admin_password(), "awsdatacatalog")).await.unwrap_err();
    assert!(error.as_db_error().unwrap().message().starts_with("Cannot connect to shared database"));
}
