#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn body(text: &str) -> Result<Option<String>, Refusal> {
    let kind = super::Kind { is_definer: true, has_setting: true, is_nonatomic: false };
    rewritten(&format!("DECLARE x VARCHAR(9); r RECORD; BEGIN {text} END;"), kind).map(|written| written.body)
}

#[test]
fn what_procedures_may_not_hold_is_refused() {
    for text in [
        "NULL; EXCEPTION WHEN division_by_zero THEN NULL;",
        "START TRANSACTION;",
        "SET LOCAL a.b = 1;",
        "TRUNCATE t;",
        "PREPARE q AS SELECT 1;",
        "SAVEPOINT s;",
        "CREATE DATABASE d;",
        "DROP DATABASE d;",
        "VACUUM;",
        "ALTER TABLE t APPEND FROM u;",
        "COMMIT;",
        "ROLLBACK;",
        "PERFORM f();",
        "IF x = 'a' THEN PERFORM f(); END IF;",
        "RAISE EXCEPTION 'a' USING ERRCODE = '22000';",
        "RAISE EXCEPTION 'a %', x || 'b';",
        "RAISE EXCEPTION x;",
        "RAISE NOTICE '%', session_user;",
        "RAISE 'a';",
        "RAISE;",
        "EXECUTE 'SELECT 1' USING x;",
        "EXECUTE 'SELECT 1' INTO STRICT x;",
        "SELECT 1 INTO STRICT x;",
        "GET DIAGNOSTICS x = RESULT_OID;",
        "GET STACKED DIAGNOSTICS x = MESSAGE_TEXT;",
        "RETURN 1;",
        "/* a /* b */ c */ NULL;",
        "x := string_agg('a', 'b');",
        "x := current_setting('a.' || 'b');",
        "x := set_config('a.b', 'c', 1 = 1);",
        "SELECT count(*) INTO x FROM s.t WHERE a = session_user;",
        "IF (SELECT count(*) FROM s.t WHERE a = current_schema()) > 0 THEN NULL; END IF;",
        "FOR r IN SELECT version() FROM s.t LOOP NULL; END LOOP;",
        "WHILE pg_sleep(1) IS NULL LOOP NULL; END LOOP;",
        "CASE x WHEN 'a' THEN PERFORM f(); ELSE NULL; END CASE;",
        "INSERT INTO s.t VALUES (1) RETURNING a;",
        "CREATE INDEX i ON s.t (a);",
    ] {
        assert!(body(text).is_err(), "{text}");
    }
}

#[test]
fn what_they_may_hold_passes() {
    for text in [
        "x := session_user;",
        "x = session_user;",
        "r.name := session_user;",
        "SELECT max(k.secret) INTO x FROM s.k k;",
        "IF x IS NULL OR x = '' THEN RAISE EXCEPTION 'off: %, %', x, r.name; ELSIF x = 'b' THEN RETURN; ELSE NULL; END IF;",
        "x := CASE WHEN x = 'a' THEN 'b' ELSE 'c' END; NULL;",
        "CASE x WHEN 'a' THEN NULL; ELSE NULL; END CASE;",
        "FOR r IN SELECT a FROM s.t LOOP x := r.a; EXIT WHEN x = 'a'; END LOOP;",
        "<<outer>> LOOP EXIT outer; END LOOP outer;",
        "BEGIN NULL; END;",
        "GET DIAGNOSTICS x = ROW_COUNT;",
        "INSERT INTO s.t VALUES (1); -- it's a comment",
        "x := set_config('a.b', '', FALSE);",
        "x := sha2(x || 'b', 256) || to_char(getdate() + INTERVAL '8 hours', 'YYYYMMDDHH24MISS') || current_setting('timezone');",
        "CALL s.p(x);",
    ] {
        assert_eq!(body(text).map_err(|refusal| refusal.message), Ok(None), "{text}");
    }
}

#[test]
fn what_differs_is_written_anew() {
    for (text, expected) in [
        ("EXECUTE 'a' || quote_ident(x) INTO x;", "EXECUTE pg_catalog.rdsdb_dynamic('a' || quote_ident(x)) INTO x;"),
        ("x := current_setting('a.b', FALSE);", "x := current_setting('a.b', TRUE);"),
        ("IF sysdate > '2020-01-01' THEN NULL; END IF;", "IF pg_catalog.sysdate() > '2020-01-01' THEN NULL; END IF;"),
        ("UPDATE s.t SET a = 1;", "LOCK TABLE s.t IN EXCLUSIVE MODE; UPDATE s.t SET a = 1;"),
        (
            "FOR r IN EXECUTE x LOOP NULL; END LOOP;",
            "FOR r IN EXECUTE pg_catalog.rdsdb_dynamic(x) LOOP NULL; END LOOP;",
        ),
    ] {
        assert_eq!(
            body(text).unwrap().unwrap(),
            format!("DECLARE x VARCHAR(9); r RECORD; BEGIN {expected} END;"),
            "{text}"
        );
    }
}
