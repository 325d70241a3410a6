//! The two protocols: what one says of a statement, the other says too.

use redshift_stand_in::journal::Event;

use crate::support::start;
use crate::wire::{Wire, count, extended, field, message, outcome, simple, sync};

/// Statements whose verdict isn't `PostgreSQL`'s, behind those of the documentation.
const MORE: &[&str] = &[
    "CREATE USER plain PASSWORD 'Abcd1234'",
    "CREATE TABLE t (a INTEGER)",
    "GRANT SELECT ON t TO GROUP plain",
    "GRANT SELECT ON t TO ROLE plain",
    "GRANT SELECT ON t TO plain",
    "REVOKE SELECT ON t FROM GROUP plain",
    "ALTER DEFAULT PRIVILEGES FOR USER plain, nobody GRANT SELECT ON TABLES TO plain",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO plain",
    "UPDATE t SET a = 1",
    "DELETE FROM t WHERE a = 2",
    "DELETE FROM missing",
    "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
    "SELECT version() FROM t",
    "DROP USER plain",
    "BEGIN",
    "UPDATE t SET a = 3",
    "GRANT SELECT ON t TO GROUP plain",
    "SELECT 1",
    "ROLLBACK",
    "BEGIN",
    "LOCK TABLE t",
    "LOCK TABLE t",
    "CREATE DATABASE inside",
    "ROLLBACK",
    "LOCK TABLE t",
    "LOCK t",
    "SET enable_case_sensitive_identifier TO true",
    "CREATE TABLE \"Kept\" (a INTEGER)",
    "UPDATE \"Kept\" SET a = 1",
    "RESET enable_case_sensitive_identifier",
    "SELECT a FROM \"Kept\"",
    "CREATE DATABASE outside",
    "SELECT count(*) FROM outside.pg_catalog.pg_user",
    "SELECT count(*) FROM outside.public.missing",
    "SELECT a FROM dev.public.t",
    "SHOW TABLES FROM SCHEMA dev.public",
    "DROP DATABASE outside",
    "SELECT 1; SELECT 2",
    "",
    "-- nothing",
];

#[tokio::test]
async fn a_statement_has_the_same_verdict_in_both_protocols() {
    let (one, other) = (start().await, start().await);
    let mut simple = Wire::admin(&one, false).await;
    let mut extended = Wire::admin(&other, true).await;
    let documented = include_str!("documented.sql").split("\n\n").map(|text| text.trim().trim_end_matches(';'));
    for text in documented.chain(MORE.iter().copied()) {
        let (one, other) = (simple.simple(text).await, extended.extended(text).await);
        let (first, second) = (outcome(&one), outcome(&other));
        if text == "SELECT 1; SELECT 2" {
            // The one thing that only the simple protocol takes.
            assert_eq!((first.as_str(), second.as_str()), ("ok", "42601"));
            continue;
        }
        assert_eq!(first, second, "{text}\n{one:?}\n{other:?}");
        assert_eq!(one.last(), other.last(), "{text}: the transaction's state");
        assert_eq!(count(&one, b'D'), count(&other, b'D'), "{text}: rows");
    }
    let outcomes = |stand_in: &redshift_stand_in::StandIn| {
        let entries = stand_in.journal().since(0).into_iter();
        let of = |event| match event {
            Event::Statement { text, notes, outcome, page, .. } => Some((text, notes, outcome, page)),
            _ => None,
        };
        entries.filter_map(|entry| of(entry.event)).filter(|entry| !entry.0.contains(';')).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&one), outcomes(&other));
}

#[tokio::test]
async fn a_write_in_the_extended_protocol_locks_the_table_and_sees_what_was_committed_meanwhile() {
    let stand_in = start().await;
    let (mut one, mut other) = (Wire::admin(&stand_in, false).await, Wire::admin(&stand_in, false).await);
    for text in ["CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1), (2)", "BEGIN"] {
        assert_eq!(outcome(&one.extended(text).await), "ok");
    }
    assert_eq!(outcome(&one.extended("UPDATE t SET a = 3 WHERE a = 1").await), "ok");
    assert_eq!(outcome(&other.extended("SET statement_timeout TO 200").await), "ok");
    // Another row: PostgreSQL would not have waited.
    assert_eq!(outcome(&other.extended("UPDATE t SET a = 4 WHERE a = 2").await), "57014");
    assert_eq!(outcome(&other.extended("SET statement_timeout TO 0").await), "ok");
    other.raw(&[extended(b"UPDATE t SET a = 5 WHERE a = 3"), sync()].concat()).await;
    let truth = stand_in.superuser("dev").await.unwrap();
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while crate::support::value(&truth, waits).await == "0" {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(outcome(&one.extended("COMMIT").await), "ok");
    let answers = other.answers().await;
    assert_eq!(outcome(&answers), "ok");
    assert!(answers.iter().any(|(kind, body)| *kind == b'C' && body == b"UPDATE 1\0"), "{answers:?}");
    // It was committed, and no transaction is open.
    assert_eq!(answers.last().unwrap(), &(b'Z', b"I".to_vec()));
    assert_eq!(crate::support::value(&truth, "SELECT count(*) FROM t WHERE a = 5").await, "1");
}

#[tokio::test]
async fn what_is_sent_between_two_syncs_is_done_as_a_whole_or_not_at_all() {
    let stand_in = start().await;
    let mut wire = Wire::admin(&stand_in, false).await;
    assert_eq!(outcome(&wire.simple("CREATE TABLE t (a INTEGER)").await), "ok");
    for (statements, expected, rows) in [
        (["INSERT INTO t VALUES (1)", "UPDATE t SET a = 2", "SELECT 1 / 0"], "22012", "0"),
        (["INSERT INTO t VALUES (1)", "UPDATE t SET a = 2", "GRANT SELECT ON t TO GROUP nobody"], "42704", "0"),
        (["INSERT INTO t VALUES (1)", "UPDATE t SET a = 2", "SELECT 1"], "ok", "1"),
        (["BEGIN", "UPDATE t SET a = 3", "ROLLBACK"], "ok", "1"),
    ] {
        let all: Vec<_> = statements.iter().flat_map(|text| extended(text.as_bytes())).chain(sync()).collect();
        wire.raw(&all).await;
        let answers = wire.answers().await;
        assert_eq!(outcome(&answers), expected, "{answers:?}");
        assert_eq!(answers.last().unwrap(), &(b'Z', b"I".to_vec()));
        let found = wire.simple("SELECT count(*) FROM t WHERE a = 2").await;
        let row = found.iter().find(|(kind, _)| *kind == b'D').unwrap();
        assert!(row.1.ends_with(rows.as_bytes()), "{statements:?}");
    }
    // A transaction that the client begins ahead of the Sync is the client's to end.
    let all = [extended(b"UPDATE t SET a = 4"), extended(b"BEGIN"), extended(b"UPDATE t SET a = 5"), sync()].concat();
    wire.raw(&all).await;
    assert_eq!(wire.answers().await.last().unwrap(), &(b'Z', b"T".to_vec()));
    assert_eq!(wire.extended("ROLLBACK").await.last().unwrap(), &(b'Z', b"I".to_vec()));
}

#[tokio::test]
async fn a_prepared_statement_is_bound_and_executed_more_than_once() {
    let stand_in = start().await;
    let mut wire = Wire::admin(&stand_in, false).await;
    assert_eq!(outcome(&wire.simple("CREATE TABLE t (a INTEGER)").await), "ok");
    assert_eq!(outcome(&wire.simple("INSERT INTO t VALUES (1), (2), (3)").await), "ok");
    let bind = |portal: &[u8], name: &[u8]| message(b'B', &[portal, &[0], name, &[0], &[0; 6]].concat());
    let execute = |portal: &[u8], rows: u32| message(b'E', &[portal, &[0], rows.to_be_bytes().as_slice()].concat());
    wire.raw(&[message(b'P', b"up\0UPDATE t SET a = a + 1\0\0\0"), message(b'D', b"Sup\0"), sync()].concat()).await;
    let prepared = wire.answers().await;
    let kinds: Vec<_> = prepared.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, b"1tnZ");
    for _ in 0..2 {
        wire.raw(&[bind(b"", b"up"), execute(b"", 0), sync()].concat()).await;
        assert_eq!(outcome(&wire.answers().await), "ok");
    }
    // In pieces.
    wire.raw(
        &[message(b'P', b"\0SELECT a FROM t\0\0\0"), bind(b"c", b""), execute(b"c", 2), execute(b"c", 2)].concat(),
    )
    .await;
    wire.raw(&[message(b'C', b"Pc\0"), message(b'C', b"Sup\0"), sync()].concat()).await;
    let answers = wire.answers().await;
    let kinds: Vec<_> = answers.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, b"12DDsDC33Z");
    wire.raw(&[bind(b"", b"up"), sync()].concat()).await;
    assert_eq!(outcome(&wire.answers().await), "26000");
}

#[tokio::test]
async fn the_server_says_of_itself_what_redshift_does() {
    let stand_in = start().await;
    let wire = Wire::admin(&stand_in, false).await;
    let said = |name: &str| wire.parameters.iter().find(|(is, _)| is == name).map(|(_, value)| value.as_str());
    for (name, expected) in [
        ("server_version", Some("8.0.2")),
        ("server_encoding", Some("UNICODE")),
        ("client_encoding", Some("UNICODE")),
        ("integer_datetimes", Some("on")),
        ("is_superuser", Some("on")),
        ("session_authorization", Some("awsuser")),
        ("datestyle", Some("ISO, MDY")),
        ("padb_version", Some("1.0.122103")),
        ("max_varchar_size", Some("65535")),
        ("datashare_enabled", Some("on")),
        ("external_database", Some("off")),
        ("server_protocol_version", Some("0")),
        ("show_discovery", Some("4")),
        ("standard_conforming_strings", None),
        ("IntervalStyle", None),
        ("DateStyle", None),
        ("in_hot_standby", None),
    ] {
        assert_eq!(said(name), expected, "{name}");
    }
}

#[tokio::test]
async fn errors_have_the_fields_that_redshifts_have() {
    let stand_in = start().await;
    let mut wire = Wire::admin(&stand_in, false).await;
    for text in ["SELECT * FROM missing", "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "SELECT 1 / 0"] {
        wire.raw(&simple(text.as_bytes())).await;
        let answers = wire.answers().await;
        let (_, error) = answers.iter().find(|(kind, _)| *kind == b'E').unwrap();
        let fields: Vec<_> = error
            .split(|byte| *byte == 0)
            .filter_map(|part| part.first().copied())
            .filter(|kind| *kind != b'P')
            .collect();
        let fields: Vec<_> = fields.into_iter().filter(|kind| *kind != b'H').collect();
        assert_eq!(fields, b"SCMFLR", "{text}");
        assert!(field(error, b'F').starts_with("/home/ec2-user/padb/src/"), "{text}");
    }
}
