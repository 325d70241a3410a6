//! The scripts that a person runs, with psql playing the person: they set up just what the operator sets up, and whatever
//! is done wrongly with them changes nothing and is told.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use redshift_stand_in::{Options, StandIn};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Dump, World, admin, assert_same, merge, patience, rows};

mod edits;
mod passwords;
mod removals;
mod sqlfluff;

const BINARY: &str = env!("CARGO_BIN_EXE_redshift-integration-operator");
const UID: &str = "6b1d7b6e-9f0c-4c7e-8d2f-0c8d1f3d5a10";
const PASSWORD: &str = "Canary-7f3a-of-the-account";
const CLAIM_PASSWORD: &str = "Canary-7f3a-of-the-claim";

/// A person with a manifest, the Secret that belongs to it, and psql.
struct Person {
    stand_in: Arc<StandIn>,
    folder: TempDir,
    database: String,
}

/// What psql came to: whether it succeeded, and the errors it showed.
type Outcome = (bool, String);

impl Person {
    async fn new(config: Value) -> Self {
        Self::on(Arc::new(StandIn::start(Options::default()).await.unwrap()), &config)
    }

    /// On a warehouse with a past.
    fn on(stand_in: Arc<StandIn>, config: &Value) -> Self {
        let mut spec = json!({"autoBootstrap": false, "config": {
            "host": stand_in.host(), "port": stand_in.port(), "database": "immuta", "initialDatabase": "DEV",
            "authenticationType": "userPassword", "impersonation": {"enabled": true},
        }});
        merge(&mut spec, json!({"config": config}));
        let config = &spec["config"];
        let database = config["database"].as_str().unwrap().to_owned();
        let mode = config["databaseMode"].as_str().unwrap_or("Create");
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "analytics-system-account", "namespace": "data-platform",
                         "labels": {"redshift-governance.dev/integration-uid": UID}},
            "stringData": {
                "username": "immuta_system_account", "password": PASSWORD, "claimPassword": CLAIM_PASSWORD,
                "claimUsername": "redshift_governance_claim", "host": stand_in.host(),
                "port": stand_in.port().to_string(), "database": database, "databaseMode": mode,
                "impersonationRole": "immuta_impersonation",
            },
        });
        let resource = json!({
            "apiVersion": "redshift-governance.dev/v1alpha1", "kind": "RedshiftIntegration",
            "metadata": {"name": "analytics", "namespace": "data-platform"}, "spec": spec,
        });
        let person = Self { stand_in, folder: tempfile::tempdir().unwrap(), database };
        for (name, text) in [("integration.yaml", resource.to_string()), ("secret.yaml", secret.to_string())] {
            std::fs::write(person.path(name), text).unwrap();
        }
        std::fs::write(person.path("amazon-trust-ca-bundle.crt"), person.stand_in.ca_pem()).unwrap();
        person
    }

    /// Changes what is in a file.
    fn change(&self, file: &str, changes: Value) {
        let mut content = serde_json::from_str(&std::fs::read_to_string(self.path(file)).unwrap()).unwrap();
        merge(&mut content, changes);
        std::fs::write(self.path(file), content.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the command line answers.
    fn print(&self, which: &str, more: &[&str]) -> Output {
        Command::new(BINARY)
            .args(["scripts", which, "-f"])
            .arg(self.path("integration.yaml"))
            .arg("--system-account-secret")
            .arg(self.path("secret.yaml"))
            .args(more)
            .output()
            .unwrap()
    }

    /// The script as the command line prints it; it is in a file of its name, too.
    fn script(&self, which: &str, more: &[&str]) -> String {
        let output = self.print(which, more);
        assert!(output.status.success(), "{output:?}");
        let script = String::from_utf8(output.stdout).unwrap();
        let name = script.strip_prefix("-- ").unwrap().split(':').next().unwrap();
        std::fs::write(self.path(name), &script).unwrap();
        script
    }

    /// Runs the command line that stands in a script's header, as it stands there.
    async fn as_its_header_says(&self, script: &str, administrator: &str, password: &str) -> Outcome {
        let command = script.lines().find_map(|line| line.strip_prefix("-- with         ")).unwrap();
        self.shell(&command.replace("'<administrator>'", administrator), password).await
    }

    async fn shell(&self, command: &str, password: &str) -> Outcome {
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", command]).env("PGPASSWORD", password).env("HOME", self.folder.path()).kill_on_drop(true);
        let output = shell.current_dir(self.folder.path()).output();
        let output = tokio::time::timeout(patience(), output).await.expect("psql hangs").unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Feeds a script to psql.
    async fn psql(&self, script: &str, user: &str, password: &str, database: &str, options: &str) -> Outcome {
        std::fs::write(self.path("fed.sql"), script).unwrap();
        let (host, port) = (self.stand_in.host(), self.stand_in.port());
        let command =
            format!("PGSSLMODE=require psql -X {options} -h {host} -p {port} -U {user} -d '{database}' -f fed.sql");
        self.shell(&command, password).await
    }

    async fn as_admin(&self, script: &str, database: &str) -> Outcome {
        let (user, password) = (self.stand_in.admin_user(), self.stand_in.admin_password());
        self.psql(script, user, password, database, "-v ON_ERROR_STOP=1").await
    }

    /// Runs a script that is refused with these words, by a client that stops at an error and by one that goes on: nothing is
    /// changed.
    async fn is_refused_as(&self, script: &str, (user, password): (&str, &str), database: &str, says: &str) {
        let before = self.dump().await;
        for options in ["-v ON_ERROR_STOP=1", ""] {
            let (_, said) = self.psql(script, user, password, database, options).await;
            assert!(said.contains(says), "{says}: {said}");
            assert_same(&before, &self.dump().await);
        }
    }

    async fn as_account(&self, script: &str) -> Outcome {
        self.psql(script, "immuta_system_account", PASSWORD, &self.database, "-v ON_ERROR_STOP=1").await
    }

    /// Both scripts, as their headers say.
    async fn set_up(&self) {
        let (user, password) = (self.stand_in.admin_user(), self.stand_in.admin_password());
        let first = self.as_its_header_says(&self.script("initial-create", &[]), user, password).await;
        assert_eq!(first, (true, String::new()));
        let second = self.as_its_header_says(&self.script("create", &[]), user, PASSWORD).await;
        assert_eq!(second, (true, String::new()));
    }

    /// Runs a script, and from where it says to go on, until there is nothing left to do.
    async fn until_done(script: &str, run: impl AsyncFn(&str) -> Outcome) -> Vec<String> {
        let (mut rest, mut said) = (script.to_owned(), Vec::new());
        for _ in 0..6 {
            let (succeeded, error) = run(&rest).await;
            if succeeded {
                return said;
            }
            let is_done = error.contains("go on with ") || error.contains("nothing is left to do");
            said.push(error.clone());
            if is_done {
                return said;
            }
            let step = error.split("-- Step ").nth(1).unwrap_or_else(|| panic!("it says no step: {error}"));
            let step: String = step.chars().take_while(char::is_ascii_digit).collect();
            from_step(script, step.parse().unwrap()).clone_into(&mut rest);
        }
        panic!("it has no end: {said:#?}");
    }

    async fn dump(&self) -> Dump {
        without_definitions(Dump::of(&self.stand_in).await)
    }
}

/// What the operator records of what the server shows is its own affair.
fn without_definitions(dump: Dump) -> Dump {
    let cut = |row: String| match row.split_once("\"definitions\": \"") {
        Some((before, after)) => format!("{before}{}", after.split_once("\", \"").map_or("", |(_, rest)| rest)),
        None => row,
    };
    Dump(dump.0.into_iter().map(|(key, rows)| (key, rows.into_iter().map(cut).collect())).collect())
}

/// What is left of a script from a step on.
fn from_step(script: &str, step: usize) -> &str {
    &script[script.find(&format!("\n-- Step {step}")).unwrap() + 1..]
}

/// One step of a script.
fn step(script: &str, step: usize) -> &str {
    let from = from_step(script, step);
    let end = from.find(&format!("\n-- Step {}", step + 1)).or_else(|| from.find("\n-- Done")).unwrap();
    &from[..=end]
}

/// A script up to each place where a client could have been cut off: behind each of its statements.
fn beginnings(script: &str) -> Vec<&str> {
    let ends = script.match_indices(";\n").map(|(at, _)| at + 2);
    ends.map(|end| &script[..end]).filter(|beginning| beginning.matches("$$").count() % 2 == 0).collect()
}

#[tokio::test]
async fn a_person_sets_up_just_what_the_operator_sets_up() {
    let world = World::new().await;
    world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
    world.until_phase("enabled").await;
    let person = Person::new(json!({})).await;
    person.set_up().await;
    assert_same(&without_definitions(Dump::of(&world.stand_in).await), &person.dump().await);
    // The one password works, and so does the key.
    let account = crate::support::login(&person.stand_in, "immuta_system_account", PASSWORD, "immuta").await.unwrap();
    assert_eq!(rows(&account, "SELECT len(secret) FROM immuta_system.impersonation_key").await, ["64"]);
    let claim = crate::support::login(&person.stand_in, "redshift_governance_claim", CLAIM_PASSWORD, "dev").await;
    claim.unwrap();
}

#[tokio::test]
async fn a_script_has_the_same_bytes_each_time_and_no_password_in_clear() {
    let person = Person::new(json!({})).await;
    for which in ["initial-create", "create"] {
        let script = person.script(which, &[]);
        assert_eq!(script, person.script(which, &[]));
        assert!(!script.contains("Canary"), "{script}");
    }
}

#[tokio::test]
async fn a_script_that_is_run_again_harms_nothing_and_says_what_is_there() {
    let person = Person::new(json!({})).await;
    person.set_up().await;
    let before = person.dump().await;
    let (succeeded, said) = person.as_admin(&person.script("initial-create", &[]), "dev").await;
    assert!(!succeeded && said.contains("the database immuta is there already"), "{said}");
    let (succeeded, said) = person.as_account(&person.script("create", &[])).await;
    assert!(!succeeded && said.contains("immuta_system.registry is there already"), "{said}");
    let said = Person::until_done(&person.script("create", &[]), async |script| person.as_account(script).await).await;
    assert!(said.last().unwrap().contains("nothing is left to do"), "{said:?}");
    assert_same(&before, &person.dump().await);
}

#[tokio::test]
async fn a_script_that_was_cut_off_says_from_where_to_go_on() {
    let whole = Person::new(json!({})).await;
    whole.set_up().await;
    let whole = whole.dump().await;
    let template = Person::new(json!({})).await;
    let initial = template.script("initial-create", &[]);
    // Not behind each guard: those change nothing, and a guard follows a guard.
    let is_change = |beginning: &&str| !beginning.trim_end().rsplit("\n\n").next().unwrap().contains("-- guard-");
    let cuts = beginnings(&initial).into_iter().filter(is_change).count();
    for cut in 0..cuts {
        let person = Person::new(json!({})).await;
        let initial = person.script("initial-create", &[]);
        let beginning = beginnings(&initial).into_iter().filter(is_change).nth(cut).unwrap();
        assert!(person.as_admin(beginning, "dev").await.0);
        Person::until_done(&initial, async |script| person.as_admin(script, "dev").await).await;
        let create = person.script("create", &[]);
        let beginnings: Vec<_> = beginnings(&create).into_iter().filter(is_change).collect();
        assert!(person.as_account(beginnings[cut % beginnings.len()]).await.0);
        Person::until_done(&create, async |script| person.as_account(script).await).await;
        assert_same(&whole, &person.dump().await);
    }
}

#[tokio::test]
async fn whoever_runs_a_script_in_the_wrong_way_is_told_and_nothing_is_changed() {
    let person = Person::new(json!({})).await;
    let dba = admin(&person.stand_in, "dev").await;
    dba.batch_execute("CREATE USER somebody PASSWORD 'Abcd1234'").await.unwrap();
    let (user, password) = (person.stand_in.admin_user(), person.stand_in.admin_password());
    let (initial, create) = (person.script("initial-create", &[]), person.script("create", &[]));
    let lesser = person.script("initial-create", &["--lesser-admin"]);
    let unchanged = |mistakes: Vec<(String, &'static str, &'static str, String, String)>| {
        let person = &person;
        async move {
            let before = person.dump().await;
            for (script, database, says, user, password) in mistakes {
                // Also where the client goes on after an error.
                for options in ["-v ON_ERROR_STOP=1", ""] {
                    let (_, said) = person.psql(&script, &user, &password, database, options).await;
                    assert!(said.contains(says), "{says}: {said}");
                    assert_same(&before, &person.dump().await);
                }
            }
        }
    };
    let as_admin =
        |script: &str, database, says| (script.to_owned(), database, says, user.to_owned(), password.to_owned());
    let as_somebody = |script: &str, database, says| {
        (script.to_owned(), database, says, "somebody".to_owned(), "Abcd1234".to_owned())
    };
    unchanged(vec![
        as_admin(&create, "dev", "this is another database: run create.sql in immuta"),
        as_somebody(&initial, "dev", "this user is no superuser"),
        as_somebody(&lesser, "dev", "this user may not create databases"),
    ])
    .await;
    assert_eq!(person.as_admin(&initial, "dev").await, (true, String::new()));
    unchanged(vec![
        as_admin(&create, "immuta", "this is another user: log in as immuta_system_account"),
        as_admin(&initial, "dev", "the database immuta is there already"),
    ])
    .await;
    // A superuser in the system account's place does it as well.
    let in_its_place = format!("SET SESSION AUTHORIZATION immuta_system_account;\n{create}");
    assert_eq!(person.as_admin(&in_its_place, "immuta").await, (true, String::new()));
    let other = create.replace(UID, "11111111-9f0c-4c7e-8d2f-0c8d1f3d5a10");
    let second_step = &other[other.find("\n-- Step 2").unwrap()..];
    let before = person.dump().await;
    for options in ["-v ON_ERROR_STOP=1", ""] {
        let (_, said) = person.psql(second_step, "immuta_system_account", PASSWORD, "immuta", options).await;
        assert!(said.contains("belongs to another integration"), "{said}");
        assert_same(&before, &person.dump().await);
    }
}

#[tokio::test]
async fn the_wrong_database_or_another_integrations_warehouse_stops_the_first_script() {
    let person = Person::new(json!({})).await;
    let initial = person.script("initial-create", &[]);
    let before = person.dump().await;
    let (succeeded, said) = person.as_admin(&initial, "redshift_sample_data").await;
    assert!(!succeeded && said.contains("run initial-create.sql in dev"), "{said}");
    assert_same(&before, &person.dump().await);
    let dba = admin(&person.stand_in, "dev").await;
    dba.batch_execute("CREATE USER redshift_governance_claim PASSWORD 'Abcd1234'").await.unwrap();
    let before = person.dump().await;
    for options in ["-v ON_ERROR_STOP=1", ""] {
        let (user, password) = (person.stand_in.admin_user(), person.stand_in.admin_password());
        let (_, said) = person.psql(&initial, user, password, "dev", options).await;
        assert!(said.contains("if not, another integration has this warehouse"), "{said}");
        if !options.is_empty() {
            assert_same(&before, &person.dump().await);
        }
    }
}

#[tokio::test]
async fn a_lesser_admin_has_a_script_of_his_own() {
    let person = Person::new(json!({})).await;
    let dba = admin(&person.stand_in, "dev").await;
    for statement in [
        "CREATE USER lesser PASSWORD 'Abcd1234' CREATEDB",
        "CREATE ROLE makers",
        "GRANT CREATE USER, DROP USER, CREATE ROLE, ACCESS SYSTEM TABLE TO ROLE makers",
        "GRANT ROLE makers TO lesser",
    ] {
        dba.batch_execute(statement).await.unwrap();
    }
    let initial = person.script("initial-create", &["--lesser-admin"]);
    assert_eq!(person.as_its_header_says(&initial, "lesser", "Abcd1234").await, (true, String::new()));
    assert_eq!(person.as_account(&person.script("create", &[])).await, (true, String::new()));
    let registry = "SELECT state FROM immuta_system.registry";
    let account = crate::support::login(&person.stand_in, "immuta_system_account", PASSWORD, "immuta").await.unwrap();
    assert_eq!(rows(&account, registry).await, ["complete"]);
}

#[tokio::test]
async fn a_database_that_was_there_can_have_any_name() {
    let name = r"Prod-db 'x' $$ ${HOME} :user \ -- ; データ";
    let person = Person::new(json!({"database": name, "databaseMode": "Existing"})).await;
    let dba = admin(&person.stand_in, "dev").await;
    dba.batch_execute(&format!("CREATE DATABASE \"{name}\"")).await.unwrap();
    person.set_up().await;
    let said = Person::until_done(&person.script("create", &[]), async |script| {
        let command = person.script("create", &[]);
        let command = command.lines().find_map(|line| line.strip_prefix("-- with         ")).unwrap().to_owned();
        std::fs::write(person.path("fed.sql"), script).unwrap();
        person.shell(&command.replace("create.sql", "fed.sql"), PASSWORD).await
    })
    .await;
    assert!(said.last().unwrap().contains("nothing is left to do"), "{said:?}");
}

#[tokio::test]
async fn a_secret_that_does_not_fit_is_refused_and_nothing_of_it_shows() {
    let person = Person::new(json!({})).await;
    let whole = std::fs::read_to_string(person.path("secret.yaml")).unwrap();
    for (from, to, says) in [
        ("\"kind\":\"Secret\"", "\"kind\":\"ConfigMap\"", "there is no Secret analytics-system-account in it"),
        ("\"database\":\"immuta\"", "\"database\":\"other\"", "the manifest is about the database immuta"),
        ("redshift-governance.dev/integration-uid", "a-label", "integration-uid"),
        (PASSWORD, "Canary-7f3a '", "`password`"),
        ("\"password\":", "\"pass\":", "`password` is missing"),
    ] {
        assert!(whole.contains(from), "{from}");
        std::fs::write(person.path("secret.yaml"), whole.replace(from, to)).unwrap();
        let output = person.print("create", &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says) && said.contains("secret.yaml") && !said.contains("Canary"), "{said}");
    }
}
