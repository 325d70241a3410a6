//! Tables and views: what Redshift keeps of them, and how that shows.

use redshift_stand_in::{Options, StandIn};

use crate::support::{admin, code, message, rows, run, start, user, value};

#[tokio::test]
async fn late_binding_views_keep_text_owner_and_grants_while_tables_come_and_go() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let (maker, reader) = (user(&stand_in, "maker", "dev").await, user(&stand_in, "reader", "dev").await);
    run(&client, &["CREATE SCHEMA s", "GRANT CREATE, USAGE ON SCHEMA s TO maker", "GRANT USAGE ON SCHEMA s TO reader"])
        .await;
    let view = "CREATE VIEW s.v AS SELECT a, upper(b) AS b FROM s.t WITH NO SCHEMA BINDING";
    run(&maker, &[view, "GRANT SELECT ON s.v TO reader"]).await;
    assert_eq!(message(&reader, "SELECT a, b FROM s.v").await, "relation \"s.t\" does not exist");
    for drop in ["DROP TABLE s.t", "DROP TABLE s.t CASCADE"] {
        run(&maker, &["CREATE TABLE s.t (a INTEGER, b VARCHAR(9))", "INSERT INTO s.t VALUES (1, 'x')"]).await;
        assert_eq!(rows(&reader, "SELECT a, b FROM s.v").await, ["1|X"]);
        run(&maker, &[drop]).await;
        assert_eq!(code(&reader, "SELECT a FROM s.v").await, "42P01");
    }
    // It is looked up anew: another type, a column that has another name.
    run(&maker, &["CREATE TABLE s.t (a BIGINT, b VARCHAR(9))"]).await;
    let columns = "SELECT col_name, col_type FROM pg_get_late_binding_view_cols() \
         cols(view_schema name, view_name name, col_name name, col_type varchar, col_num int) ORDER BY col_num";
    assert_eq!(rows(&client, columns).await, ["a|bigint", "b|text"]);
    run(&maker, &["ALTER TABLE s.t RENAME COLUMN b TO c"]).await;
    assert_eq!(code(&reader, "SELECT a FROM s.v").await, "42703");
    assert_eq!(rows(&client, columns).await, [""; 0]);
    run(&maker, &["ALTER TABLE s.t RENAME COLUMN c TO b"]).await;
    assert_eq!(value(&client, "SHOW VIEW s.v").await, view);
    let owner = "SELECT pg_get_userbyid(relowner), array_to_string(relacl, '|') FROM pg_class WHERE relname = 'v'";
    assert_eq!(rows(&client, owner).await, ["maker|maker=arwdDxt/maker|reader=r/maker"]);
    // The owner's rights count, and the owner's alone.
    run(&client, &["ALTER TABLE s.t OWNER TO awsuser"]).await;
    assert_eq!(code(&reader, "SELECT a FROM s.v").await, "42501");
    run(&client, &["GRANT SELECT ON s.t TO maker"]).await;
    assert_eq!(code(&reader, "SELECT a FROM s.v").await, "ok");
    let other = view.replace("CREATE", "CREATE OR REPLACE").replace("a, ", "");
    assert_eq!(code(&maker, &other).await, "42P16");
    assert_eq!(code(&maker, view).await, "42P07");
}

#[tokio::test]
async fn a_query_reaches_into_another_database_with_the_rights_that_it_gives() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let reader = user(&stand_in, "reader", "dev").await;
    run(&client, &["CREATE DATABASE shop"]).await;
    let shop = admin(&stand_in, "shop").await;
    run(&shop, &["CREATE SCHEMA s", "CREATE TABLE s.t (a INTEGER)", "INSERT INTO s.t VALUES (7)"]).await;
    assert_eq!(rows(&client, "SELECT t.a FROM shop.s.t AS t").await, ["7"]);
    assert_eq!(code(&reader, "SELECT a FROM shop.s.t").await, "42501");
    run(&shop, &["GRANT USAGE ON SCHEMA s TO reader", "GRANT SELECT ON s.t TO reader"]).await;
    assert_eq!(rows(&reader, "SELECT a FROM shop.s.t").await, ["7"]);
    assert_eq!(code(&reader, "SELECT a FROM shop.s.none").await, "42P01");
    assert_eq!(code(&reader, "SELECT a FROM none.s.t").await, "3D000");
    drop(shop);
    // No connection of ours stands in the way.
    run(&client, &["DROP DATABASE shop FORCE"]).await;
}

#[tokio::test]
async fn one_transaction_reaches_many_tables_of_another_database_for_the_first_time() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    run(&client, &["CREATE DATABASE shop", "CREATE SCHEMA s"]).await;
    let shop = admin(&stand_in, "shop").await;
    let tables: Vec<_> = (0..20).map(|n| format!("CREATE TABLE t{n} (a INTEGER)")).collect();
    run(&shop, &tables.iter().map(String::as_str).collect::<Vec<_>>()).await;
    run(&client, &["BEGIN"]).await;
    for n in 0..20 {
        let view = format!("CREATE VIEW s.v{n} AS SELECT a FROM shop.public.t{n} WITH NO SCHEMA BINDING");
        run(&client, &[view.as_str()]).await;
        let probe = format!("SELECT * FROM s.v{n} WHERE 1 = 0");
        assert_eq!(code(&client, &probe).await, "ok", "{n}");
    }
    run(&client, &["COMMIT"]).await;
    assert_eq!(code(&client, "SELECT * FROM s.v19").await, "ok");
}

#[tokio::test]
async fn a_late_binding_view_means_what_the_other_database_has_by_now() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    run(&client, &["CREATE DATABASE shop", "CREATE SCHEMA s", "CREATE SCHEMA private"]).await;
    let (maker, reader) = (user(&stand_in, "maker", "dev").await, user(&stand_in, "reader", "dev").await);
    let shop = admin(&stand_in, "shop").await;
    run(&client, &["GRANT CREATE, USAGE ON SCHEMA s TO maker", "GRANT USAGE ON SCHEMA s TO reader"]).await;
    // Nothing is looked at before somebody queries them; the view's own schema has to be there.
    let view = "CREATE VIEW s.v AS SELECT a, c FROM shop.b.t WITH NO SCHEMA BINDING";
    run(
        &maker,
        &[
            view,
            "CREATE VIEW s.over AS SELECT a FROM s.v WITH NO SCHEMA BINDING",
            "CREATE VIEW s.unreadable AS SELECT a FROM private.t WITH NO SCHEMA BINDING",
            "GRANT SELECT ON s.v TO reader",
            "GRANT SELECT ON s.over TO reader",
        ],
    )
    .await;
    assert_eq!(code(&maker, &view.replace("s.v", "none.v")).await, "3F000");
    let looks = [
        "SELECT a, c FROM s.v",
        "SELECT a FROM s.v WHERE 1 = 0",
        "EXPLAIN SELECT a FROM s.v",
        "SELECT a FROM s.over WHERE 1 = 0",
    ];
    let all = async |expected: &str, what: &str| {
        for look in looks {
            assert_eq!(code(&reader, look).await, expected, "{what}: {look}");
        }
    };
    all("42P01", "there is no schema").await;
    assert_eq!(message(&reader, looks[0]).await, "relation \"shop.b.t\" does not exist");
    run(&shop, &["CREATE SCHEMA b", "CREATE TABLE b.t (a INTEGER, c VARCHAR(9))", "INSERT INTO b.t VALUES (1, 'x')"])
        .await;
    all("42501", "the owner has no USAGE").await;
    assert_eq!(message(&reader, looks[1]).await, "permission denied for schema b");
    run(&shop, &["GRANT USAGE ON SCHEMA b TO maker"]).await;
    all("42501", "the owner has no SELECT").await;
    assert_eq!(message(&reader, looks[1]).await, "permission denied for relation t");
    run(&shop, &["GRANT SELECT FOR TABLES IN SCHEMA b TO maker"]).await;
    all("ok", "the owner has a scoped permission").await;
    // The reader of a view that isn't his is told that, and of nothing below it.
    assert_eq!(message(&reader, "SELECT a FROM s.unreadable").await, "permission denied for relation unreadable");
    // As dbt rebuilds a table: columns in another order, of other types.
    let columns = "SELECT view_name, col_name, col_type FROM pg_get_late_binding_view_cols() \
         cols(view_schema name, view_name name, col_name name, col_type varchar, col_num int) WHERE view_name = 'v'";
    for (definition, expected, cols) in [
        ("(a INTEGER, c VARCHAR(9))", "ok", &["v|a|integer", "v|c|character varying(9)"][..]),
        ("(e DATE, c VARCHAR(20), a BIGINT)", "ok", &["v|a|bigint", "v|c|character varying(20)"]),
        ("(c VARCHAR(20))", "42703", &[]),
        ("(a INTEGER, c VARCHAR(9))", "ok", &["v|a|integer", "v|c|character varying(9)"]),
    ] {
        let create = format!("CREATE TABLE b.tmp {definition}");
        run(&shop, &["BEGIN", &create, "DROP TABLE b.t", "ALTER TABLE b.tmp RENAME TO t", "COMMIT"]).await;
        all(expected, definition).await;
        assert_eq!(rows(&client, columns).await, cols, "{definition}");
    }
    // A transaction that began before, and that has named it, is in nobody's way.
    run(&maker, &["BEGIN", "SELECT a FROM s.v WHERE 1 = 0"]).await;
    run(&shop, &["DROP TABLE b.t", "CREATE TABLE b.t (a DATE, c VARCHAR(9))"]).await;
    run(&maker, &["SELECT a FROM s.v", "COMMIT"]).await;
    all("ok", "rebuilt meanwhile").await;
    // Nor do two that make views wait for one another, whatever has changed below views of others.
    run(&shop, &["DROP TABLE b.t", "CREATE TABLE b.t (a VARCHAR(9), c VARCHAR(9))"]).await;
    assert_eq!(code(&reader, looks[0]).await, "ok");
    let second = user(&stand_in, "maker", "dev").await;
    for (session, name) in [(&maker, "first"), (&second, "second")] {
        let own = format!("CREATE VIEW s.{name} AS SELECT a FROM shop.b.t WITH NO SCHEMA BINDING");
        let probe = format!("SELECT a FROM s.{name} WHERE 1 = 0");
        run(session, &["BEGIN", "SET statement_timeout TO 60000", &own, &probe, "SELECT a FROM s.over WHERE 1 = 0"])
            .await;
    }
    run(&maker, &["COMMIT"]).await;
    run(&second, &["COMMIT"]).await;
    run(&shop, &["DROP TABLE b.t", "CREATE TABLE b.t (a DATE, c VARCHAR(9))"]).await;
    let replace = view.replace("CREATE", "CREATE OR REPLACE");
    for other in ["a", "c, a", "a AS b, c", "a::VARCHAR(9) AS a, c", "a, c, a AS d"] {
        assert_eq!(code(&maker, &replace.replace("a, c", other)).await, "42P16", "{other}");
    }
    let replaced = replace.replace("a, c", "a, upper(c)::VARCHAR(9) AS c");
    run(&shop, &["ALTER TABLE b.t ADD COLUMN d INTEGER"]).await;
    run(&maker, &["BEGIN", "SELECT a FROM s.over", &replaced, "SELECT a FROM s.v WHERE 1 = 0", "COMMIT"]).await;
    assert_eq!(value(&client, "SHOW VIEW s.v").await, replaced);
    let owner = "SELECT pg_get_userbyid(relowner), array_to_string(relacl, '|') FROM pg_class WHERE relname = 'v'";
    assert_eq!(rows(&client, owner).await, ["maker|maker=arwdDxt/maker|reader=r/maker"]);
    // Other columns take another view, in the same transaction.
    run(&shop, &["DROP TABLE b.t", "CREATE TABLE b.t (e DATE)"]).await;
    let other = "CREATE VIEW s.v AS SELECT e FROM shop.b.t WITH NO SCHEMA BINDING";
    run(
        &maker,
        &["BEGIN", "DROP VIEW s.v", other, "GRANT SELECT ON s.v TO reader", "SELECT e FROM s.v WHERE 1 = 0", "COMMIT"],
    )
    .await;
    assert_eq!(code(&reader, "SELECT e FROM s.v").await, "ok");
    assert_eq!(code(&reader, "SELECT a FROM s.over WHERE 1 = 0").await, "42703");
    run(&shop, &["REVOKE SELECT FOR TABLES IN SCHEMA b FROM maker"]).await;
    assert_eq!(code(&reader, "SELECT e FROM s.v WHERE 1 = 0").await, "42501");
    run(&client, &["DROP DATABASE shop FORCE"]).await;
    assert_eq!(code(&reader, "SELECT e FROM s.v WHERE 1 = 0").await, "42P01");
}

#[tokio::test]
async fn readers_of_late_binding_views_need_usage_on_what_is_below_if_that_is_asked_for() {
    let stand_in = StandIn::start(Options { readers_use_schemas: true, ..Options::default() }).await.unwrap();
    let client = admin(&stand_in, "dev").await;
    let other = admin(&stand_in, "redshift_sample_data").await;
    let reader = user(&stand_in, "reader", "dev").await;
    for client in [&client, &other] {
        run(client, &["CREATE SCHEMA below", "CREATE TABLE below.t (a INTEGER)"]).await;
    }
    run(
        &client,
        &[
            "CREATE VIEW here AS SELECT a FROM below.t WITH NO SCHEMA BINDING",
            "CREATE VIEW there AS SELECT a FROM redshift_sample_data.below.t WITH NO SCHEMA BINDING",
            "GRANT SELECT ON here TO reader",
            "GRANT SELECT ON there TO reader",
        ],
    )
    .await;
    for (view, owner) in [("here", &client), ("there", &other)] {
        let query = format!("SELECT a FROM public.{view} WHERE 1 = 0");
        assert_eq!(message(&reader, &query).await, "permission denied for schema below");
        run(owner, &["GRANT USAGE ON SCHEMA below TO reader"]).await;
        assert_eq!(code(&reader, &query).await, "ok");
        assert_eq!(code(&reader, "SELECT a FROM below.t").await, "42501", "{view}");
    }
}

#[tokio::test]
async fn the_catalogue_of_all_databases_shows_what_the_reader_may_read_there() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let reader = user(&stand_in, "reader", "redshift_sample_data").await;
    run(
        &client,
        &[
            "CREATE SCHEMA s",
            "CREATE TABLE s.t (a INTEGER, b VARCHAR(9), c DECIMAL(12,2))",
            "CREATE TABLE s.hidden (a INTEGER)",
            "GRANT SELECT ON s.t TO reader",
            // What it takes to reach another database shows nowhere.
            "CREATE DATABASE shop",
            "CREATE VIEW s.over AS SELECT a FROM shop.s.none WITH NO SCHEMA BINDING",
            "SELECT datname FROM shop.pg_catalog.pg_database",
        ],
    )
    .await;
    let columns = "SELECT table_name, column_name, ordinal_position, data_type, character_maximum_length, \
         numeric_precision, numeric_scale FROM svv_all_columns \
         WHERE database_name = 'dev' AND schema_name IN ('s') ORDER BY table_name, ordinal_position";
    let of_t = ["t|a|1|integer|NULL|32|0", "t|b|2|character varying|9|NULL|NULL", "t|c|3|numeric|NULL|12|2"];
    assert_eq!(rows(&reader, columns).await, of_t);
    let tables = "SELECT database_name, table_name, table_type FROM svv_all_tables WHERE schema_name = 's'";
    assert_eq!(rows(&reader, tables).await, ["dev|t|TABLE"]);
    let schemas = "SELECT schema_name FROM svv_all_schemas WHERE database_name = 'dev' ORDER BY 1";
    assert_eq!(rows(&reader, schemas).await, ["public"]);
    let elsewhere = admin(&stand_in, "redshift_sample_data").await;
    assert_eq!(
        rows(&elsewhere, columns).await,
        [&["hidden|a|1|integer|NULL|32|0", "over|a|1|character varying|NULL|NULL|NULL"], &of_t[..]].concat()
    );
    assert_eq!(rows(&elsewhere, schemas).await, ["public", "s"]);
    assert_eq!(rows(&elsewhere, "SHOW COLUMNS FROM TABLE dev.s.hidden").await.len(), 1);
    // A scope and a role show it too, and what is taken away is gone.
    run(
        &client,
        &["CREATE ROLE readers", "GRANT ROLE readers TO reader", "GRANT SELECT FOR TABLES IN SCHEMA s TO ROLE readers"],
    )
    .await;
    assert_eq!(
        rows(&reader, &format!("{tables} AND table_type = 'TABLE' ORDER BY 2")).await,
        ["dev|hidden|TABLE", "dev|t|TABLE"]
    );
    run(&client, &["REVOKE SELECT FOR TABLES IN SCHEMA s FROM ROLE readers", "REVOKE SELECT ON s.t FROM reader"]).await;
    assert_eq!(rows(&reader, tables).await, [""; 0]);
    run(&client, &["DROP DATABASE shop"]).await;
    assert_eq!(rows(&reader, "SELECT count(*) FROM svv_all_columns WHERE database_name = 'shop'").await, ["0"]);
}

#[tokio::test]
async fn keys_are_shown_and_not_enforced_and_lengths_are_bytes() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    run(
        &client,
        &[
            "CREATE TABLE p (a INTEGER PRIMARY KEY, b VARCHAR(3))",
            "CREATE TABLE f (c INTEGER, CONSTRAINT to_p FOREIGN KEY (c) REFERENCES p (a))",
            "INSERT INTO p VALUES (1, 'x'), (1, 'y')",
            "INSERT INTO f VALUES (9)",
        ],
    )
    .await;
    assert_eq!(
        rows(
            &client,
            "SELECT table_name, constraint_name, constraint_type FROM information_schema.table_constraints ORDER BY 1"
        )
        .await,
        ["f|to_p|FOREIGN KEY", "p|p_pkey|PRIMARY KEY"]
    );
    assert_eq!(
        rows(
            &client,
            "SELECT conname, contype, conkey, confrelid::regclass FROM pg_constraint WHERE conrelid = 'f'::regclass"
        )
        .await,
        ["to_p|f|{1}|p"]
    );
    run(&client, &["ALTER TABLE f DROP CONSTRAINT to_p", "ALTER TABLE f ADD PRIMARY KEY (c)"]).await;
    assert_eq!(rows(&client, "SHOW CONSTRAINTS PRIMARY KEYS FROM TABLE public.f").await.len(), 1);
    assert_eq!(code(&client, "INSERT INTO p VALUES (2, 'äö')").await, "22001");
    run(&client, &["ALTER TABLE p ALTER COLUMN b TYPE VARCHAR(4)", "INSERT INTO p VALUES (2, 'äö')"]).await;
    assert_eq!(rows(&client, "SELECT \"column\", type FROM pg_table_def WHERE tablename = 'p'").await.len(), 2);
}

#[tokio::test]
async fn names_are_folded_unless_the_session_keeps_their_case() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    run(
        &client,
        &[
            "CREATE TABLE \"Mixed\" (\"FooBar\" INTEGER)",
            "SELECT foobar FROM mixed",
            "CREATE USER \"Bob\" PASSWORD DISABLE",
        ],
    )
    .await;
    assert_eq!(code(&client, "CREATE TABLE mixed (a INTEGER)").await, "42P07");
    assert_eq!(rows(&client, "SELECT usename FROM pg_user WHERE usename = 'Bob'").await, ["Bob"]);
    run(
        &client,
        &[
            "SET enable_case_sensitive_identifier TO true",
            "CREATE TABLE \"Mixed\" (\"A\" INTEGER)",
            "SELECT \"A\" FROM \"Mixed\"",
        ],
    )
    .await;
    run(&client, &["RESET enable_case_sensitive_identifier"]).await;
    assert_eq!(code(&client, "SELECT \"A\" FROM \"Mixed\"").await, "42703");
}
