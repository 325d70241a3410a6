//! Queries that are written anew with the help of the server: what comes out of them, by both protocols.

use redshift_stand_in::StandIn;
use tokio_postgres::Client;

use crate::support::{admin, code, message, rows, run, start, value};
use crate::wire::{Wire, count};

async fn with_rows() -> (StandIn, Client) {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    run(
        &client,
        &[
            "CREATE TABLE t (a INTEGER, b VARCHAR(9), d INTEGER)",
            "INSERT INTO t VALUES (1, 'x', 10), (2, NULL, 20), (3, 'y', 30), (4, NULL, 40)",
        ],
    )
    .await;
    (stand_in, client)
}

#[tokio::test]
async fn an_alias_is_known_behind_its_place_and_a_column_goes_before_it() {
    let (_stand_in, client) = with_rows().await;
    assert_eq!(rows(&client, "SELECT a + 1 AS n, n * 2 AS m FROM t WHERE m > 7 ORDER BY n").await, ["4|8", "5|10"]);
    assert_eq!(rows(&client, "SELECT d AS a, a AS e FROM t WHERE a = 2").await, ["20|2"]);
    assert_eq!(rows(&client, "SELECT 1 AS one, one + 1").await, ["1|2"]);
    assert_eq!(code(&client, "SELECT a AS n FROM t WHERE nobody = 1").await, "42703");
    // In a transaction that it doesn't spoil.
    run(&client, &["BEGIN", "SELECT a + 1 AS n, n FROM t", "INSERT INTO t VALUES (9, 'z', 90)", "ROLLBACK"]).await;
}

#[tokio::test]
async fn columns_are_excluded_and_rows_qualified() {
    let (_stand_in, client) = with_rows().await;
    assert_eq!(rows(&client, "SELECT * EXCLUDE (b, d) FROM t ORDER BY d DESC LIMIT 2").await, ["4", "3"]);
    let best = "SELECT a, rank() OVER (ORDER BY d DESC) AS place FROM t AS x QUALIFY place <= 2 ORDER BY place";
    assert_eq!(rows(&client, best).await, ["4|1", "3|2"]);
    let nested = "WITH w AS (SELECT * EXCLUDE b FROM t), z AS (SELECT a FROM w AS y QUALIFY count(*) OVER () > 1) SELECT count(*) FROM z";
    assert_eq!(value(&client, nested).await, "4");
    run(&client, &["CREATE VIEW v AS SELECT * EXCLUDE b FROM t AS x QUALIFY row_number() OVER (ORDER BY a) > 3"]).await;
    assert_eq!(rows(&client, "SELECT * FROM v").await, ["4|40"]);
    assert_eq!(message(&client, "SELECT * EXCLUDE nobody FROM t").await, "column \"nobody\" does not exist");
    assert_eq!(code(&client, "SELECT * EXCLUDE a FROM nothing").await, "42P01");
    assert_eq!(code(&client, "SELECT a FROM t QUALIFY rank() OVER (ORDER BY a) = 1").await, "42601");
}

#[tokio::test]
async fn null_is_passed_over_where_a_window_says_so() {
    let (_stand_in, client) = with_rows().await;
    let frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING";
    let query = format!(
        "SELECT first_value(b) IGNORE NULLS OVER (ORDER BY a DESC ROWS UNBOUNDED PRECEDING), last_value(b IGNORE NULLS) OVER (ORDER BY a {frame}), \
         lag(b) IGNORE NULLS OVER (ORDER BY a), lead(b, 1) IGNORE NULLS OVER (ORDER BY a), nth_value(b, 2) IGNORE NULLS OVER (ORDER BY a {frame}), \
         lag(a) RESPECT NULLS OVER (ORDER BY a) FROM t ORDER BY a"
    );
    assert_eq!(
        rows(&client, &query).await,
        ["y|y|NULL|y|y|NULL", "y|y|x|y|y|1", "y|y|x|NULL|y|2", "NULL|y|y|NULL|y|3"]
    );
}

#[tokio::test]
async fn a_prepared_statement_is_asked_about_as_well() {
    let (stand_in, client) = with_rows().await;
    let prepared = client.prepare("SELECT * EXCLUDE b FROM t WHERE a = $1").await.unwrap();
    let found: i32 = client.query_one(&prepared, &[&2]).await.unwrap().get(1);
    assert_eq!(found, 20);
    assert!(client.prepare("SELECT * EXCLUDE b FROM nothing").await.is_err());
    let prepared = client.query("SELECT a + $1::integer AS n FROM t WHERE n > 12", &[&10]).await.unwrap();
    assert_eq!(prepared.len(), 2);
    // What fails leaves the session as it was.
    let mut wire = Wire::admin(&stand_in, true).await;
    wire.simple("SELECT * EXCLUDE b FROM nothing").await;
    assert_eq!(count(&wire.simple("SELECT 1").await, b'D'), 1);
}

#[tokio::test]
async fn what_goes_on_is_seen_in_the_system_views() {
    let (stand_in, client) = with_rows().await;
    let own = "SELECT count(*) FROM sys_session_history WHERE database_name = 'dev'";
    assert_eq!(value(&client, own).await, "1");
    assert_eq!(
        value(&client, "SELECT trim(status) FROM stv_recents WHERE query LIKE '%stv_recents%'").await,
        "Running"
    );
    let other = crate::support::user(&stand_in, "lesser", "dev").await;
    assert_eq!(value(&other, "SELECT count(*) FROM stl_sessions").await, "1");
    assert_eq!(code(&client, "SELECT * FROM stl_wlm_query").await, "0A000");
    assert!(message(&client, "SELECT * FROM stl_wlm_query").await.contains("can't show stl_wlm_query"));
}
