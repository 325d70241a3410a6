//! Messages, whatever their size and order: something always comes back.

use std::time::Duration;

use redshift_stand_in::StandIn;
use redshift_stand_in::faults::{Action, Fault};

use crate::support::{admin, code, start, value};
use crate::wire::{Wire, count, extended, field, message, outcome, simple, sync};

/// Waits until nobody is logged in any more.
async fn all_have_gone(stand_in: &StandIn) {
    let gone = async {
        while stand_in.connections().0 > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::wire::BOUND, gone).await.expect("a session hangs");
}

#[tokio::test]
async fn an_answer_of_any_size_arrives_with_and_without_tls() {
    let stand_in = start().await;
    for tls in [false, true] {
        let mut wire = Wire::admin(&stand_in, tls).await;
        let metadata = "SELECT a.attrelid, a.attname, a.atttypid, a.attnum, a.attnotnull FROM pg_attribute a, pg_namespace n LIMIT 5000";
        for answers in [wire.simple(metadata).await, wire.extended(metadata).await] {
            assert_eq!((count(&answers, b'D'), outcome(&answers).as_str()), (5000, "ok"));
        }
        let long = "x".repeat(4_000_000);
        let answers = wire.simple(&format!("SELECT '{long}'")).await;
        assert!(answers.iter().any(|(kind, body)| *kind == b'D' && body.len() > long.len()));
    }
}

#[tokio::test]
async fn messages_that_are_sent_ahead_are_answered_in_their_order() {
    let stand_in = start().await;
    for tls in [false, true] {
        let mut wire = Wire::admin(&stand_in, tls).await;
        let mut ahead = Vec::new();
        for number in 0..300 {
            ahead.extend(extended(format!("SELECT {number}").as_bytes()));
            ahead.extend(sync());
        }
        // Behind an error nothing is done until Sync.
        ahead.extend(extended(b"INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING"));
        ahead.extend(extended(b"SELECT 1"));
        ahead.extend(sync());
        ahead.extend(simple(b"SELECT 300"));
        wire.raw(&ahead).await;
        for number in 0..300 {
            let answers = wire.answers().await;
            let row = answers.iter().find(|(kind, _)| *kind == b'D').unwrap();
            assert!(row.1.ends_with(number.to_string().as_bytes()), "{number}: {answers:?}");
        }
        let refused = wire.answers().await;
        assert_eq!((outcome(&refused).as_str(), count(&refused, b'D'), refused.len()), ("42601", 0, 2));
        assert_eq!(outcome(&wire.answers().await), "ok");
    }
}

#[tokio::test]
async fn a_client_that_says_no_more_still_gets_its_answers() {
    let stand_in = start().await;
    for tls in [false, true] {
        let mut wire = Wire::admin(&stand_in, tls).await;
        wire.raw(&[simple(b"SELECT 1"), extended(b"SELECT 2"), sync()].concat()).await;
        wire.half_close().await;
        assert_eq!(outcome(&wire.answers().await), "ok");
        assert_eq!(outcome(&wire.answers().await), "ok");
        assert_eq!(wire.frame().await, None);
    }
    all_have_gone(&stand_in).await;
}

#[tokio::test]
async fn half_a_message_ends_the_session_and_nothing_stays_behind() {
    let stand_in = start().await;
    let whole = [simple(b"SELECT 1"), extended(b"SELECT 2"), sync()].concat();
    for tls in [false, true] {
        for end in (1..whole.len()).step_by(9) {
            let mut wire = Wire::admin(&stand_in, tls).await;
            wire.raw(&whole[..end]).await;
            wire.half_close().await;
            while wire.frame().await.is_some() {}
        }
        // A startup packet, too.
        let mut wire = Wire::open(&stand_in, tls).await;
        wire.raw(&[0, 0, 0, 50, 0, 3, 0, 0, b'u']).await;
        wire.half_close().await;
        assert_eq!(wire.frame().await, None);
    }
    all_have_gone(&stand_in).await;
    let truth = stand_in.superuser("dev").await.unwrap();
    let left = value(&truth, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'awsuser'").await;
    assert_eq!(left, "0");
}

#[tokio::test]
async fn what_is_no_message_is_answered_with_an_error() {
    let stand_in = start().await;
    for (bytes, expected) in [
        (message(b'?', b"what"), "08P01"),
        ([b"Q".as_slice(), &u32::MAX.to_be_bytes()].concat(), "XX000"),
        (message(b'Q', b"SELECT 1"), "08P01"),
        (message(b'Q', b"SELECT 1\0more\0"), "08P01"),
        (message(b'Q', b"SELECT '\xC3\x28'\0"), "22021"),
        (message(b'F', &[0; 12]), "0A000"),
        ([message(b'P', b"name"), sync()].concat(), "08P01"),
        ([message(b'B', b"portal"), sync()].concat(), "08P01"),
        ([message(b'E', b"no portal"), sync()].concat(), "08P01"),
        ([extended(b"SELECT '\xC3\x28'"), sync()].concat(), "22021"),
        ([extended(b"SELECT 1"), simple(b"SELECT 2")].concat(), "08P01"),
    ] {
        let mut wire = Wire::admin(&stand_in, false).await;
        wire.raw(&bytes).await;
        let answers = wire.answers().await;
        assert_eq!(outcome(&answers), expected, "{bytes:?}: {answers:?}");
    }
    for (packet, expected) in [(vec![0, 0, 0, 9, 0, 3, 0, 9, 0], "0A000"), (vec![0x7F, 0, 0, 0, 0, 3, 0, 0], "08P01")] {
        let mut wire = Wire::open(&stand_in, true).await;
        wire.raw(&packet).await;
        let (kind, body) = wire.frame().await.unwrap();
        assert_eq!((kind, field(&body, b'C').as_str()), (b'E', expected));
    }
}

#[tokio::test]
async fn a_failure_of_the_stand_in_itself_ends_the_session_with_an_error() {
    let stand_in = start().await;
    for tls in [false, true] {
        let mut wire = Wire::admin(&stand_in, tls).await;
        stand_in.faults().set(Fault::new(Action::Panic));
        let answers = wire.simple("SELECT 1").await;
        assert_eq!(outcome(&answers), "XX000");
        let says = field(&answers[0].1, b'M');
        assert!(says.contains("the stand-in fails on order"), "{says}");
        assert_eq!(wire.frame().await, None);
    }
    all_have_gone(&stand_in).await;
}

#[tokio::test]
async fn a_statement_can_be_cancelled() {
    let stand_in = start().await;
    let slow = "SELECT count(*) FROM pg_attribute a, pg_attribute b, pg_attribute c, pg_attribute d";
    for tls in [false, true] {
        let mut wire = Wire::admin(&stand_in, tls).await;
        for bytes in [simple(slow.as_bytes()), [extended(slow.as_bytes()), sync()].concat()] {
            wire.raw(&bytes).await;
            let mut cancel = Wire::open(&stand_in, tls).await;
            // One that comes before the statement is none.
            let truth = stand_in.superuser("dev").await.unwrap();
            let runs = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'awsuser' AND state = 'active' AND query LIKE '%_attribute d%'";
            while value(&truth, runs).await != "1" {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let request = [&[0, 0, 0, 16, 4, 0xD2, 0x16, 0x2E], wire.key.as_slice()].concat();
            cancel.raw(&request).await;
            // PostgreSQL shows a statement as active between its messages too, and drops what comes then.
            let again = async {
                loop {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    Wire::open(&stand_in, tls).await.raw(&request).await;
                }
            };
            let answers = tokio::select! {
                answers = wire.answers() => answers,
                () = again => unreachable!("it is asked for ever"),
            };
            let (_, error) = answers.iter().find(|(kind, _)| *kind == b'E').unwrap();
            assert_eq!(field(error, b'C'), "57014");
            let says = field(error, b'M');
            assert!(says.starts_with("Query (") && says.ends_with(") cancelled on user's request"), "{says}");
        }
    }
}

#[tokio::test]
async fn no_file_is_opened_and_no_copy_holds_a_lock() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    client.batch_execute("CREATE TABLE copied (a VARCHAR(999))").await.unwrap();
    let mut wire = Wire::admin(&stand_in, false).await;
    for (text, expected) in [
        ("COPY copied FROM STDIN", "0A000"),
        ("COPY copied TO STDOUT", "42601"),
        ("COPY copied FROM '/etc/passwd'", "XX000"),
        ("COPY copied FROM PROGRAM 'id'", "0A000"),
        ("SELECT pg_read_file('/etc/passwd')", "42883"),
        ("SELECT \"pg_read_file\"('/etc/passwd')", "42883"),
        ("SELECT * FROM pg_catalog.pg_ls_dir('/')", "42883"),
        ("SELECT \"pg_stat_file\"('/etc/passwd')", "42883"),
        ("SELECT lo_import('/etc/passwd')", "42883"),
        ("SELECT * FROM \"pg_hba_file_rules\"", "42P01"),
        ("COPY copied FROM 's3://bucket/x' IAM_ROLE DEFAULT", "ok"),
        ("UNLOAD ('SELECT 1') TO 's3://bucket/x' IAM_ROLE DEFAULT", "ok"),
    ] {
        assert_eq!(outcome(&wire.simple(text).await), expected, "{text}");
        assert_eq!(outcome(&wire.extended(text).await), expected, "{text}");
    }
    // Nor by a procedure, nor by what a procedure makes up.
    let body = "EXECUTE 'SELECT 1; COPY copied FROM ''/etc/passwd'''";
    let made = format!("CREATE PROCEDURE reads() AS $$ BEGIN {body}; END; $$ LANGUAGE plpgsql");
    assert_eq!(code(&client, &made).await, "ok");
    assert_eq!(code(&client, "CALL reads()").await, "0A000");
    drop(wire);
    assert_eq!(value(&client, "SELECT count(*) FROM copied").await, "0");
    client.batch_execute("DROP TABLE copied").await.unwrap();
}
