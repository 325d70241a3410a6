//! Views, and what the catalogue shows of them.

use crate::support::{admin, code, run, start, value};

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
