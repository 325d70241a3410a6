//! Faults on order, as clients see them.

use std::time::{Duration, Instant};

use redshift_stand_in::faults::{Action, Fault, detail_block};

use crate::support::{admin, code, config, connect, start, value};
use crate::wire::{Answer, Wire, count, extended, field, outcome, simple, sync};

fn error_of(answers: &[Answer]) -> &[u8] {
    &answers.iter().find(|(kind, _)| *kind == b'E').unwrap().1
}

#[tokio::test]
async fn a_detail_has_numbers_that_differ_from_try_to_try() {
    let stand_in = start().await;
    let mut wire = Wire::admin(&stand_in, false).await;
    let detail = detail_block("Disk Full", 1016, "node: 0", "fdisk_api.cpp:398");
    let refuse = Action::RefuseWithDetail { sqlstate: "XX000".into(), message: "Disk Full".into(), detail };
    stand_in.faults().set(Fault::new(refuse).times(2));
    let (one, other) = (wire.simple("SELECT 1").await, wire.extended("SELECT 1").await);
    let (one, other) = (error_of(&one), error_of(&other));
    assert_eq!((field(one, b'C').as_str(), field(other, b'M').as_str()), ("XX000", "Disk Full"));
    assert_ne!(field(one, b'D'), field(other, b'D'));
    for line in ["code:      1016", "location:  fdisk_api.cpp:398", "process:   padbmaster [pid="] {
        assert!(field(one, b'D').contains(line), "{}", field(one, b'D'));
    }
    assert_eq!(outcome(&wire.simple("SELECT 1").await), "ok");
}

#[tokio::test]
async fn bytes_that_are_no_text_come_in_a_row_and_in_an_error() {
    let stand_in = start().await;
    let mut wire = Wire::admin(&stand_in, true).await;
    stand_in.faults().set(Fault::new(Action::RowWithoutText));
    let answers = wire.simple("SELECT 'first' UNION ALL SELECT 'second'").await;
    let rows: Vec<_> = answers.iter().filter(|(kind, _)| *kind == b'D').collect();
    assert!(rows[0].1.ends_with(b"\xC3\x28rst") && rows[1].1.ends_with(b"second"), "{rows:?}");
    stand_in.faults().set(Fault::new(Action::RefuseWithoutText { sqlstate: "XX000".into() }));
    let answers = wire.extended("SELECT 1").await;
    assert!(String::from_utf8(error_of(&answers).to_vec()).is_err());
    assert_eq!(outcome(&answers), "XX000");
}

#[tokio::test]
async fn a_notice_comes_before_the_answer() {
    let stand_in = start().await;
    let mut wire = Wire::admin(&stand_in, false).await;
    stand_in.faults().set(Fault::new(Action::Notice { message: "by the way".into() }));
    let answers = wire.simple("SELECT 1").await;
    assert_eq!((answers[0].0, field(&answers[0].1, b'S').as_str()), (b'N', "NOTICE"));
    assert_eq!((field(&answers[0].1, b'M').as_str(), outcome(&answers).as_str()), ("by the way", "ok"));
}

#[tokio::test]
async fn rows_without_an_end_end_with_the_client() {
    let stand_in = start().await;
    let mut wire = Wire::admin(&stand_in, true).await;
    stand_in.faults().set(Fault::new(Action::EndlessRows));
    wire.raw(&simple(b"SELECT 1")).await;
    assert_eq!(wire.frame().await.unwrap().0, b'T');
    for _ in 0..20_000 {
        assert_eq!(wire.frame().await.unwrap(), (b'D', b"\0\x01\0\0\0\x03row".to_vec()));
    }
    drop(wire);
    while stand_in.connections().0 > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_answer_that_drips_is_whole_in_the_end() {
    let stand_in = start().await;
    let mut wire = Wire::admin(&stand_in, true).await;
    stand_in.faults().set(Fault::new(Action::Drip { bytes: 10, milliseconds: 10 }).times(2));
    for slow in [simple(b"SELECT 'dripping'"), [extended(b"SELECT 'dripping'"), sync()].concat()] {
        let started = Instant::now();
        wire.raw(&slow).await;
        let answers = wire.answers().await;
        assert!(started.elapsed() >= Duration::from_millis(20), "{:?}", started.elapsed());
        assert_eq!((count(&answers, b'D'), outcome(&answers).as_str()), (1, "ok"));
    }
}

#[tokio::test]
async fn a_login_is_refused_in_one_database_and_not_in_another() {
    let stand_in = start().await;
    let refuse = Action::RefuseLogin { sqlstate: "XX000".into(), message: "not today".into() };
    stand_in.faults().set(Fault::new(refuse).in_database("dev").times(2));
    let to = |database: &str| config(&stand_in, "awsuser", stand_in.admin_password(), database);
    assert_eq!(connect(&to("dev")).await.unwrap_err().code().unwrap().code(), "XX000");
    connect(&to("redshift_sample_data")).await.unwrap();
    assert!(connect(&to("dev")).await.is_err());
    connect(&to("dev")).await.unwrap();
}

#[tokio::test]
async fn a_warehouse_that_has_to_wake_up_says_nothing_until_it_has() {
    let stand_in = start().await;
    stand_in.faults().set(Fault::new(Action::ColdStart { milliseconds: 300 }));
    for at_least in [300, 0] {
        let started = Instant::now();
        let mut wire = Wire::open(&stand_in, true).await;
        wire.start_up(&[("user", "awsuser"), ("database", "dev")]).await;
        assert_eq!(wire.frame().await.unwrap().0, b'R');
        let took = started.elapsed().as_millis();
        assert!(took >= at_least, "{took} ms");
    }
}

#[tokio::test]
async fn faults_fire_in_the_extended_protocol_too() {
    let stand_in = start().await;
    let truth = admin(&stand_in, "dev").await;
    let mut wire = Wire::admin(&stand_in, false).await;
    let refuse = Action::Refuse { sqlstate: "57014".into(), message: "no {statement}".into() };
    stand_in.faults().set(Fault::new(refuse).at("CREATE TABLE one"));
    let answers = wire.extended("CREATE TABLE one (a INTEGER)").await;
    assert_eq!(field(error_of(&answers), b'M'), "no CREATE TABLE one (a INTEGER)");
    stand_in.faults().set(Fault::new(Action::DropBefore).at("CREATE TABLE two"));
    assert_eq!(outcome(&wire.extended("CREATE TABLE two (a INTEGER)").await), "lost");
    let mut wire = Wire::admin(&stand_in, false).await;
    stand_in.faults().set(Fault::new(Action::DropAfter).at("CREATE TABLE three"));
    assert_eq!(outcome(&wire.extended("CREATE TABLE three (a INTEGER)").await), "lost");
    for (table, expected) in [("one", "42P01"), ("two", "42P01"), ("three", "ok")] {
        assert_eq!(code(&truth, &format!("SELECT a FROM {table}")).await, expected, "{table}");
    }
    let mut wire = Wire::admin(&stand_in, false).await;
    stand_in.faults().set(Fault::new(Action::HoldBefore).at("CREATE TABLE four"));
    wire.raw(&[extended(b"CREATE TABLE four (a INTEGER)"), sync(), simple(b"SELECT 4")].concat()).await;
    stand_in.faults().held().await;
    assert_eq!(code(&truth, "SELECT a FROM four").await, "42P01");
    stand_in.faults().release();
    assert_eq!(outcome(&wire.answers().await), "ok");
    // What was sent meanwhile isn't lost.
    assert_eq!(outcome(&wire.answers().await), "ok");
    assert_eq!(value(&truth, "SELECT count(*) FROM four").await, "0");
}
