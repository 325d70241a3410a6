//! Manual mode: a person fetches the scripts as the status says, and runs them with psql as their headers say; the operator
//! only reads, and says what it waits for, what is missing, and what is different.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use redshift_integration_operator::api::{RedshiftIntegration, ValidationStatus};
use redshift_integration_operator::lifecycle::MOST_NAMES;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Dump, World, admin, assert_same, condition, conditions, documented, documented_event, login, merge, patience,
    phase_of, said, tests_with,
};

pub const ACCOUNT: &str = "immuta_system_account";
pub const CLAIM: &str = "redshift_governance_claim";

/// Whoever has kubectl, psql and a superuser's password.
pub struct Person {
    pub world: World,
    folder: TempDir,
    kubeconfig: String,
}

/// Whether a command succeeded, and the errors it showed.
type Outcome = (bool, String);

impl Person {
    /// With a resource in manual mode, and nothing run yet. What it says of logins is never read: it leads nowhere.
    pub async fn new(config: Value) -> Self {
        Self::of(World::new().await, crate::support::kubeconfig(), config).await
    }

    /// The same in a world that is there.
    pub async fn of(world: World, kubeconfig: String, config: Value) -> Self {
        world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
        let person = Self { world, folder: tempfile::tempdir().unwrap(), kubeconfig };
        std::fs::write(person.folder.path().join("amazon-trust-ca-bundle.crt"), person.world.stand_in.ca_pem())
            .unwrap();
        let mut spec = json!({"autoBootstrap": false});
        merge(&mut spec, json!({"config": config}));
        person.world.create(spec).await;
        person
    }

    async fn shell(&self, command: &str, password: &str) -> Outcome {
        let mut shell = tokio::process::Command::new("bash");
        shell.args(["-c", &format!("set -o pipefail; {command}")]).kill_on_drop(true);
        shell.env("PGPASSWORD", password).env("HOME", self.folder.path()).current_dir(self.folder.path());
        shell.env("KUBECONFIG", &self.kubeconfig);
        let output = tokio::time::timeout(patience(), shell.output()).await.expect("the command hangs").unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Waits until the operator waits for a person, and says so with these words.
    pub async fn until_asked(&self, words: &str) -> RedshiftIntegration {
        let is_asked = |object: &RedshiftIntegration| {
            crate::support::is_current(object)
                && object.status.as_ref().is_some_and(|status| !status.conditions.is_empty())
                && condition(object, "Reconciling").reason == "AwaitingScript"
                && condition(object, "Reconciling").message.contains(words)
        };
        self.world.until(&format!("it waits for a person: {words}"), is_asked).await
    }

    /// Runs the commands of the status that fetch scripts.
    pub async fn fetch(&self) -> Vec<String> {
        let status = self.world.get().await.status.unwrap();
        let commands = status.remedies.into_iter().filter_map(|remedy| remedy.command);
        let mut files = Vec::new();
        for command in commands.filter(|command| command.contains("get secret")) {
            assert_eq!(self.shell(&command, "").await, (true, String::new()), "{command}");
            files.push(command.rsplit_once(' ').unwrap().1.to_owned());
        }
        files
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }

    /// Runs a script as its header says.
    pub async fn run(&self, file: &str) -> Outcome {
        let script = self.read(file);
        let command = script.lines().find_map(|line| line.strip_prefix("-- with         ")).unwrap();
        let stand_in = &self.world.stand_in;
        let (user, password) = (stand_in.admin_user(), stand_in.admin_password());
        let password = if command.contains("'<administrator>'") {
            password.to_owned()
        } else {
            self.world.system_account().await["password"].clone()
        };
        self.shell(&command.replace("'<administrator>'", user), &password).await
    }

    pub async fn runs(&self, file: &str) {
        let (succeeded, said) = self.run(file).await;
        // PostgreSQL says that a new name ends a password.
        let is_notice = |line: &str| line.contains("NOTICE:  MD5 password cleared");
        assert!(succeeded && said.lines().all(is_notice), "{file}: {said}");
    }

    /// Has the operator look at once, as the status says.
    pub async fn look(&self) {
        let status = self.world.get().await.status.unwrap();
        let mut commands = status.remedies.into_iter().filter_map(|remedy| remedy.command);
        // It may have looked by itself meanwhile, and wait for nothing more.
        let Some(command) = commands.find(|command| command.contains("requestedAt=")) else { return };
        // The next look may be in the same second.
        let command = command.replace("$(date)", "$(date +%N)");
        assert_eq!(self.shell(&command, "").await, (true, String::new()));
    }

    /// Fetches and runs both scripts.
    pub async fn sets_up(&self) -> RedshiftIntegration {
        self.until_asked("initial-create.sql").await;
        self.fetch().await;
        self.runs("initial-create.sql").await;
        self.look().await;
        self.until_asked("who runs create.sql").await;
        self.runs("create.sql").await;
        self.look().await;
        self.world.until_phase("enabled").await
    }

    /// Waits until a script is published of which this is so.
    pub async fn until_published(&self, file: &str, is: impl Fn(&str) -> bool) {
        let published = async {
            while !self.published().await.get(file).is_some_and(|text| is(text)) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(patience(), published).await.expect("it is published");
    }

    pub async fn published(&self) -> BTreeMap<String, String> {
        let secret = self.world.secrets().get("analytics-scripts").await.unwrap();
        let text = |(key, value): (String, ByteString)| (key, String::from_utf8(value.0).unwrap());
        secret.data.unwrap().into_iter().map(text).collect()
    }
}

/// Runs what the status gives as a command on the resource.
pub async fn confirms(person: &Person, annotation: &str) {
    let status = person.world.get().await.status.unwrap();
    let mut commands = status.remedies.into_iter().filter_map(|remedy| remedy.command);
    let command = commands.find(|command| command.contains(annotation)).unwrap();
    assert_eq!(person.shell(&command, "").await, (true, String::new()));
}

fn is_a_read(statement: &str) -> bool {
    ["SELECT", "SHOW", "SET "].iter().any(|word| statement.trim_start().starts_with(word))
}

#[tokio::test]
async fn a_person_sets_up_and_the_operator_only_reads() {
    let person =
        Person::new(json!({"impersonation": {"enabled": true}, "credentialsSecretRef": {"name": "nowhere"}})).await;
    let world = &person.world;
    let object = person.until_asked("initial-create.sql").await;
    assert_eq!((phase_of(&object).as_str(), conditions(&object)), ("creating", ["False", "True", "False"]));
    assert!(object.status.as_ref().unwrap().created.is_none(), "nothing is there, and the fields can be edited");
    documented("manual__nothing_was_run_yet", &object, "Reconciling");
    assert_eq!(person.fetch().await, ["initial-create.sql", "initial-create.lesser-admin.sql", "create.sql"]);
    let (kind, ..) = world.until_event("analytics", "AwaitingScript").await;
    assert_eq!(kind, "Normal");

    person.runs("initial-create.sql").await;
    person.look().await;
    let object = person.until_asked("who runs create.sql").await;
    assert!(object.status.as_ref().unwrap().created.is_some());
    documented("manual__the_first_script_was_run", &object, "Reconciling");
    person.runs("create.sql").await;
    let (before, statements) = (Dump::of(&world.stand_in).await, world.stand_in.journal().statements().len());
    person.look().await;
    let object = world.until_phase("enabled").await;
    assert_eq!(conditions(&object), ["True", "False", "False"]);
    assert!(tests_with(&object, ValidationStatus::Failed).is_empty());
    world.look("again").await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
    let statements = world.stand_in.journal().statements().split_off(statements);
    let written: Vec<_> = statements.iter().filter(|statement| !is_a_read(statement)).collect();
    assert!(written.is_empty() && !statements.is_empty(), "{written:?}");
    let event = world.until_event("analytics", "Verified").await;
    documented_event("manual__verified", &object, &event);

    // What was run is a credential no more.
    let secret = world.system_account().await;
    let key = crate::support::rows(
        &admin(&world.stand_in, "immuta").await,
        "SELECT secret FROM immuta_system.impersonation_key",
    )
    .await;
    for (file, script) in person.published().await {
        for secret in [&secret["password"], &secret["claimPassword"], &key[0]] {
            assert!(!script.contains(secret.as_str()), "{file}");
        }
        assert!(!script.contains("'md5"), "{file}");
        // Nothing happens to whoever runs it.
        std::fs::write(person.folder.path().join(&file), script).unwrap();
        assert!(!person.run(&file).await.0, "{file}");
    }
    // A status that was lost is found again.
    let nothing = Patch::Merge(json!({"status": {
        "phase": null, "conditions": [], "created": null, "validationResults": null, "observedGeneration": -1,
    }}));
    world.api().patch_status("analytics", &PatchParams::default(), &nothing).await.unwrap();
    let found = world.until_phase("enabled").await;
    assert_eq!(found.status.unwrap().created, object.status.unwrap().created);
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_wrong_move_is_told_and_the_next_right_one_goes_on() {
    let person = Person::new(json!({"impersonation": {"enabled": true}})).await;
    let world = &person.world;
    let dba = admin(&world.stand_in, "dev").await;
    person.until_asked("initial-create.sql").await;
    person.fetch().await;
    // Half of the first script: the claim, and then the account.
    let whole = person.read("initial-create.sql");
    for (step, told, case) in [
        ("2", "there is no user immuta_system_account", "manual__the_first_script_was_cut_off_before_step_2"),
        ("3", "there is no database immuta", "manual__the_first_script_was_cut_off_before_step_3"),
    ] {
        let at = whole.find(&format!("\n-- Step {step}")).unwrap();
        person.write("initial-create.sql", &whole[..at]);
        person.run("initial-create.sql").await;
        if step == "3" {
            let from = whole.find("\n-- Step 2").unwrap();
            let header: String =
                whole.lines().take_while(|line| line.starts_with("--")).map(|line| format!("{line}\n")).collect();
            person.write("initial-create.sql", &(header + &whole[from..at]));
            person.runs("initial-create.sql").await;
        }
        person.look().await;
        let object = person.until_asked(told).await;
        documented(case, &object, "Reconciling");
    }
    // What is begun isn't renamed.
    world.patch(json!({"spec": {"config": {"systemAccount": {"name": "other"}}}})).await;
    let object = world.until_phase("createError").await;
    documented("manual__renamed_half_way", &object, "Stalled");
    world.patch(json!({"spec": {"config": {"systemAccount": {"name": ACCOUNT}}}})).await;
    person.until_asked("there is no database").await;
    let rest = &whole[whole.find("\n-- Step 3").unwrap()..];
    let header: String =
        whole.lines().take_while(|line| line.starts_with("--")).map(|line| format!("{line}\n")).collect();
    person.write("initial-create.sql", &(header + rest));
    person.runs("initial-create.sql").await;
    person.look().await;
    person.until_asked("who runs create.sql").await;

    // Another definition than the script's, more rights than it gives, and another password for the claim.
    let script = person.read("create.sql");
    let changed = script.replace("role_name := 'immuta_impersonation'", "role_name := 'others'");
    assert_ne!(script, changed);
    let (first, rest) = changed.split_once(" SECURITY DEFINER").unwrap();
    let changed = format!("{first}{rest}");
    person.write("create.sql", &changed);
    person.runs("create.sql").await;
    person.look().await;
    let object = world.until_phase("createError").await;
    documented("manual__another_definition", &object, "Stalled");
    assert!(said(&object, "Stalled").contains("immuta_procedures.impersonate_user has no SECURITY DEFINER"));
    let inside = admin(&world.stand_in, "immuta").await;
    inside.batch_execute(&format!("SET SESSION AUTHORIZATION {ACCOUNT}")).await.unwrap();
    for name in ["create-impersonate-user", "create-grant-impersonation", "create-revoke-impersonation"] {
        let from = script.find(&format!("\n-- {name}\n")).unwrap();
        let end = from + script[from..].find("pg_catalog;").unwrap() + "pg_catalog;".len();
        inside.batch_execute(&script[from..end]).await.unwrap();
    }
    inside.batch_execute("GRANT SELECT ON immuta_system.profile TO PUBLIC").await.unwrap();
    dba.batch_execute(&format!("ALTER USER {CLAIM} PASSWORD 'Abcd1234'")).await.unwrap();
    world.look("1").await;
    let object = world.get().await;
    documented("manual__a_grant_too_many", &object, "Stalled");
    inside.batch_execute("REVOKE SELECT ON immuta_system.profile FROM PUBLIC").await.unwrap();
    world.look("2").await;
    let object = world.get().await;
    documented("manual__another_password_of_the_claim", &object, "Stalled");
    let password = &world.system_account().await["claimPassword"];
    dba.batch_execute(&format!("ALTER USER {CLAIM} PASSWORD '{password}'")).await.unwrap();
    world.look("3").await;
    assert_eq!(phase_of(&world.get().await), "enabled");

    // What is changed afterwards is drift, and a person's to mend.
    inside.batch_execute("CREATE OR REPLACE PROCEDURE immuta_procedures.grant_impersonation(user_name VARCHAR(128)) AS $$ BEGIN NULL; END; $$ LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog").await.unwrap();
    world.patch(json!({"spec": {"repair": true}})).await;
    let object = world.until_phase("recurringValidationError").await;
    documented("manual__drift", &object, "Stalled");
}

#[tokio::test]
async fn before_anything_was_run_the_spec_can_lead_elsewhere() {
    let person = Person::new(json!({"database": "typo"})).await;
    let world = &person.world;
    person.until_asked("in the database typo").await;
    let passwords = world.system_account().await;
    world.patch(json!({"spec": {"config": {"database": "immuta", "systemAccount": {"name": "keeper"}}}})).await;
    person.until_asked("in the database immuta").await;
    let now = world.system_account().await;
    assert_eq!((now["database"].as_str(), now["username"].as_str()), ("immuta", "keeper"));
    assert_eq!(passwords["password"], now["password"]);
    person.sets_up().await;
    assert!(login(&world.stand_in, "keeper", &now["password"], "immuta").await.is_ok());
    // Once it is there it is not.
    let patch = Patch::Merge(json!({"spec": {"autoBootstrap": true}}));
    let refused = world.api().patch("analytics", &PatchParams::default(), &patch).await;
    assert!(refused.unwrap_err().to_string().contains("autoBootstrap"));
}

#[tokio::test]
async fn whoever_renames_without_end_before_anything_is_run_is_stopped() {
    let person = Person::new(json!({})).await;
    let world = &person.world;
    person.until_asked("initial-create.sql").await;
    let named = |n: usize| json!({"spec": {"config": {"systemAccount": {"name": format!("keeper_{n}")}}}});
    for n in 1..=MOST_NAMES {
        world.patch(named(n)).await;
        person.until_published("initial-create.sql", |text| text.contains(&format!("\"keeper_{n}\""))).await;
    }
    world.patch(named(0)).await;
    let object = world.until_phase("createError").await;
    documented("manual__too_many_names", &object, "Stalled");
    world.patch(named(MOST_NAMES)).await;
    person.sets_up().await;
    assert!(!world.system_account().await.contains_key("nextUsername"));
}

#[tokio::test]
async fn a_secret_of_somebody_elses_in_the_place_of_the_scripts_is_left_alone() {
    let world = World::new().await;
    let foreign = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "analytics-scripts"}, "stringData": {"mine": "yes"},
    });
    world.secrets().create(&PostParams::default(), &serde_json::from_value(foreign).unwrap()).await.unwrap();
    world.create(json!({"autoBootstrap": false})).await;
    let object = world.until_phase("createError").await;
    documented("manual__the_secret_of_the_scripts_is_taken", &object, "Stalled");
    world.delete().await;
    world.until_gone().await;
    let secret = world.secrets().get("analytics-scripts").await.unwrap();
    assert_eq!(secret.data.unwrap().keys().collect::<Vec<_>>(), ["mine"]);
    assert!(world.secrets().get_opt("analytics-system-account").await.unwrap().is_none());
    assert!(said(&object, "Stalled").contains("rename or delete it"));
}

#[tokio::test]
async fn a_secret_of_somebody_elses_in_the_place_of_the_accounts_is_left_alone() {
    let world = World::new().await;
    let foreign = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "analytics-system-account"},
        "stringData": {"mine": "yes"},
    });
    world.secrets().create(&PostParams::default(), &serde_json::from_value(foreign).unwrap()).await.unwrap();
    world.create(json!({"autoBootstrap": false})).await;
    let object = world.until_phase("createError").await;
    documented("manual__the_secret_of_the_account_is_taken", &object, "Stalled");
    // It turns out to be another resource's.
    let label = json!({"metadata": {"labels": {"redshift-governance.dev/integration-uid": "another"}}});
    world.secrets().patch("analytics-system-account", &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    let is_told = |object: &RedshiftIntegration| said(object, "Stalled").contains("was made for another resource");
    let object = world.until("it is told whose it is", is_told).await;
    documented("manual__the_secret_of_the_account_is_another_resources", &object, "Stalled");
    assert!(world.secrets().get_opt("analytics-scripts").await.unwrap().is_none());
    world.delete().await;
    world.until_gone().await;
    let secret = world.secrets().get("analytics-system-account").await.unwrap();
    assert_eq!(secret.data.unwrap().keys().collect::<Vec<_>>(), ["mine"]);
}

#[tokio::test]
async fn a_person_edits_and_removes_what_was_set_up() {
    let person = Person::new(json!({"impersonation": {"enabled": true}})).await;
    let world = &person.world;
    let nothing = Dump::of(&world.stand_in).await;
    let before = person.sets_up().await;
    let (set_up, secret) = (Dump::of(&world.stand_in).await, world.system_account().await);

    // An edit that is taken back before it was run leaves no trace.
    world.patch(json!({"spec": {"config": {"impersonation": {"enabled": false}}}})).await;
    let object = person.until_asked("edit.sql").await;
    assert_eq!((phase_of(&object).as_str(), conditions(&object)), ("editing", ["True", "True", "False"]));
    documented("manual__an_edit_to_be_run", &object, "Reconciling");
    assert_eq!(person.published().await.keys().collect::<Vec<_>>(), ["edit.sql"]);
    person.fetch().await;
    world.patch(json!({"spec": {"config": {"impersonation": {"enabled": true}}}})).await;
    let object = world.until_phase("enabled").await;
    assert_eq!(object.status.as_ref().unwrap().created, before.status.as_ref().unwrap().created);
    assert_eq!(world.system_account().await, secret);
    assert!(!person.published().await.contains_key("edit.sql"));
    assert_same(&set_up, &Dump::of(&world.stand_in).await);

    let renamed = json!({"impersonation": {"role": "acting"}, "systemAccount": {"name": "keeper"}});
    world.patch(json!({"spec": {"config": renamed}})).await;
    person.until_asked("the role immuta_impersonation becomes acting").await;
    person.fetch().await;
    person.runs("edit.sql").await;
    person.look().await;
    let object = world.until_phase("enabled").await;
    let created = object.status.as_ref().unwrap().created.clone().unwrap();
    assert_eq!((created.system_account.as_str(), created.next), ("keeper", None));
    let secret = world.system_account().await;
    assert!(secret["username"] == "keeper" && !secret.contains_key("nextPassword"));
    // Run again, it harms nothing; nor does the one that was made for another state.
    let edited = Dump::of(&world.stand_in).await;
    let (succeeded, error) = person.run("edit.sql").await;
    assert!(!succeeded && error.contains("already"), "{error}");
    assert_same(&edited, &Dump::of(&world.stand_in).await);
    // A rotation needs nobody.
    world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/rotate": "1"}}})).await;
    world.until_event("analytics", "Rotated").await;

    world.delete().await;
    let object = person.until_asked("delete.sql").await;
    assert_eq!((phase_of(&object).as_str(), conditions(&object)), ("deleting", ["False", "True", "False"]));
    documented("manual__a_removal_to_be_run", &object, "Reconciling");
    assert_eq!(person.fetch().await, ["delete.sql", "delete-rest.sql"]);
    assert!(!person.run("delete-rest.sql").await.0, "it is the second");
    person.runs("delete.sql").await;
    person.look().await;
    let object = person.until_asked("runs delete-rest.sql").await;
    documented("manual__the_first_part_of_a_removal_was_run", &object, "Reconciling");
    person.runs("delete-rest.sql").await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
    person.look().await;
    let is_asked = |object: &RedshiftIntegration| condition(object, "Reconciling").reason == "AwaitingConfirmation";
    let object = world.until("a person is to confirm it", is_asked).await;
    documented("manual__is_it_gone", &object, "Reconciling");
    confirms(&person, "confirm-deleted").await;
    world.until_gone().await;
    for name in ["analytics-scripts", "analytics-system-account"] {
        assert!(world.secrets().get_opt(name).await.unwrap().is_none(), "{name}");
    }
}

#[tokio::test]
async fn what_was_never_finished_is_cleaned_up_and_what_was_never_begun_is_gone_at_once() {
    let person = Person::new(json!({})).await;
    let world = &person.world;
    let nothing = Dump::of(&world.stand_in).await;
    person.until_asked("initial-create.sql").await;
    // Another resource for the warehouse is none's before somebody has begun.
    world.create_named("second", json!({"autoBootstrap": false})).await;
    world.until_named_is("second", "creating").await;
    person.fetch().await;
    person.runs("initial-create.sql").await;
    person.look().await;
    person.until_asked("who runs create.sql").await;
    let now = json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": "now"}}});
    world.api().patch("second", &PatchParams::default(), &Patch::Merge(now)).await.unwrap();
    let object = world.until_named_is("second", "createError").await;
    assert_eq!(condition(&object, "Stalled").reason, "AlreadyExists");
    world.api().delete("second", &DeleteParams::default()).await.unwrap();
    world.until_gone_named("second").await;
    assert!(world.secrets().get_opt("second-scripts").await.unwrap().is_none());

    world.delete().await;
    let object = person.until_asked("cleanup.sql").await;
    documented("manual__what_was_begun_is_to_be_cleaned_up", &object, "Reconciling");
    assert_eq!(person.fetch().await, ["cleanup.sql", "delete-rest.sql"]);
    person.runs("cleanup.sql").await;
    person.run("delete-rest.sql").await;
    person.look().await;
    let is_asked = |object: &RedshiftIntegration| condition(object, "Reconciling").reason == "AwaitingConfirmation";
    world.until("a person is to confirm it", is_asked).await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
    // Another word is answered, and a right one counts over a connection alone that is verified.
    let confirmation =
        |given: &str| json!({"metadata": {"annotations": {"redshift-governance.dev/confirm-deleted": given}}});
    world.patch(confirmation("yes")).await;
    let has_answer = |object: &RedshiftIntegration| said(object, "Reconciling").contains("is `yes`, which doesn't fit");
    world.until("the word is answered", has_answer).await;
    world.patch(json!({"spec": {"config": {"tls": {"mode": "VerifyCa"}}}})).await;
    world.patch(confirmation("immuta")).await;
    let is_refused = |object: &RedshiftIntegration| {
        phase_of(object) == "deleteError" && said(object, "Stalled").contains("set spec.config.tls.mode to VerifyFull")
    };
    world.until("the word doesn't count", is_refused).await;
    world.patch(json!({"spec": {"config": {"tls": {"mode": "VerifyFull"}}}})).await;
    world.until_gone().await;
}

#[tokio::test]
async fn let_go_of_everything_is_left_but_the_scripts() {
    let person = Person::new(json!({})).await;
    let world = &person.world;
    let nothing = Dump::of(&world.stand_in).await;
    let former = person.sets_up().await;
    let before = Dump::of(&world.stand_in).await;
    world.delete().await;
    person.until_asked("delete.sql").await;
    confirms(&person, "Retain").await;
    world.until_gone().await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
    assert!(world.secrets().get_opt("analytics-scripts").await.unwrap().is_none());
    assert!(world.system_account().await.contains_key("password"));

    // The operator takes over what a person has set up.
    let stand_in = &world.stand_in;
    world.put_secret("redshift-admin", stand_in.admin_user(), stand_in.admin_password()).await;
    world.create_to_take_over("immuta", &former, json!({})).await;
    world.until_phase("enabled").await;
    world.delete().await;
    world.until_gone().await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
}
