//! Stored procedures, and the session that they run in.

use crate::support::{admin, code, message, rows, run, start, user, value};

/// As an operator would write it: a secret that only the owner reads, and no table written.
const IMPERSONATE: &str = "CREATE PROCEDURE immuta_procedures.impersonate_user(target VARCHAR(128))
AS $$
DECLARE
    caller VARCHAR(128);
    secret VARCHAR(64);
    expiry VARCHAR(14);
    mac VARCHAR(64);
    ignored VARCHAR(65535);
BEGIN
    caller := session_user;
    IF target IS NULL THEN
        ignored := set_config('immuta.impersonation', '', FALSE);
        RETURN;
    END IF;
    SELECT max(k.secret) INTO secret FROM immuta_system.impersonation_key k;
    IF secret IS NULL THEN
        RAISE EXCEPTION 'impersonation is off';
    END IF;
    expiry := to_char(getdate() + INTERVAL '8 hours', 'YYYYMMDDHH24MISS');
    mac := sha2(secret || sha2(caller || '|' || target || '|' || current_setting('timezone') || '|'
        || CAST(pg_backend_pid() AS VARCHAR(16)) || '|' || expiry, 256), 256);
    ignored := set_config('immuta.impersonation', target || '|' || expiry || '|' || mac, FALSE);
END;
$$ LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog";

/// The reader's own row, or that of whom the reader impersonates: the token is computed again.
const USER_PROFILE: &str = "CREATE VIEW immuta_system.user_profile AS
SELECT max(p.name) AS name, max(p.groups) AS groups
FROM immuta_system.profile p
WHERE getdate() IS NOT NULL AND p.name = CASE
    WHEN coalesce(current_setting('immuta.impersonation', FALSE), '') = '' THEN CAST(current_user AS VARCHAR(128))
    WHEN split_part(current_setting('immuta.impersonation', FALSE), '|', 3) = sha2((SELECT max(k.secret) FROM immuta_system.impersonation_key k)
        || sha2(CAST(current_user AS VARCHAR(128)) || '|' || split_part(current_setting('immuta.impersonation', FALSE), '|', 1) || '|'
            || current_setting('timezone') || '|' || CAST(pg_backend_pid() AS VARCHAR(16)) || '|'
            || split_part(current_setting('immuta.impersonation', FALSE), '|', 2), 256), 256)
        THEN split_part(current_setting('immuta.impersonation', FALSE), '|', 1)
    ELSE '' END
HAVING count(*) = 1";

const GRANT_IMPERSONATION: &str = "CREATE PROCEDURE immuta_procedures.grant_impersonation(user_name VARCHAR(128))
AS $$
BEGIN
    EXECUTE 'GRANT ROLE ' || quote_ident('impersonators') || ' TO ' || quote_ident(user_name);
END;
$$ LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog";

#[tokio::test]
async fn an_operators_impersonation_runs() {
    let stand_in = start().await;
    let admin = admin(&stand_in, "dev").await;
    let owner = user(&stand_in, "owner", "dev").await;
    let member = user(&stand_in, "Mem'ber\\", "dev").await;
    let other = user(&stand_in, "other", "dev").await;
    run(
        &admin,
        &[
            "GRANT CREATE ON DATABASE dev TO owner",
            "CREATE ROLE impersonators",
            "GRANT ROLE impersonators TO owner WITH ADMIN OPTION",
        ],
    )
    .await;
    let revoke = GRANT_IMPERSONATION
        .replace("grant_impersonation", "revoke_impersonation")
        .replace("GRANT ROLE", "REVOKE ROLE")
        .replace("' TO '", "' FROM '");
    run(
        &owner,
        &[
            "CREATE SCHEMA immuta_system",
            "CREATE SCHEMA immuta_procedures",
            "CREATE TABLE immuta_system.impersonation_key (secret VARCHAR(64) NOT NULL)",
            "CREATE TABLE immuta_system.profile (name VARCHAR(128) NOT NULL, groups VARCHAR(65535) NOT NULL)",
            "INSERT INTO immuta_system.profile VALUES ('other', '[1]'), ('Mem''ber\\\\', '[2]')",
            USER_PROFILE,
            "GRANT USAGE ON SCHEMA immuta_system TO PUBLIC",
            "GRANT SELECT ON immuta_system.user_profile TO PUBLIC",
            IMPERSONATE,
            GRANT_IMPERSONATION,
            &revoke,
            "GRANT USAGE ON SCHEMA immuta_procedures TO PUBLIC",
            "GRANT EXECUTE ON PROCEDURE immuta_procedures.impersonate_user(VARCHAR) TO ROLE impersonators",
        ],
    )
    .await;
    assert_eq!(message(&owner, "CALL immuta_procedures.impersonate_user('x')").await, "impersonation is off");
    run(&owner, &["INSERT INTO immuta_system.impersonation_key VALUES ('0123')"]).await;
    assert_eq!(code(&member, "CALL immuta_procedures.impersonate_user('x')").await, "42501");
    run(&owner, &["CALL immuta_procedures.grant_impersonation('Mem''ber\\\\')"]).await;
    assert_eq!(
        rows(&admin, "SELECT user_name FROM svv_user_grants WHERE role_name = 'impersonators' ORDER BY 1").await,
        ["Mem'ber\\", "owner"]
    );
    run(&member, &["CALL immuta_procedures.impersonate_user('other')"]).await;
    let set = value(&member, "SELECT current_setting('immuta.impersonation')").await;
    assert!(set.starts_with("other|20") && set.len() == "other|".len() + 14 + 1 + 64, "{set}");
    assert_eq!(rows(&member, "SELECT groups FROM immuta_system.user_profile").await, ["[1]"]);
    // A token that was copied is worth nothing to another.
    run(&other, &[&format!("SET immuta.impersonation TO '{set}'")]).await;
    assert_eq!(rows(&other, "SELECT groups FROM immuta_system.user_profile").await, [""; 0]);
    run(&member, &["CALL immuta_procedures.impersonate_user(NULL)"]).await;
    assert_eq!(rows(&member, "SELECT groups FROM immuta_system.user_profile").await, ["[2]"]);
    for untyped in ["NULL", "NULL::varchar"] {
        run(&member, &[&format!("CALL immuta_procedures.impersonate_user({untyped})")]).await;
        assert_eq!(value(&member, "SELECT current_setting('immuta.impersonation')").await, "");
    }
    assert_eq!(code(&other, "CALL immuta_procedures.impersonate_user('x')").await, "42501");
    assert_eq!(code(&other, "CALL immuta_procedures.grant_impersonation('other')").await, "42501");
    assert_eq!(code(&member, "SELECT secret FROM immuta_system.impersonation_key").await, "42501");
    run(&owner, &["CALL immuta_procedures.revoke_impersonation('Mem''ber\\\\')"]).await;
    assert_eq!(code(&member, "CALL immuta_procedures.impersonate_user('x')").await, "42501");
    run(
        &owner,
        &[
            "DROP PROCEDURE immuta_procedures.impersonate_user(VARCHAR)",
            "DROP PROCEDURE immuta_procedures.grant_impersonation(VARCHAR(128))",
        ],
    )
    .await;
}

#[tokio::test]
async fn execute_on_a_new_procedure_is_its_owners_alone_and_on_a_function_everybodys() {
    let stand_in = start().await;
    run(
        &admin(&stand_in, "dev").await,
        &["CREATE USER owner PASSWORD 'Abcd1234'", "CREATE DATABASE later OWNER owner"],
    )
    .await;
    let owner = user(&stand_in, "owner", "later").await;
    let other = user(&stand_in, "other", "later").await;
    let procedure = "CREATE OR REPLACE PROCEDURE p() AS $$ BEGIN NULL; END; $$ LANGUAGE plpgsql";
    run(&owner, &[procedure, "CREATE FUNCTION f() RETURNS INTEGER STABLE AS $$ SELECT 1 $$ LANGUAGE sql"]).await;
    assert_eq!(code(&other, "CALL p()").await, "42501");
    assert_eq!(code(&other, "SELECT f()").await, "ok");
    assert_eq!(
        value(&owner, "SELECT array_to_string(proacl, '|') FROM pg_proc WHERE proname = 'p'").await,
        "owner=X/owner"
    );
    run(&owner, &[procedure, "CALL p()"]).await;
    assert_eq!(code(&other, "CALL p()").await, "42501");
    // Replacing it keeps what was granted, to PUBLIC too.
    run(&owner, &["GRANT EXECUTE ON PROCEDURE p() TO PUBLIC", procedure]).await;
    assert_eq!(code(&other, "CALL p()").await, "ok");
    // Default privileges of functions are none of procedures, and the other way round.
    run(
        &owner,
        &[
            "CREATE SCHEMA s",
            "GRANT USAGE ON SCHEMA s TO PUBLIC",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
            "CREATE PROCEDURE s.before() AS $$ BEGIN NULL; END; $$ LANGUAGE plpgsql",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT EXECUTE ON PROCEDURES TO other",
            "CREATE PROCEDURE s.p() AS $$ BEGIN NULL; END; $$ LANGUAGE plpgsql",
        ],
    )
    .await;
    assert_eq!(code(&other, "CALL s.before()").await, "42501");
    assert_eq!(code(&other, "CALL s.p()").await, "ok");
    assert_eq!(
        rows(&owner, "SELECT defaclobjtype, array_to_string(defaclacl, '|') FROM pg_default_acl ORDER BY 1").await,
        ["f|=X/owner", "p|other=X/owner"]
    );
    assert_eq!(rows(&other, "SELECT defacluser FROM pg_default_acl").await, [""; 0]);
    assert_eq!(
        rows(
            &other,
            "SELECT schema_name, object_type, owner_name, privilege_type, grantee_name, grantee_type, admin_option
            FROM svv_default_privileges ORDER BY 2"
        )
        .await,
        ["s|FUNCTION|owner|EXECUTE|public|public|f", "s|PROCEDURE|owner|EXECUTE|other|user|f"]
    );
    // They stand in the way of dropping whom they name, until they are revoked.
    let admin = admin(&stand_in, "later").await;
    run(&owner, &["REVOKE EXECUTE ON PROCEDURE s.p() FROM other"]).await;
    assert_eq!(code(&admin, "DROP USER other").await, "55006");
    run(&owner, &["ALTER DEFAULT PRIVILEGES IN SCHEMA s REVOKE EXECUTE ON PROCEDURES FROM other"]).await;
    assert_eq!(code(&admin, "DROP USER other").await, "ok");
    run(&owner, &["DROP SCHEMA s CASCADE"]).await;
}

#[tokio::test]
async fn what_a_body_runs_is_redshifts_sql() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    run(
        &client,
        &[
            "CREATE TABLE t (a INTEGER)",
            "CREATE PROCEDURE p(INOUT x VARCHAR(256)) AS $$
             DECLARE n INTEGER; r RECORD;
             BEGIN
                 INSERT INTO t VALUES (1);
                 UPDATE t SET a = 2;
                 GET DIAGNOSTICS n = ROW_COUNT;
                 EXECUTE 'INSERT INTO t VALUES (' || quote_literal('3') || ')';
                 EXECUTE 'SELECT max(a) FROM t' INTO n;
                 FOR r IN SELECT a FROM t ORDER BY 1 LOOP n := n + r.a; END LOOP;
                 x := n || coalesce(current_setting('a.none', FALSE), ' none') || quote_literal(x);
             END;
             $$ LANGUAGE plpgsql",
        ],
    )
    .await;
    // DG/r_QUOTE_LITERAL: quotes and backslashes are doubled, without an E.
    assert_eq!(value(&client, r"CALL p('it\'s \\ x')").await, r"8 none'it''s \\ x'");
    assert_eq!(rows(&client, "SELECT count(*) FROM t").await, ["2"]);
    for refused in ["COMMIT", "CREATE USER u PASSWORD DISABLE", "TRUNCATE t", "CREATE DATABASE x", "SET LOCAL a.b = 1"]
    {
        let text = format!("CREATE OR REPLACE PROCEDURE q() AS $$ BEGIN EXECUTE '{refused}'; END; $$ LANGUAGE plpgsql");
        run(&client, &[&text]).await;
        assert_eq!(code(&client, "CALL q()").await, "0A000", "{refused}");
    }
    // What is shown is what was sent.
    let shown = value(&client, "SHOW PROCEDURE p(VARCHAR)").await;
    assert!(shown.contains("GET DIAGNOSTICS") && !shown.contains("rdsdb") && shown.contains("AS $_$"), "{shown}");
    assert_eq!(value(&client, "SHOW PROCEDURE public.p").await, shown);
    let source = value(&client, "SELECT prosrc FROM pg_proc_info WHERE proname = 'p'").await;
    assert!(source.contains("current_setting('a.none', FALSE)") && source.ends_with("END;\n             "), "{source}");
}

#[tokio::test]
async fn a_session_can_become_another_and_come_back() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    run(&client, &["CREATE USER g PASSWORD 'Abcd1234'", "CREATE ROLE makers", "GRANT CREATE ROLE TO ROLE makers"])
        .await;
    for name in ["'g'", "g"] {
        run(&client, &[&format!("SET SESSION AUTHORIZATION {name}")]).await;
        assert_eq!(value(&client, "SELECT current_user").await, "g");
        for denied in [
            "DROP USER g",
            "CREATE USER h PASSWORD DISABLE",
            "CREATE ROLE r",
            "ALTER DATABASE dev OWNER TO g",
            "CREATE GROUP q",
        ] {
            assert_eq!(code(&client, denied).await, "42501", "{denied}");
        }
        run(&client, &["SET SESSION AUTHORIZATION DEFAULT"]).await;
        assert_eq!(value(&client, "SELECT current_user").await, "awsuser");
    }
    // Also within a transaction, whose end by ROLLBACK takes it back.
    run(&client, &["GRANT ROLE makers TO g", "BEGIN", "SET SESSION AUTHORIZATION g", "CREATE ROLE r"]).await;
    assert_eq!(code(&client, "ALTER DATABASE dev OWNER TO g").await, "42501");
    run(&client, &["ROLLBACK", "CREATE GROUP back"]).await;
    run(
        &client,
        &["BEGIN", "SET SESSION AUTHORIZATION g", "CREATE ROLE r", "COMMIT", "SET SESSION AUTHORIZATION DEFAULT"],
    )
    .await;
    assert_eq!(rows(&client, "SELECT role_owner FROM svv_roles WHERE role_name = 'r'").await, ["g"]);
    let ordinary = user(&stand_in, "g", "dev").await;
    assert_eq!(code(&ordinary, "SET SESSION AUTHORIZATION awsuser").await, "42501");
    // A revocation takes back what the revoker granted.
    run(
        &client,
        &["CREATE TABLE t (a INTEGER)", "CREATE USER one PASSWORD DISABLE", "CREATE USER two PASSWORD DISABLE"],
    )
    .await;
    run(
        &client,
        &["GRANT SELECT ON t TO one WITH GRANT OPTION", "SET SESSION AUTHORIZATION one", "GRANT SELECT ON t TO two"],
    )
    .await;
    run(&client, &["SET SESSION AUTHORIZATION DEFAULT", "REVOKE SELECT ON t FROM two"]).await;
    let acl = "SELECT array_to_string(relacl, '|') FROM pg_class WHERE relname = 't'";
    assert!(value(&client, acl).await.contains("two=r/one"));
    run(
        &client,
        &["SET SESSION AUTHORIZATION one", "REVOKE SELECT ON t FROM two", "SET SESSION AUTHORIZATION DEFAULT"],
    )
    .await;
    assert!(!value(&client, acl).await.contains("two"));
}
