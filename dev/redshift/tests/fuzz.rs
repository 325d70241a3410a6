//! Statements that nobody would write, whole and in part, by both protocols: something always comes back.
//!
//! `REDSHIFT_STAND_IN_FUZZ` says how many statements there are, `REDSHIFT_STAND_IN_SEED` with what the numbers begin.

use redshift_stand_in::StandIn;
use redshift_stand_in::dialect::{SessionContext, judge, question, split};

use crate::support::{start, value};
use crate::wire::{Answer, Wire, count, extended, message, outcome, simple, sync};

const WORKERS: u64 = 2;

/// Beginnings of what the documentation's statements don't have.
const MORE: &[&str] = &[
    "ALTER USER dbuser RESET SESSION TIMEOUT",
    "ALTER USER dbuser SESSION TIMEOUT 60 EXTERNALID \"x\" SYSLOG ACCESS UNRESTRICTED",
    "ALTER USER dbuser SET enable_case_sensitive_identifier TO true",
    "CREATE TABLE stored (a INTEGER ENCODE zstd IDENTITY(1, 1), b VARCHAR(9) UNIQUE, PRIMARY KEY (a)) BACKUP NO DISTSTYLE KEY DISTKEY (a) COMPOUND SORTKEY (a, b)",
    "CREATE TEMP TABLE passing (a INTEGER) DISTSTYLE EVEN",
    "CREATE EXTERNAL SCHEMA IF NOT EXISTS lake FROM DATA CATALOG DATABASE 'x' IAM_ROLE DEFAULT",
    "CREATE OR REPLACE PROCEDURE us_sales.q(a INOUT INTEGER) AS $q$ DECLARE r RECORD; x VARCHAR(9) := 'a'; BEGIN FOR r IN SELECT id FROM us_sales.orders LOOP x := 'b'; EXIT WHEN x = 'b'; END LOOP; IF a > 1 THEN EXECUTE 'SELECT 1' INTO a; ELSE RAISE NOTICE '%', x; END IF; UPDATE us_sales.orders SET note = x; END; $q$ LANGUAGE plpgsql",
    "SELECT current_setting('a.b', FALSE), regexp_replace('a', 'b', 'c'), extract(year FROM sysdate) FROM us_sales.orders o, (SELECT 1 AS x) y WHERE o.id IN (1, 2) AND note LIKE 'a\\\\_%'",
    "WITH x AS (SELECT id FROM us_sales.orders) SELECT listagg(id, ',') FROM x",
    "INSERT INTO us_sales.orders (id, note) VALUES (2, 'two'), (3, NULL)",
    "DELETE FROM us_sales.orders USING us_sales.late WHERE orders.id = late.id",
    "MERGE INTO us_sales.orders USING us_sales.late ON orders.id = late.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1, 'x', NULL)",
    "REVOKE GRANT OPTION FOR SELECT, DROP, ALTER ON us_sales.orders FROM GROUP admin_group",
    "ALTER DEFAULT PRIVILEGES FOR USER dbuser IN SCHEMA us_sales, public REVOKE GRANT OPTION FOR EXECUTE ON PROCEDURES FROM ROLE sample_role1, PUBLIC",
    "COPY us_sales.orders (id, note) FROM 's3://bucket/key' IAM_ROLE DEFAULT CSV",
    "UNLOAD ('SELECT 1') TO 's3://bucket/key' IAM_ROLE DEFAULT",
    "COPY us_sales.orders FROM STDIN",
    "SET SESSION AUTHORIZATION dbuser",
    "RESET SESSION AUTHORIZATION",
    "SHOW VIEW us_sales.late",
    "SHOW PROCEDURE us_sales.p(INTEGER)",
    "SET SEED TO .25",
    "DROP PROCEDURE us_sales.q(INTEGER)",
    "DROP USER valid_user",
    "DECLARE c CURSOR FOR SELECT 1",
    "FETCH ALL FROM c",
    "PREPARE p (INTEGER) AS SELECT $1",
    "EXECUTE p (1)",
    "START TRANSACTION READ WRITE",
    "END",
    "ABORT",
    "SELECT 'unclosed",
    "SELECT \"unclosed",
    "SELECT $tag$ unclosed",
    "SELECT /* unclosed",
    "ALTER DATABASE sampledb CONNECTION LIMIT UNLIMITED",
    "DROP SCHEMA us_sales CASCADE",
    "SELECT id + 1 AS a, a * 2 AS b FROM us_sales.orders WHERE b > 1",
    "WITH x AS (SELECT * EXCLUDE (note) FROM us_sales.orders) SELECT * FROM x QUALIFY rank() OVER (ORDER BY id) = 1 ORDER BY 1 LIMIT 1",
    "SELECT DISTINCT TOP 2 note FROM us_sales.orders o WHERE id > 0 QUALIFY count(*) OVER () > 0 UNION SELECT lag(note, 1) IGNORE NULLS OVER (ORDER BY id) FROM us_sales.orders",
    "SHOW COLUMNS FROM TABLE dev.us_sales.orders LIKE '%'",
];

/// Numbers that are the same in every run. <https://prng.di.unimi.it/splitmix64.c>
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// A statement, or what is left of one, or two that grew into each other.
fn statement(numbers: &mut Numbers, corpus: &[&str]) -> Vec<u8> {
    let whole = numbers.one(corpus);
    let mut words: Vec<_> = whole.split_inclusive(' ').collect();
    let text = match numbers.below(12) {
        0..4 => whole.to_owned(),
        4..7 => words[..=numbers.below(words.len())].concat().trim_end().to_owned(),
        7 => {
            let mut end = numbers.below(whole.len() + 1);
            while !whole.is_char_boundary(end) {
                end -= 1;
            }
            whole[..end].to_owned()
        }
        8 => {
            words.remove(numbers.below(words.len()));
            words.concat()
        }
        9 => {
            let at = numbers.below(words.len());
            let other: Vec<_> = numbers.one(corpus).split_inclusive(' ').collect();
            words.insert(at, other[numbers.below(other.len())]);
            words.concat()
        }
        10 => format!("{whole}; {}", numbers.one(corpus)),
        _ => {
            let other = numbers.one(corpus);
            let half = other.split_inclusive(' ').skip(2).collect::<String>();
            format!("{}{half}", words[..=numbers.below(words.len())].concat())
        }
    };
    let mut bytes = text.into_bytes();
    if !bytes.is_empty() && numbers.below(40) == 0 {
        let at = numbers.below(bytes.len());
        bytes[at] = u8::try_from(numbers.below(256)).unwrap();
    }
    bytes
}

/// Sends a statement in some way and reads all that comes back; `false` if the session is over.
async fn send(numbers: &mut Numbers, wire: &mut Wire, sql: &[u8]) -> bool {
    match numbers.below(100) {
        0..45 => wire.raw(&simple(sql)).await,
        45..85 => wire.raw(&[extended(sql), sync()].concat()).await,
        // Prepared first, then executed twice.
        85..95 => {
            wire.raw(&[message(b'P', &[b"n\0", sql, &[0, 0, 0]].concat()), message(b'D', b"Sn\0"), sync()].concat())
                .await;
            look_at(&wire.answers().await, sql);
            let run = [message(b'B', b"\0n\0\0\0\0\0\0\0"), message(b'E', &[0; 5])].concat();
            wire.raw(&[run.clone(), run, message(b'C', b"Sn\0"), sync()].concat()).await;
        }
        // Ahead of each other, without a pause.
        95..98 => {
            wire.raw(&[extended(sql), extended(b"SELECT 1"), sync(), simple(b"SELECT 2")].concat()).await;
            look_at(&wire.answers().await, sql);
        }
        // Half of it, and then silence.
        _ => {
            let all = [extended(sql), sync(), simple(sql)].concat();
            let end = numbers.below(all.len());
            wire.raw(&all[..end]).await;
            wire.half_close().await;
            while let Some(answer) = wire.frame().await {
                look_at(&[answer], sql);
            }
            return false;
        }
    }
    let answers = wire.answers().await;
    look_at(&answers, sql);
    outcome(&answers) != "lost" && answers.last().is_some_and(|(kind, _)| *kind == b'Z')
}

fn look_at(answers: &[Answer], sql: &[u8]) {
    let failed = answers
        .iter()
        .any(|(kind, body)| *kind == b'E' && String::from_utf8_lossy(body).contains("the stand-in failed"));
    assert!(!failed, "{}: {answers:?}", String::from_utf8_lossy(sql));
}

async fn work(stand_in: &StandIn, seed: u64, statements: usize) {
    let mut numbers = Numbers(seed);
    let corpus = corpus();
    let mut wire = None;
    for number in 0..statements {
        let open: &mut Wire = match &mut wire {
            Some(wire) => wire,
            none => {
                let mut opened = Wire::admin(stand_in, numbers.below(2) == 0).await;
                // What two tables and no condition would take for ever.
                opened.simple("SET statement_timeout TO 20000").await;
                none.insert(opened)
            }
        };
        let sql = statement(&mut numbers, &corpus);
        let goes_on = send(&mut numbers, open, &sql).await;
        if !goes_on || number % 50 == 49 {
            wire = None;
        }
    }
}

fn corpus() -> Vec<&'static str> {
    let documented = include_str!("documented.sql").split("\n\n").map(|text| text.trim().trim_end_matches(';'));
    documented.chain(MORE.iter().copied()).collect()
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// Without a server there is time for twenty times as many.
#[test]
fn whatever_is_sent_has_a_verdict() {
    let mut numbers = Numbers(from_environment("REDSHIFT_STAND_IN_SEED", 1));
    let superuser = SessionContext {
        user: "awsuser".to_owned(),
        database: "dev".to_owned(),
        superuser: true,
        may_become_others: true,
        in_transaction: false,
        first_in_transaction: false,
        in_procedure: false,
        case_sensitive: false,
        metadata_security: false,
        serverless: false,
        late_views: true,
        readers_use_schemas: false,
    };
    let lesser = SessionContext { superuser: false, may_become_others: false, serverless: true, ..superuser.clone() };
    let procedure = SessionContext { in_procedure: true, in_transaction: true, ..superuser.clone() };
    let corpus = corpus();
    let mut panics = std::collections::BTreeSet::new();
    for _ in 0..from_environment("REDSHIFT_STAND_IN_FUZZ", 600) * 20 {
        let sql = String::from_utf8_lossy(&statement(&mut numbers, &corpus)).into_owned();
        let judged = std::panic::catch_unwind(|| {
            for span in split(&sql).unwrap_or_default() {
                for context in [&superuser, &lesser, &procedure] {
                    let _ = judge(&sql[span.clone()], context);
                    let _ = question(&sql[span.clone()], context, false)
                        .map(|asked| asked.map(|asked| asked.answered(&[])));
                }
            }
        });
        if judged.is_err() {
            panics.insert(sql);
        }
    }
    assert!(panics.is_empty(), "{panics:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_is_answered() {
    let statements = from_environment("REDSHIFT_STAND_IN_FUZZ", 600);
    let seed = from_environment("REDSHIFT_STAND_IN_SEED", 1);
    let stand_in = std::sync::Arc::new(start().await);
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let stand_in = stand_in.clone();
        let share = usize::try_from(statements / WORKERS).unwrap();
        workers.spawn(async move { work(&stand_in, seed.wrapping_mul(1_000_003) + worker, share).await });
    }
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
        stand_in.journal().clear();
    }
    while stand_in.connections().0 > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let truth = stand_in.superuser("dev").await.unwrap();
    let left = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename <> 'rdsdb'";
    while value(&truth, left).await != "0" {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let mut wire = Wire::admin(&stand_in, true).await;
    assert_eq!(count(&wire.simple("SELECT 1").await, b'D'), 1);
}
