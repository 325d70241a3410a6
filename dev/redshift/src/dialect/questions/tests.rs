#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::super::tests::superuser;
use super::*;

/// What a statement becomes if the answer is always the same.
fn settled(text: &str, answer: &[&str]) -> String {
    let answer: Vec<_> = answer.iter().map(|one| (*one).to_owned()).collect();
    let (mut text, mut is_settled) = (text.to_owned(), false);
    while let Some(question) = question(&text, &superuser(), is_settled).unwrap() {
        is_settled |= question.is_about_aliases();
        text = question.answered(&answer).unwrap();
    }
    text
}

#[test]
fn nothing_is_asked_about_most_statements() {
    for text in [
        "SELECT 1",
        "SELECT a AS b FROM t WHERE a = 1 ORDER BY b",
        "SELECT t.a AS a, t.b AS b FROM t WHERE t.a = 1",
        "SELECT a AS day FROM t WHERE dateadd(day, 1, b) > c",
        "SELECT a AS x FROM t WHERE a IN (SELECT x FROM u)",
        "GRANT SELECT ON t TO u",
        "CREATE TABLE t (qualify INTEGER)",
        "SELECT sum(a) OVER (ORDER BY b ROWS UNBOUNDED PRECEDING) AS total FROM t",
    ] {
        assert!(question(text, &superuser(), false).unwrap().is_none(), "{text}");
    }
}

#[test]
fn an_alias_that_is_no_column_is_what_it_stands_for() {
    let text = "SELECT a + 1 AS b, b * 2 AS c, c FROM t WHERE c > 1";
    assert_eq!(
        settled(text, &["0:b", "0:c"]),
        "SELECT a + 1 AS b, (a + 1) * 2 AS c, ((a + 1) * 2) FROM t WHERE ((a + 1) * 2) > 1"
    );
    assert_eq!(settled(text, &["0:c"]), "SELECT a + 1 AS b, b * 2 AS c, (b * 2) FROM t WHERE (b * 2) > 1");
    assert_eq!(settled(text, &[]), text);
    assert_eq!(
        settled("SELECT 1 AS a, a AS b WHERE b > 0", &["0:a", "0:b"]),
        "SELECT 1 AS a, (1) AS b WHERE ((1)) > 0"
    );
}

#[test]
fn columns_are_left_out_and_rows_filtered_by_a_query_around() {
    assert_eq!(
        settled("SELECT * EXCLUDE (b) FROM t ORDER BY a LIMIT 1", &["a", "b"]),
        "SELECT q.c0 AS \"a\" FROM (SELECT * FROM t ORDER BY a) AS \"q\" (c0, c1) LIMIT 1"
    );
    assert_eq!(
        settled("CREATE VIEW v AS SELECT DISTINCT a FROM t x QUALIFY rank() OVER (ORDER BY a) = 1 ORDER BY 1", &["a"]),
        "CREATE VIEW v AS SELECT DISTINCT q.c0 AS \"a\" FROM (SELECT a, (rank() OVER (ORDER BY a) = 1) FROM t x) AS \"q\" (c0, c1) WHERE q.c1 ORDER BY 1"
    );
}

#[test]
fn what_is_asked_knows_what_with_has_named_and_has_no_parameters() {
    let text = "WITH x AS (SELECT 1 AS a), y AS (SELECT * EXCLUDE b FROM x WHERE a = $1) SELECT a FROM y";
    let asked = question(text, &superuser(), false).unwrap().unwrap();
    assert_eq!(asked.sql, "SELECT pg_catalog.rdsdb_names('WITH x AS (SELECT 1 AS a) SELECT * FROM x WHERE a = NULL')");
}

#[test]
fn what_has_no_form_is_refused() {
    for text in [
        "SELECT a FROM t QUALIFY rank() OVER (ORDER BY a) = 1",
        "SELECT * EXCLUDE (upper(a)) FROM t",
        "SELECT * EXCLUDE FROM t",
    ] {
        assert!(question(text, &superuser(), false).is_err(), "{text}");
    }
    let excluded = question("SELECT * EXCLUDE (c) FROM t", &superuser(), false).unwrap().unwrap();
    assert_eq!(excluded.answered(&["a".to_owned()]).unwrap_err().sqlstate, "42703");
}
