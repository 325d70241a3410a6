//! psql, whose commands for metadata are written for newer servers: some are answered, the rest end with an error.

use std::process::Output;

use redshift_stand_in::StandIn;
use tokio::process::Command;

use crate::support::{admin, run, start};

async fn psql(stand_in: &StandIn, command: &str) -> Output {
    let address = format!("host=localhost port={} user=awsuser dbname=dev sslmode=require", stand_in.port());
    let mut psql = Command::new("psql");
    psql.args(["-X", "-v", "ON_ERROR_STOP=1", &address, "-c", command]);
    psql.env("PGPASSWORD", stand_in.admin_password()).kill_on_drop(true);
    tokio::time::timeout(crate::wire::BOUND, psql.output()).await.expect("psql hangs").unwrap()
}

#[tokio::test]
async fn psqls_lists_are_answered_or_end_with_an_error() {
    let stand_in = start().await;
    let client = admin(&stand_in, "dev").await;
    run(&client, &["CREATE TABLE listed (a INTEGER)", "CREATE VIEW listed_view AS SELECT a FROM listed"]).await;
    // What it takes to reach another database is in no list.
    let late = "CREATE VIEW late_view AS SELECT datname FROM redshift_sample_data.pg_catalog.pg_database WITH NO SCHEMA BINDING";
    run(&client, &[late, "SELECT datname FROM public.late_view"]).await;
    for (command, says) in [
        (r"\d", "listed_view"),
        (r"\dt", "listed"),
        (r"\dv", "listed_view"),
        (r"\dv", "late_view"),
        (r"\d", "late_view"),
        (r"\dn", "public"),
        (r"\conninfo", "SSL connection"),
        (r"\encoding", "UTF8"),
        ("SELECT a FROM listed", "(0 rows)"),
    ] {
        let output = psql(&stand_in, command).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains(says), "{command}: {text}{output:?}");
        assert!(!text.contains("rdsdb:"), "{command}: {text}");
    }
    // They ask for columns that PostgreSQL 8.0 didn't have, or write E'…'.
    for command in [
        r"\sv listed_view",
        r"\d listed",
        r"\d late_view",
        r"\d+ listed",
        r"\l",
        r"\du",
        r"\dp",
        r"\df",
        r"\dn+",
        r"\dt+",
        r"\ddp",
        r"\drds",
    ] {
        let output = psql(&stand_in, command).await;
        let is_answer = output.status.success() || String::from_utf8_lossy(&output.stderr).contains("ERROR:");
        assert!(is_answer, "{command}: {output:?}");
    }
}
