//! Impersonation, and the attacks that it must hold against. What the attacker sees is asserted.

use k8s_openapi::api::core::v1::Secret;
use redshift_integration_operator::api::ValidationStatus;
use serde_json::json;
use tokio_postgres::Client;

use crate::support::{World, admin, login, rows, tests_with};

const ACCOUNT: &str = "immuta_system_account";
const OWN_ROW: &str = "SELECT immuta__userid, immuta__groups FROM immuta_system.user_profile";

fn text(secret: &Secret, key: &str) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap()
}

/// A warehouse with impersonation, and people: `ann` may impersonate, `mallory` may not, `bob` is who
/// they would like to be.
struct Town {
    world: World,
    dba: Client,
}

impl Town {
    async fn new() -> Self {
        let world = World::new().await;
        world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
        world.until_phase("enabled").await;
        let dba = admin(&world.stand_in, "immuta").await;
        let town = Self { world, dba };
        let account = town.account().await;
        for user in ["ann", "bob", "mallory"] {
            town.dba.batch_execute(&format!("CREATE USER {user} PASSWORD 'Abcd1234'")).await.unwrap();
            let insert = format!("INSERT INTO immuta_system.profile VALUES ('{user}', 'of {user}', '', '', getdate())");
            account.batch_execute(&insert).await.unwrap();
        }
        account.batch_execute("CALL immuta_procedures.grant_impersonation('ann')").await.unwrap();
        town
    }

    async fn account(&self) -> Client {
        let secret = self.world.secrets().get("analytics-system-account").await.unwrap();
        login(&self.world.stand_in, ACCOUNT, &text(&secret, "password"), "immuta").await.unwrap()
    }

    async fn log_in(&self, user: &str) -> Client {
        login(&self.world.stand_in, user, "Abcd1234", "immuta").await.unwrap()
    }
}

/// The error's code and text.
async fn refusal(client: &Client, sql: &str) -> String {
    match client.simple_query(sql).await {
        Ok(messages) => panic!("{sql} went well: {} messages", messages.len()),
        Err(error) => {
            let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error:?}"));
            format!("{} {}", error.code().code(), error.message())
        }
    }
}

async fn impersonate(client: &Client, user: &str) {
    client.batch_execute(&format!("CALL immuta_procedures.impersonate_user('{user}')")).await.unwrap();
}

async fn token(client: &Client) -> String {
    rows(client, "SELECT current_setting('immuta.impersonation', FALSE)").await.remove(0)
}

async fn set_token(client: &Client, token: &str) {
    let token = token.replace('\\', "\\\\").replace('\'', "''");
    client.batch_execute(&format!("SET immuta.impersonation TO '{token}'")).await.unwrap();
}

const NOBODY: [&str; 0] = [];

#[tokio::test]
async fn a_member_acts_as_another_until_the_end() {
    let town = Town::new().await;
    let passed = tests_with(&town.world.get().await, ValidationStatus::Passed);
    assert!(passed.contains_key("Validate System Account: Impersonation Is In Place"), "{passed:?}");
    let ann = town.log_in("ann").await;
    assert_eq!(rows(&ann, OWN_ROW).await, ["ann|of ann"]);
    impersonate(&ann, "bob").await;
    assert_eq!(rows(&ann, OWN_ROW).await, ["bob|of bob"]);
    // Another one, without an end in between.
    impersonate(&ann, "mallory").await;
    assert_eq!(rows(&ann, OWN_ROW).await, ["mallory|of mallory"]);
    // Somebody without a row has none.
    impersonate(&ann, "nobody").await;
    assert_eq!(rows(&ann, OWN_ROW).await, NOBODY);
    ann.batch_execute("CALL immuta_procedures.impersonate_user(NULL)").await.unwrap();
    assert_eq!(rows(&ann, OWN_ROW).await, ["ann|of ann"]);
    impersonate(&ann, "bob").await;
    ann.batch_execute("RESET immuta.impersonation").await.unwrap();
    assert_eq!(rows(&ann, OWN_ROW).await, ["ann|of ann"]);
    assert!(refusal(&ann, "CALL immuta_procedures.impersonate_user('')").await.contains("needs the name of a user"));
    // Everybody else sees what they saw before.
    assert_eq!(rows(&town.log_in("bob").await, OWN_ROW).await, ["bob|of bob"]);
}

#[tokio::test]
async fn who_is_no_member_cannot_begin() {
    let town = Town::new().await;
    let mallory = town.log_in("mallory").await;
    for call in [
        "CALL immuta_procedures.impersonate_user('bob')",
        "CALL immuta_procedures.impersonate_user(NULL)",
        "CALL immuta_procedures.grant_impersonation('mallory')",
        "CALL immuta_procedures.revoke_impersonation('ann')",
    ] {
        assert!(refusal(&mallory, call).await.starts_with("42501 permission denied for procedure"), "{call}");
    }
    // Nor may a member make others members.
    let ann = town.log_in("ann").await;
    for call in [
        "CALL immuta_procedures.grant_impersonation('mallory')",
        "CALL immuta_procedures.revoke_impersonation('ann')",
        "GRANT ROLE immuta_impersonation TO mallory",
    ] {
        let words = refusal(&ann, call).await;
        assert!(words.starts_with("42501"), "{call}: {words}");
    }
    // PostgreSQL warns that nothing was granted, and nothing was.
    let grant = "GRANT EXECUTE ON PROCEDURE immuta_procedures.impersonate_user(VARCHAR) TO mallory";
    let _ = ann.batch_execute(grant).await;
    assert!(refusal(&mallory, "CALL immuta_procedures.impersonate_user('bob')").await.starts_with("42501"));
    assert_eq!(rows(&mallory, OWN_ROW).await, ["mallory|of mallory"]);
}

#[tokio::test]
async fn a_variable_set_by_hand_gives_nothing() {
    let town = Town::new().await;
    let ann = town.log_in("ann").await;
    impersonate(&ann, "bob").await;
    let good = token(&ann).await;
    let (mac, claims) = (&good[..64], &good[65..]);
    let (expiry, target) = claims.split_once('|').unwrap();
    assert_eq!((expiry.len(), target), (14, "bob"));
    let later = (expiry.parse::<u64>().unwrap() + 10_000_000_000).to_string();
    let flipped = format!("{}{}", if mac.starts_with('0') { '1' } else { '0' }, &mac[1..]);
    let attempts = [
        ("a name alone", "bob".to_owned()),
        ("no MAC", format!("|{claims}")),
        ("a MAC of noughts", format!("{}|{claims}", "0".repeat(64))),
        ("another target", format!("{mac}|{expiry}|mallory")),
        ("a later expiry", format!("{mac}|{later}|{target}")),
        ("target and expiry swapped", format!("{mac}|{target}|{expiry}")),
        ("one byte less", good[..good.len() - 1].to_owned()),
        ("one byte more", format!("{good}x")),
        ("a blank behind", format!("{good} ")),
        ("one bit of the MAC", format!("{flipped}|{claims}")),
        ("the MAC in capitals", format!("{}|{claims}", mac.to_uppercase())),
        ("other separators", good.replace('|', ":")),
        ("only a blank", " ".to_owned()),
        ("the MAC alone", mac.to_owned()),
        ("SQL", "' OR '1'='1".to_owned()),
    ];
    for (attempt, value) in attempts {
        if value == good {
            continue;
        }
        set_token(&ann, &value).await;
        assert_eq!(rows(&ann, OWN_ROW).await, NOBODY, "{attempt}");
    }
    // The good one is good as long as nothing else changes, however it got there.
    set_token(&ann, &good).await;
    assert_eq!(rows(&ann, OWN_ROW).await, ["bob|of bob"]);
}

#[tokio::test]
async fn a_token_is_worthless_elsewhere() {
    let town = Town::new().await;
    let ann = town.log_in("ann").await;
    impersonate(&ann, "bob").await;
    let stolen = token(&ann).await;
    // By another user, and in another session of the same user.
    for user in ["mallory", "ann"] {
        let thief = town.log_in(user).await;
        set_token(&thief, &stolen).await;
        assert_eq!(rows(&thief, OWN_ROW).await, NOBODY, "{user}");
    }
    // In another time zone, whose clock would give it more time.
    ann.batch_execute("SET timezone TO 'America/Los_Angeles'").await.unwrap();
    assert_eq!(rows(&ann, OWN_ROW).await, NOBODY);
    ann.batch_execute("SET timezone TO 'UTC'").await.unwrap();
    assert_eq!(rows(&ann, OWN_ROW).await, ["bob|of bob"]);
}

#[tokio::test]
async fn a_token_expires() {
    let town = Town::new().await;
    // What the procedure would have made eight hours and a second ago, with the true key.
    let truth = town.world.stand_in.superuser("immuta").await.unwrap();
    let ann = town.log_in("ann").await;
    let pid = rows(&ann, "SELECT pg_backend_pid()").await.remove(0);
    let key = rows(&truth, "SELECT secret FROM immuta_system.impersonation_key").await.remove(0);
    let make = |seconds: i64| {
        let (truth, key, pid) = (&truth, &key, &pid);
        async move {
            let claims = rows(
                truth,
                &format!("SELECT to_char(getdate() + INTERVAL '{seconds} seconds', 'YYYYMMDDHH24MISS') || '|bob'"),
            )
            .await
            .remove(0);
            let inner = format!("inner|{key}|3:ann|{pid}|3:UTC|{claims}");
            let mac = rows(truth, &format!("SELECT sha2('outer|{key}|' || sha2('{inner}', 256), 256)")).await.remove(0);
            format!("{mac}|{claims}")
        }
    };
    set_token(&ann, &make(3600).await).await;
    assert_eq!(rows(&ann, OWN_ROW).await, ["bob|of bob"], "the test's own way of making a token is right");
    set_token(&ann, &make(-1).await).await;
    assert_eq!(rows(&ann, OWN_ROW).await, NOBODY);
    // And those that the procedure makes are good for eight hours, no more.
    impersonate(&ann, "bob").await;
    let expiry = token(&ann).await[65..79].to_owned();
    let bounds = "SELECT to_char(getdate() + INTERVAL '7 hours 59 minutes', 'YYYYMMDDHH24MISS'), \
                  to_char(getdate() + INTERVAL '8 hours', 'YYYYMMDDHH24MISS')";
    let bounds = rows(&truth, bounds).await.remove(0);
    let (low, high) = bounds.split_once('|').unwrap();
    assert!((low..=high).contains(&expiry.as_str()), "{low} {expiry} {high}");
}

#[tokio::test]
async fn nothing_gives_the_key_or_the_rows_of_others_away() {
    let town = Town::new().await;
    let truth = town.world.stand_in.superuser("immuta").await.unwrap();
    let key = rows(&truth, "SELECT secret FROM immuta_system.impersonation_key").await.remove(0);
    for user in ["mallory", "ann"] {
        let thief = town.log_in(user).await;
        let mut seen = Vec::new();
        for forbidden in [
            "SELECT * FROM immuta_system.impersonation_key",
            "SELECT * FROM immuta_system.profile",
            "SELECT * FROM immuta_system.registry",
            "SELECT count(*) FROM immuta_system.profile",
            "EXPLAIN SELECT * FROM immuta_system.impersonation_key",
            "UPDATE immuta_system.profile SET immuta__groups = 'all'",
            "DELETE FROM immuta_system.impersonation_key",
            "INSERT INTO immuta_system.impersonation_key VALUES ('x')",
            "CREATE TABLE immuta_system.mine (a INTEGER)",
            "CREATE OR REPLACE VIEW immuta_system.user_profile AS SELECT 1",
            "DROP VIEW immuta_system.user_profile",
            "CREATE OR REPLACE PROCEDURE immuta_procedures.impersonate_user(target VARCHAR(128)) AS $$ BEGIN NULL; END; $$ \
             LANGUAGE plpgsql",
            "SET SESSION AUTHORIZATION immuta_system_account",
            "GRANT ROLE immuta_system_account TO mallory",
        ] {
            let words = refusal(&thief, forbidden).await;
            // Not allowed, no such syntax, or no such role: the account is a user.
            assert!(["42501", "42601", "42704"].contains(&&words[..5]), "{forbidden}: {words}");
            seen.push(words);
        }
        // Predicates that fail with what they see in their words, and predicates of the thief's own making,
        // run above the aggregate: they see the thief's own row.
        for predicate in [
            "CAST(immuta__groups AS INTEGER) = 1",
            "1 / (CASE WHEN immuta__userid = 'bob' THEN 0 ELSE 1 END) = 1",
            "CAST(immuta__userid || 'x' AS INTEGER) = 1",
        ] {
            let sql = format!("SELECT immuta__userid FROM immuta_system.user_profile WHERE {predicate}");
            match thief.simple_query(&sql).await {
                Ok(_) => {}
                Err(error) => seen.push(format!("{:?}", error.as_db_error())),
            }
        }
        seen.extend(rows(&thief, "EXPLAIN VERBOSE SELECT * FROM immuta_system.user_profile").await);
        for catalogue in [
            "SELECT definition FROM pg_views WHERE schemaname = 'immuta_system'",
            "SELECT prosrc FROM pg_proc p INNER JOIN pg_namespace n ON n.oid = p.pronamespace WHERE nspname = 'immuta_procedures'",
            "SELECT query FROM pg_stat_activity",
        ] {
            if let Ok(messages) = thief.simple_query(catalogue).await {
                seen.push(format!("{messages:?}"));
            }
        }
        for words in seen {
            assert!(!words.contains(&key), "the key shows: {words}");
            assert!(!words.contains("of bob"), "somebody else's row shows: {words}");
        }
    }
}

#[tokio::test]
async fn objects_of_the_same_name_are_not_taken_for_ours() {
    let town = Town::new().await;
    let ann = town.log_in("ann").await;
    // In `public`, where everybody may create, among temporary tables, and in front on the path.
    for statement in [
        "CREATE TABLE public.impersonation_key (secret VARCHAR(64))",
        "CREATE TABLE public.profile (immuta__userid VARCHAR(128), immuta__groups VARCHAR(64))",
        "CREATE TEMP TABLE impersonation_key (secret VARCHAR(64))",
        "CREATE TEMP TABLE profile (immuta__userid VARCHAR(128), immuta__groups VARCHAR(64))",
        "INSERT INTO public.impersonation_key VALUES ('known')",
        "INSERT INTO impersonation_key VALUES ('known')",
        "INSERT INTO profile VALUES ('ann', 'all of them')",
        "CREATE FUNCTION public.sha2(VARCHAR, INTEGER) RETURNS VARCHAR STABLE AS $$ SELECT 'known'::varchar $$ LANGUAGE sql",
        "CREATE FUNCTION public.len(VARCHAR) RETURNS INTEGER STABLE AS $$ SELECT 64 $$ LANGUAGE sql",
        "SET search_path TO public, immuta_system",
    ] {
        ann.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    assert_eq!(rows(&ann, OWN_ROW).await, ["ann|of ann"]);
    impersonate(&ann, "bob").await;
    assert_ne!(&token(&ann).await[..5], "known");
    assert_eq!(rows(&ann, OWN_ROW).await, ["bob|of bob"]);
}

#[tokio::test]
async fn names_of_any_kind_are_told_apart() {
    let town = Town::new().await;
    let account = town.account().await;
    // Quotes, backslashes, our own separators, and a name that is another's with a blank behind.
    let names = ["o'brien", r"back\slash", "a|b", "3:ann|9", "IAM:bob@example.com", "ann ", "Ann", "ünïcode"];
    for name in names {
        let literal = name.replace('\\', "\\\\").replace('\'', "''");
        let insert =
            format!("INSERT INTO immuta_system.profile VALUES ('{literal}', 'of {literal}', '', '', getdate())");
        account.batch_execute(&insert).await.unwrap();
    }
    let ann = town.log_in("ann").await;
    for name in names {
        let literal = name.replace('\\', "\\\\").replace('\'', "''");
        impersonate(&ann, &literal).await;
        assert_eq!(rows(&ann, OWN_ROW).await, [format!("{name}|of {name}")]);
    }
    // A member with such a name, made by the procedure.
    town.dba.batch_execute("CREATE USER \"IAM:it's\\me\" PASSWORD 'Abcd1234'").await.unwrap();
    account.batch_execute(r"CALL immuta_procedures.grant_impersonation('IAM:it''s\\me')").await.unwrap();
    let odd = login(&town.world.stand_in, r"IAM:it's\me", "Abcd1234", "immuta").await.unwrap();
    impersonate(&odd, "bob").await;
    assert_eq!(rows(&odd, OWN_ROW).await, ["bob|of bob"]);
    // What would be a statement of its own is a name that doesn't exist.
    let words = refusal(&account, "CALL immuta_procedures.grant_impersonation('ann; GRANT ROLE x TO y')").await;
    assert!(words.contains("does not exist"), "{words}");
}

#[tokio::test]
async fn two_rows_of_one_user_count_as_none() {
    let town = Town::new().await;
    let account = town.account().await;
    account.batch_execute("INSERT INTO immuta_system.profile VALUES ('ann', 'more', '', '', getdate())").await.unwrap();
    assert_eq!(rows(&town.log_in("ann").await, OWN_ROW).await, NOBODY);
}

#[tokio::test]
async fn a_revoked_member_cannot_begin_again() {
    let town = Town::new().await;
    let ann = town.log_in("ann").await;
    impersonate(&ann, "bob").await;
    town.account().await.batch_execute("CALL immuta_procedures.revoke_impersonation('ann')").await.unwrap();
    // The session that runs keeps what it has, until it expires: documented.
    assert_eq!(rows(&ann, OWN_ROW).await, ["bob|of bob"]);
    let words = refusal(&ann, "CALL immuta_procedures.impersonate_user('mallory')").await;
    assert!(words.starts_with("42501"), "{words}");
    let words = refusal(&town.log_in("ann").await, "CALL immuta_procedures.impersonate_user('bob')").await;
    assert!(words.starts_with("42501"), "{words}");
}

#[tokio::test]
async fn two_sessions_know_nothing_of_each_other() {
    let town = Town::new().await;
    let (one, other) = (town.log_in("ann").await, town.log_in("ann").await);
    impersonate(&one, "bob").await;
    assert_eq!(rows(&other, OWN_ROW).await, ["ann|of ann"]);
    impersonate(&other, "mallory").await;
    assert_eq!(rows(&one, OWN_ROW).await, ["bob|of bob"]);
    // A call leaves no lock: in the middle of a transaction nobody waits for it.
    one.batch_execute("BEGIN").await.unwrap();
    impersonate(&one, "mallory").await;
    impersonate(&other, "bob").await;
    assert_eq!(rows(&other, OWN_ROW).await, ["bob|of bob"]);
    one.batch_execute("COMMIT").await.unwrap();
}
