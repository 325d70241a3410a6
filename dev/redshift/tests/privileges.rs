//! Default privileges, and what the views say of grants.

use crate::support::{admin, code, rows, run, start, user};

#[tokio::test]
async fn default_privileges_in_a_schema_need_create_on_it() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let maker = user(&stand_in, "maker", "dev").await;
    run(&client, &["CREATE SCHEMA s"]).await;
    for kind in ["SELECT ON TABLES", "EXECUTE ON FUNCTIONS", "EXECUTE ON PROCEDURES"] {
        let own = format!("ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT {kind} TO PUBLIC");
        let others = format!("ALTER DEFAULT PRIVILEGES FOR USER maker IN SCHEMA s GRANT {kind} TO PUBLIC");
        assert_eq!(code(&maker, &own).await, "42501", "{kind}");
        assert_eq!(code(&client, &others).await, "42501", "{kind}");
        run(&client, &["GRANT CREATE ON SCHEMA s TO maker"]).await;
        run(&maker, &[&own]).await;
        run(&client, &[&others, "REVOKE CREATE ON SCHEMA s FROM maker"]).await;
        assert_eq!(code(&maker, &others.replace("maker", "awsuser")).await, "42501", "{kind}");
    }
}

#[tokio::test]
async fn the_views_say_what_is_granted_and_to_whom() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let reader = user(&stand_in, "reader", "dev").await;
    run(
        &client,
        &[
            "CREATE ROLE r",
            "CREATE GROUP g",
            "CREATE SCHEMA s",
            "CREATE FUNCTION s.f(INTEGER) RETURNS INTEGER STABLE AS $$ SELECT $1 $$ LANGUAGE sql",
            "GRANT USAGE ON SCHEMA s TO ROLE r, GROUP g, reader",
            "GRANT EXECUTE ON FUNCTION s.f(INTEGER) TO reader",
            "CREATE EXTERNAL SCHEMA spectrum FROM DATA CATALOG DATABASE 'x' IAM_ROLE 'arn:aws:iam::1:role/x'",
            "CREATE TABLE s.t (a INTEGER)",
        ],
    )
    .await;
    assert_eq!(
        rows(
            &client,
            "SELECT identity_name, identity_type FROM svv_schema_privileges WHERE namespace_name = 's' ORDER BY 1, 2"
        )
        .await,
        ["awsuser|user", "awsuser|user", "g|group", "r|role", "reader|user"]
    );
    assert_eq!(
        rows(&reader, "SELECT namespace_name, function_name, argument_types, privilege_type, identity_name, identity_type, admin_option
            FROM svv_function_privileges WHERE namespace_name = 's' ORDER BY identity_name").await,
        ["s|f|integer|EXECUTE|public|public|f", "s|f|integer|EXECUTE|reader|user|f"]
    );
    assert_eq!(rows(&client, "SELECT schemaname FROM svv_external_schemas").await, ["spectrum"]);
    assert_eq!(
        rows(&client, "SELECT schema_name FROM svv_redshift_schemas WHERE schema_name IN ('s', 'spectrum')").await,
        ["s"]
    );
    assert_eq!(
        rows(&client, "SELECT table_type FROM svv_all_tables WHERE schema_name = 's' AND table_name = 't'").await,
        ["TABLE"]
    );
}

#[tokio::test]
async fn metadata_security_hides_what_is_somebody_elses() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let reader = user(&stand_in, "reader", "dev").await;
    run(
        &client,
        &[
            "CREATE SCHEMA s",
            "CREATE TABLE s.t (a INTEGER)",
            "CREATE PROCEDURE s.p() AS $$ BEGIN NULL; END; $$ LANGUAGE plpgsql",
        ],
    )
    .await;
    let seen = "SELECT (SELECT count(*) FROM pg_class WHERE relname = 't'), (SELECT count(*) FROM pg_namespace WHERE nspname = 's'), \
         (SELECT count(*) FROM pg_proc WHERE proname = 'p')";
    assert_eq!(rows(&reader, seen).await, ["1|1|1"]);
    assert_eq!(code(&reader, "ALTER SYSTEM SET metadata_security = TRUE").await, "42501");
    run(&client, &["ALTER SYSTEM SET metadata_security = TRUE"]).await;
    assert_eq!(rows(&reader, seen).await, ["0|0|0"]);
    assert_eq!(rows(&client, seen).await, ["1|1|1"]);
    run(&client, &["GRANT USAGE ON SCHEMA s TO reader", "GRANT SELECT ON s.t TO reader"]).await;
    assert_eq!(rows(&reader, seen).await, ["1|1|0"]);
    run(&client, &["ALTER SYSTEM SET metadata_security = FALSE"]).await;
    assert_eq!(rows(&reader, seen).await, ["1|1|1"]);
}
