//! Default privileges, and what the views say of grants.

use crate::support::{admin, code, rows, run, start, user, value};

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

#[tokio::test]
async fn scoped_permissions_hold_for_what_comes_later_and_show_as_such() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let reader = user(&stand_in, "reader", "dev").await;
    run(&client, &["CREATE SCHEMA s", "CREATE TABLE s.t (a INTEGER)", "CREATE ROLE r", "GRANT ROLE r TO reader"]).await;
    run(&client, &["GRANT USAGE ON SCHEMA s TO reader", "GRANT SELECT, INSERT FOR TABLES IN SCHEMA s TO ROLE r"]).await;
    run(&client, &["CREATE TABLE s.later (a INTEGER)"]).await;
    run(&reader, &["SELECT a FROM s.t", "INSERT INTO s.later VALUES (1)"]).await;
    assert_eq!(code(&reader, "DELETE FROM s.t").await, "42501");
    assert_eq!(
        rows(
            &client,
            "SELECT privilege_type, identity_name, identity_type, privilege_scope FROM svv_schema_privileges
            WHERE namespace_name = 's' AND privilege_scope = 'TABLES' ORDER BY 1"
        )
        .await,
        ["INSERT|r|role|TABLES", "SELECT|r|role|TABLES"]
    );
    // They are none of the table's own.
    let of_table = "SELECT identity_name FROM svv_relation_privileges WHERE relation_name = 'later' AND identity_name <> 'awsuser'";
    assert_eq!(rows(&client, of_table).await, [""; 0]);
    run(&client, &["REVOKE INSERT FOR TABLES IN SCHEMA s FROM ROLE r"]).await;
    assert_eq!(code(&reader, "INSERT INTO s.later VALUES (1)").await, "42501");
}

#[tokio::test]
async fn lists_of_privileges_are_written_as_redshift_writes_them() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    run(&client, &["CREATE GROUP g", "CREATE USER u PASSWORD DISABLE", "CREATE TABLE t (a INTEGER)"]).await;
    run(&client, &["GRANT SELECT ON t TO GROUP g", "GRANT DROP ON t TO u WITH GRANT OPTION"]).await;
    assert_eq!(
        rows(&client, "SELECT array_to_string(relacl, '|') FROM pg_class WHERE relname = 't'").await,
        ["awsuser=arwdDxt/awsuser|group g=r/awsuser|u=D*/awsuser"]
    );
    // Users, groups, roles and everybody, each told from the others; an owner who is no superuser sees grants to itself, to its
    // groups and roles, to roles of its own, and to everybody. DG/r_SVV_RELATION_PRIVILEGES, DG/r_SVV_SCHEMA_PRIVILEGES
    let maker = user(&stand_in, "maker", "dev").await;
    run(
        &client,
        &[
            "CREATE ROLE r",
            "CREATE ROLE mine",
            "ALTER ROLE mine OWNER TO maker",
            "CREATE USER \"IAM:e@x.org\" PASSWORD DISABLE",
            "CREATE SCHEMA s AUTHORIZATION maker",
        ],
    )
    .await;
    run(&maker, &["CREATE VIEW s.v AS SELECT a FROM s.t WITH NO SCHEMA BINDING"]).await;
    for grantee in ["u", "\"IAM:e@x.org\"", "GROUP g", "ROLE r", "ROLE mine", "PUBLIC"] {
        run(&maker, &[&format!("GRANT USAGE ON SCHEMA s TO {grantee}"), &format!("GRANT SELECT ON s.v TO {grantee}")])
            .await;
    }
    for (list, letters) in [
        ("array_to_string(relacl, '|') FROM pg_class WHERE relname = 'v'", "r"),
        ("array_to_string(nspacl, '|') FROM pg_namespace WHERE nspname = 's'", "U"),
    ] {
        let listed = value(&maker, &format!("SELECT {list}")).await;
        let (_, others) = listed.split_once('|').unwrap();
        let expected =
            ["u", "\"IAM:e@x.org\"", "group g", "r", "mine", ""].map(|name| format!("{name}={letters}/maker"));
        assert_eq!(others, expected.join("|"));
    }
    let seen = ["mine|role|f", "public|public|f"];
    for view in
        ["svv_relation_privileges WHERE relation_name = 'v'", "svv_schema_privileges WHERE namespace_name = 's'"]
    {
        let of_others = format!(
            "SELECT identity_name, identity_type, admin_option FROM {view} AND identity_name <> 'maker' ORDER BY 1"
        );
        assert_eq!(rows(&maker, &of_others).await, seen);
        assert_eq!(rows(&client, &of_others).await.len(), 6);
    }
    run(&client, &["ALTER DEFAULT PRIVILEGES GRANT DROP, TRUNCATE ON TABLES TO u"]).await;
    assert_eq!(
        rows(&client, "SELECT privilege_type FROM svv_default_privileges WHERE grantee_name = 'u' ORDER BY 1").await,
        ["DROP", "TRUNCATE"]
    );
    // System objects are user 1's. DG/r_CREATE_DATABASE
    assert_eq!(rows(&client, "SELECT usesysid FROM pg_user WHERE usename = 'rdsdb'").await, ["1"]);
    assert_eq!(
        rows(&client, "SELECT nspname, pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspowner = 1 AND nspname IN ('public', 'pg_catalog') ORDER BY 1").await,
        ["pg_catalog|rdsdb", "public|rdsdb"]
    );
}

#[tokio::test]
async fn policies_show_where_redshift_shows_them() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    let other = user(&stand_in, "other", "dev").await;
    run(
        &client,
        &["CREATE TABLE t (a INTEGER)", "CREATE ROLE r", "CREATE RLS POLICY p WITH (a INTEGER) USING (a > 1)"],
    )
    .await;
    run(&client, &["ATTACH RLS POLICY p ON t TO ROLE r", "ALTER TABLE t ROW LEVEL SECURITY ON"]).await;
    assert_eq!(rows(&client, "SELECT polname, polqual FROM svv_rls_policy").await, ["p|a > 1"]);
    assert_eq!(
        rows(&client, "SELECT relname, polname, grantee, granteekind, is_rls_on FROM svv_rls_attached_policy").await,
        ["t|p|r|role|t"]
    );
    assert_eq!(code(&client, "DROP RLS POLICY p").await, "2BP01");
    run(&client, &["DETACH RLS POLICY p ON t FROM ROLE r", "DROP RLS POLICY p"]).await;
    assert_eq!(code(&client, "DROP RLS POLICY p").await, "42704");
    assert_eq!(code(&other, "CREATE RLS POLICY p USING (true)").await, "42501");
}
