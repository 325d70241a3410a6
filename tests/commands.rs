//! The commands that people use with a cluster, as they type them.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use redshift_stand_in::{Options, StandIn};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::{Dump, World, admin, asked_for, assert_same, kubeconfig, merge, output, phase_of, succeed};

const BINARY: &str = env!("CARGO_BIN_EXE_redshift-integration-operator");

/// Exit code, standard output and standard error of a command in the namespace of a world, while its warehouse answers.
async fn run(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let command = tokio::process::Command::new(BINARY)
        .args(arguments)
        .args(["-n", &world.namespace])
        .env("KUBECONFIG", kubeconfig())
        .stdin(Stdio::null())
        .output();
    let output = command.await.unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// The same on a terminal, where somebody types a line.
fn typed(world: &World, arguments: &[&str], line: &str) -> String {
    let command = format!("{BINARY} {} -n {}", arguments.join(" "), world.namespace);
    let command = format!("env KUBECONFIG={} NO_COLOR=1 {command}", kubeconfig());
    let (_, said) = output("script", &["-qec", &command, "/dev/null"], &format!("{line}\n"));
    said
}

#[tokio::test]
async fn whoever_asks_is_told_what_goes_on_and_can_have_something_done_about_it() {
    let world = World::new().await;
    let nothing = Dump::of(&world.stand_in).await;
    let (code, shown, said) = run(&world, &["status"]).await;
    assert_eq!((code, shown.as_str()), (0, ""));
    assert!(said.contains("There is no RedshiftIntegration in the namespace"), "{said}");
    world.enabled().await;
    let (code, shown, said) = run(&world, &["status", "analytics"]).await;
    assert_eq!((code, said.as_str()), (0, ""));
    for part in ["enabled: set up, and validated", "immuta (created", "Validation tests", "Registry Is Complete"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert!(!shown.contains('\u{1b}'), "there is no terminal: {shown}");
    let (code, shown, _) = run(&world, &["status", "analytics", "-o", "json"]).await;
    let summary: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((code, &summary["state"], &summary["ready"]), (0, &json!("settled"), &json!("True")));
    let (code, shown, said) = run(&world, &["status", "analitics"]).await;
    assert_eq!((code, shown.as_str()), (1, ""));
    assert!(
        said.contains("there is no RedshiftIntegration analitics") && said.contains("there is analytics"),
        "{said}"
    );

    let (code, shown, said) = run(&world, &["check", "analytics", "--wait"]).await;
    assert_eq!(code, 0, "{shown}{said}");
    assert!(world.get().await.status.unwrap().last_handled_reconcile_at.is_some());
    let password = world.system_account().await["password"].clone();
    let (code, shown, said) = run(&world, &["rotate", "analytics", "--wait"]).await;
    assert_eq!(code, 0, "{shown}{said}");
    assert_ne!(world.system_account().await["password"], password);
    world.note_secrets([password]);

    let (code, ..) = run(&world, &["suspend", "analytics"]).await;
    assert!(code == 0 && world.get().await.spec.suspend);
    assert!(run(&world, &["check", "analytics", "--wait"]).await.2.contains("suspended"));
    let (code, ..) = run(&world, &["resume", "analytics"]).await;
    assert!(code == 0 && !world.get().await.spec.suspend);
    for command in ["check", "rotate", "suspend", "retain", "confirm-delete"] {
        let (code, _, said) = run(&world, &[command, "nobody"]).await;
        assert!(code == 1 && said.contains("there is no RedshiftIntegration nobody"), "{command}: {said}");
    }
    let (code, _, said) = run(&world, &["confirm-delete", "analytics"]).await;
    assert!(code == 1 && said.contains("there is nothing to confirm"), "{said}");

    let dba = admin(&world.stand_in, "immuta").await;
    dba.batch_execute("CREATE TABLE public.orders (id INTEGER)").await.unwrap();
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    let value = asked_for(&object, "confirm-delete");
    let (code, shown, said) = run(&world, &["confirm-delete", "analytics"]).await;
    assert!(code == 1 && shown.contains("public.orders") && said.contains(&format!("--value {value}")), "{said}");
    let (code, _, said) = run(&world, &["confirm-delete", "analytics", "--value", "immuta/0123456789abcdef"]).await;
    assert!(code == 1 && said.contains("isn't what that value stands for"), "{said}");
    let said = typed(&world, &["confirm-delete", "analytics"], "yes");
    assert!(said.contains("What is listed above is dropped") && said.contains("not confirmed"), "{said}");
    assert_eq!(phase_of(&world.get().await), "deleteError");
    drop(dba);
    let said = typed(&world, &["confirm-delete", "analytics"], "analytics");
    assert!(said.contains("analytics: confirmed"), "{said}");
    world.until_gone().await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
}

#[test]
fn a_cluster_that_is_not_there_is_told_from_one_that_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig_with = |edit: &dyn Fn(&mut Value)| {
        let mut config: Value =
            serde_json::from_str(&succeed("kubectl", &["config", "view", "--raw", "-o", "json"], "")).unwrap();
        edit(&mut config);
        let path = folder.path().join("kubeconfig");
        std::fs::write(&path, config.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let told = |arguments: &[&str]| {
        let output = Command::new(BINARY).args(["status", "-A"]).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said.trim().lines().count(), 1, "{said}");
        (output.status.code().unwrap(), said)
    };
    let (code, said) = told(&["--kubeconfig", "/nonexistent"]);
    assert!(code == 3 && said.contains("/nonexistent"), "{said}");
    let (code, said) = told(&["--context", "elsewhere"]);
    assert!(code == 3 && said.contains("elsewhere"), "{said}");
    let dead = kubeconfig_with(&|config| config["clusters"][0]["cluster"]["server"] = json!("https://127.0.0.1:1"));
    let (code, said) = told(&["--kubeconfig", &dead]);
    assert!(code == 3 && said.contains("refused"), "{said}");
    let token = succeed("kubectl", &["-n", "default", "create", "token", "default"], "");
    let nobody = kubeconfig_with(&|config| config["users"][0]["user"] = json!({"token": token.trim()}));
    let (code, said) = told(&["--kubeconfig", &nobody]);
    assert!(code == 1 && said.contains("cannot list resource"), "{said}");
}

#[test]
fn kubectl_finds_it_as_a_plugin() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(BINARY, folder.path().join("kubectl-rsi")).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let output = Command::new("kubectl")
        .args(["rsi", "status", "--help"])
        .envs([("PATH", path), ("KUBECONFIG", kubeconfig())])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("Usage: kubectl rsi status"), "{said}");
}

/// Exit code, and what a validation prints for programs, of manifests on standard input, with more in the environment.
async fn validated(manifests: &str, ca_file: &str, environment: &[(&str, &str)]) -> (i32, Value, String) {
    let mut child = tokio::process::Command::new(BINARY)
        .args(["validate", "-o", "json", "--ca-file", ca_file, "-f", "-"])
        .env_remove("KUBECONFIG")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(manifests.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), printed, said)
}

#[tokio::test]
async fn the_operators_tests_run_where_somebody_sits_and_change_nothing() {
    let world = World::new().await;
    let ca_file = world.folder().join("ca.crt");
    std::fs::write(&ca_file, world.stand_in.ca_pem()).unwrap();
    let ca_file = ca_file.to_str().unwrap();
    let manifest = world.manifest("analytics", json!({})).to_string();
    let (name, password) = (world.stand_in.admin_user(), world.stand_in.admin_password());
    let user = [("REDSHIFT_USERNAME", name), ("REDSHIFT_PASSWORD", password)];
    let nothing = Dump::of(&world.stand_in).await;

    let (code, printed, said) = validated(&manifest, ca_file, &user).await;
    assert!(code == 0 && printed["passed"] == json!(true), "{printed:#}{said}");
    let tests = printed["resources"][0]["validationTests"].as_array().unwrap();
    let names: Vec<_> = tests.iter().map(|test| test["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"Validate Automatic Bootstrap: Immuta Database Does Not Exist"), "{names:?}");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redshift-admin", "namespace": world.namespace},
                        "stringData": {"username": name, "password": password}});
    assert_eq!(validated(&format!("{manifest}\n---\n{secret}"), ca_file, &[]).await.0, 0);
    let (code, printed, _) =
        validated(&manifest, ca_file, &[user[0], ("REDSHIFT_PASSWORD", "wrong-canary-4711")]).await;
    let shown = printed.to_string();
    assert!(code == 1 && shown.contains("the server refused the login") && !shown.contains("4711"), "{shown}");
    let (code, printed, _) = validated(&manifest, ca_file, &[]).await;
    assert!(code == 1 && printed.to_string().contains("there are no credentials"), "{printed:#}");
    let nowhere = world.manifest("analytics", json!({"config": {"port": 1}})).to_string();
    assert_eq!(validated(&nowhere, ca_file, &user).await.0, 3);
    let (code, _, said) = validated(&manifest.replace("initialDatabase", "initialdatabase"), ca_file, &user).await;
    assert!(code == 1 && said.contains("write initialDatabase"), "{said}");
    assert_eq!(validated("a: b", ca_file, &user).await.0, 2);
    // As the operator would say it.
    let half = format!("{}-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n", world.stand_in.ca_pem());
    let half_file = world.folder().join("half.crt");
    std::fs::write(&half_file, half).unwrap();
    let (code, printed, said) = validated(&manifest, half_file.to_str().unwrap(), &user).await;
    assert!(code == 0 && printed.to_string().contains("not used of the bundle"), "{printed:#}{said}");
    assert_same(&nothing, &Dump::of(&world.stand_in).await);

    world.enabled().await;
    let before = Dump::of(&world.stand_in).await;
    let (code, printed, _) = validated(&manifest, ca_file, &user).await;
    assert!(code == 1 && printed.to_string().contains("Redshift integration already exists"), "{printed:#}");
    let account = world.secrets().get("analytics-system-account").await.unwrap();
    let whole = format!("{manifest}\n---\n{}", serde_json::to_string(&account).unwrap());
    let (code, printed, said) = validated(&whole, ca_file, &[]).await;
    assert!(code == 0, "{printed:#}{said}");
    assert_same(&before, &Dump::of(&world.stand_in).await);
    let dba = admin(&world.stand_in, "immuta").await;
    dba.batch_execute("REVOKE SELECT ON immuta_system.user_profile FROM PUBLIC").await.unwrap();
    let (code, printed, _) = validated(&whole, ca_file, &[]).await;
    assert!(code == 1 && printed.to_string().contains("user_profile"), "{printed:#}");

    // A first draft of data sources, by the account that their views read with.
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE SCHEMA sales").await.unwrap();
    dba.batch_execute("CREATE TABLE sales.orders (id INTEGER)").await.unwrap();
    let more = ["--ca-file", ca_file, "--schema", "sales"];
    let (code, _, said) = generated(&whole, &more, ("", "")).await;
    let grants: Vec<_> = said.lines().filter(|line| line.starts_with("  GRANT")).collect();
    assert!(code == 1 && grants.len() == 2 && said.contains("dev.sales shows immuta_system_account nothing"), "{said}");
    for grant in grants {
        dba.batch_execute(grant).await.unwrap();
    }
    let (code, printed, said) = generated(&whole, &more, ("", "")).await;
    assert!(code == 0 && printed.contains("    name: orders\n") && said.is_empty(), "{printed}{said}");
}

/// Exit code, standard output and standard error of `datasource generate`, of manifests on standard input.
async fn generated(manifests: &str, more: &[&str], user: (&str, &str)) -> (i32, String, String) {
    let mut child = tokio::process::Command::new(BINARY)
        .args(["datasource", "generate", "-f", "-"])
        .args(more)
        .env_remove("KUBECONFIG")
        .envs([("REDSHIFT_USERNAME", user.0), ("REDSHIFT_PASSWORD", user.1)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(manifests.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn a_first_draft_of_each_table_is_printed_and_passes_its_own_check() {
    let stand_in = StandIn::start(Options::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.crt");
    std::fs::write(&ca_file, stand_in.ca_pem()).unwrap();
    let dba = admin(&stand_in, "dev").await;
    for statement in [
        "CREATE SCHEMA sales",
        "CREATE TABLE sales.orders (order_id BIGINT, amount DECIMAL(12,2), note VARCHAR(40))",
        "CREATE TABLE sales.\"order\" (id INTEGER)",
        "CREATE VIEW sales.recent AS SELECT order_id FROM sales.orders",
        "CREATE TABLE sales.secrets (id INTEGER)",
        "CREATE SCHEMA empty",
        "CREATE USER reader PASSWORD 'Abcd1234'",
        "GRANT USAGE ON SCHEMA sales TO reader",
        "GRANT SELECT ON sales.orders TO reader",
    ] {
        dba.batch_execute(statement).await.unwrap();
    }
    let manifest = |changes: Value| {
        let mut manifest = json!({
            "apiVersion": "redshift-governance.dev/v1alpha1",
            "kind": "RedshiftIntegration",
            "metadata": {"name": "analytics", "namespace": "data"},
            "spec": {"config": {
                "host": stand_in.host(), "port": stand_in.port(), "database": "immuta", "initialDatabase": "DEV",
                "authenticationType": "userPassword", "credentialsSecretRef": {"name": "redshift-admin"},
                "tls": {"caBundleRef": {"kind": "ConfigMap", "name": "redshift-ca"}}, "policyViews": {"enabled": true},
            }},
        });
        merge(&mut manifest["spec"]["config"], changes);
        manifest.to_string()
    };
    let (dba, reader) = ((stand_in.admin_user(), stand_in.admin_password()), ("reader", "Abcd1234"));
    let of = async |more: &[&str], user| {
        let more = [&["--ca-file", ca_file.to_str().unwrap()], more].concat();
        generated(&manifest(json!({})), &more, user).await
    };

    let (code, printed, said) = of(&["--schema", "sales"], dba).await;
    assert_eq!(code, 0, "{said}");
    let names: Vec<_> = printed.lines().filter_map(|line| line.strip_prefix("  name: ")).collect();
    assert_eq!(names, ["sales-order", "sales-orders", "sales-recent", "sales-secrets"]);
    assert!(printed.contains("  columns:\n  - name: order_id\n  - name: amount\n  - name: note\n"), "{printed}");
    assert!(printed.contains("    name: order_view\n"), "the name of a view is no reserved word: {printed}");
    assert!(said.contains("GRANT SELECT FOR TABLES IN SCHEMA \"sales\" TO \"immuta_system_account\";"), "{said}");
    let whole = format!("{}\n---\n{printed}", manifest(json!({})));
    let (taken, checked) = output(BINARY, &["validate", "--schema-only", "-f", "-"], &whole);
    assert!(taken && checked.matches(": valid").count() == 5 && !checked.contains("warning"), "{checked}");

    // Elsewhere in the warehouse, and by who may read less.
    let other = manifest(json!({"initialDatabase": "redshift_sample_data"}));
    let more = ["--ca-file", ca_file.to_str().unwrap(), "--database", "dev", "--schema", "sales", "--with-types"];
    let (code, printed, said) = generated(&other, &more, reader).await;
    assert_eq!(code, 0, "{said}");
    assert!(printed.contains("    database: dev\n") && printed.contains("    type: numeric(12,2)\n"), "{printed}");
    assert!(!printed.contains("secrets") && !printed.contains("recent"), "{printed}");
    let (code, printed, _) = of(&["--schema", "sales", "--table", "orders"], dba).await;
    assert_eq!((code, printed.matches("kind: RedshiftDataSource").count()), (0, 1));

    for (more, user, expected) in [
        (&["--schema", "sale"][..], dba, "dev.sale shows"),
        (&["--schema", "empty"], reader, "GRANT USAGE ON SCHEMA \"empty\" TO \"reader\";"),
        (
            &["--schema", "sales", "--table", "ordres"],
            dba,
            "no table ordres: it isn't there, or it may not read it; there is orders",
        ),
        (&["--schema", "sales"], ("reader", "wrong-canary-4711"), "the server refused the login"),
        (&["--schema", "sales", "--database", "nowhere"], dba, "nowhere"),
    ] {
        let (code, printed, said) = of(more, user).await;
        assert_eq!((code, printed.as_str()), (1, ""), "{said}");
        assert!(said.contains(expected) && !said.contains("4711"), "{said}");
    }
    let more = ["--ca-file", ca_file.to_str().unwrap(), "--schema", "sales"];
    assert_eq!(generated(&manifest(json!({"port": 1})), &more, dba).await.0, 3);
    let (code, _, said) = generated(&manifest(json!({"database": "Immuta"})), &more, dba).await;
    assert!(code == 1 && said.contains("lower-case letters"), "{said}");
    assert_eq!(generated("a: b", &more, dba).await.0, 2);
}

/// `script` gives what is typed to the program's terminal, where the third control character interrupts it.
#[test]
fn whoever_is_asked_for_something_can_interrupt_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("integration.yaml");
    let spec = "{host: localhost, database: immuta, initialDatabase: dev, authenticationType: userPassword, \
                credentialsSecretRef: {name: none}}";
    let manifest = "apiVersion: redshift-governance.dev/v1alpha1\nkind: RedshiftIntegration\nmetadata: {name: a}\n";
    std::fs::write(&file, format!("{manifest}spec: {{config: {spec}}}\n")).unwrap();
    let mut child = Command::new("script")
        .args(["-qefc", &format!("{BINARY} validate -f {}", file.display()), "/dev/null"])
        .env_remove("REDSHIFT_USERNAME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut asked = Vec::new();
    let mut printed = child.stdout.take().unwrap();
    while !String::from_utf8_lossy(&asked).contains("User at localhost: ") {
        let mut piece = [0; 64];
        let read = printed.read(&mut piece).unwrap();
        assert!(read > 0, "it wasn't asked: {}", String::from_utf8_lossy(&asked));
        asked.extend_from_slice(&piece[..read]);
    }
    // Not closed before it has ended: what is typed would end as well, and whichever is heard first counts.
    let mut typed = child.stdin.take().unwrap();
    typed.write_all(b"\x03").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
