//! The command line: what it prints, and what it says when it can't.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::output;

const BINARY: &str = env!("CARGO_BIN_EXE_redshift-integration-operator");
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples/quick-start.yaml");

/// Exit code, standard output, standard error; without any cluster in the environment.
fn run(arguments: &[&str]) -> (i32, String, String) {
    run_in(&[("KUBECONFIG", "/nonexistent")], arguments)
}

fn run_in(environment: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(BINARY)
        .args(arguments)
        .env_remove("KUBERNETES_SERVICE_HOST")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// The sample with a text replaced, in a file.
fn changed(folder: &Path, from: &str, to: &str) -> String {
    let sample = std::fs::read_to_string(SAMPLE).unwrap();
    assert!(sample.contains(from));
    let file = folder.join("integration.yaml");
    std::fs::write(&file, sample.replace(from, to)).unwrap();
    file.to_str().unwrap().to_owned()
}

/// What is said about a manifest, the same by all commands: the sample with a text replaced.
fn refused(from: &str, to: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = changed(folder.path(), from, to);
    let (code, printed, words) = run(&["scripts", "create", "-f", &file]);
    assert_eq!((code, printed.as_str()), (1, ""), "{words}");
    assert_eq!(words.trim().lines().count(), 1, "{words}");
    let (code, _, told) = run(&["validate", "--schema-only", "-f", &file]);
    assert_eq!((code, format!("error: {told}")), (1, words.clone()));
    // A line and a column.
    let place = told.strip_prefix(&format!("{file}:")).unwrap_or_default().splitn(3, ':');
    assert!(place.take(2).all(|number| number.parse::<u32>().is_ok()), "{told}");
    words
}

#[test]
fn crd_prints_what_kubectl_takes() {
    let (code, crd, _) = run(&["crd"]);
    assert_eq!(code, 0);
    assert!(crd.contains("kind: CustomResourceDefinition"));
    let (taken, words) = output("kubectl", &["apply", "--dry-run=server", "-f", "-"], &crd);
    assert!(taken, "{words}");
}

#[test]
fn scripts_print_the_statements_in_their_order_and_no_password() {
    let (code, script, words) = run(&["scripts", "initial-create", "-f", SAMPLE]);
    assert_eq!((code, words.as_str()), (0, ""));
    let order = ["create-claim", "create-system-account", "create-database", "revoke-database-from-public"];
    let at: Vec<_> = order.iter().map(|name| script.find(&format!("-- {name}")).expect(name)).collect();
    assert!(at.is_sorted(), "{script}");
    assert!(script.contains("PASSWORD '<md5 of the claim''s password>'"), "{script}");
    let (_, create, _) = run(&["scripts", "create", "-f", SAMPLE]);
    assert!(create.contains("CREATE OR REPLACE VIEW immuta_system.user_profile"));
    let (_, delete, _) = run(&["scripts", "delete", "-f", SAMPLE]);
    assert!(delete.find("DROP DATABASE").unwrap() < delete.find("DROP USER redshift_governance_claim").unwrap());
}

#[test]
fn a_manifest_that_is_none_is_refused_with_what_is_wrong() {
    assert!(refused("kind: RedshiftIntegration", "kind: Deployment").contains("Deployment"));
    assert!(refused("redshift-governance.dev/v1alpha1", "redshift-governance.dev/v2").contains("v1alpha1"));
    assert!(refused("initialDatabase:", "initialDatabse:").contains("write initialDatabase"));
    assert!(refused("    database: immuta", "    database: immuta\n    databse: x").contains("databse"));
    assert!(refused("database: immuta", "database: Immuta").contains("lower"));
    assert!(refused("database: immuta", "database: select").contains("reserved"));
    assert!(refused("initialDatabase: dev", "initialDatabase: IMMUTA").contains("initialDatabase"));
    assert!(
        refused("authenticationType: userPassword", "authenticationType: okta").contains("needs the block config.okta")
    );
    assert!(refused("authenticationType: userPassword", "authenticationType: password").contains("write userPassword"));
}

#[test]
fn what_cannot_be_read_is_told_from_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = changed(folder.path(), "spec:", "spec: [");
    let other = folder.path().join("other.yaml");
    std::fs::write(&other, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n").unwrap();
    let validate: &[&str] = &["validate", "--schema-only"];
    for (file, why) in [
        ("/nonexistent.yaml", "/nonexistent.yaml: there is no such file or folder"),
        (&file, "integration.yaml:17:9: "),
    ] {
        for command in [&["scripts", "create"], validate] {
            let (code, printed, words) = run(&[command, &["-f", file]].concat());
            assert_eq!((code, printed.as_str()), (2, ""), "{words}");
            assert!(words.contains(why), "{words}");
        }
    }
    let (code, printed, words) = run(&[validate, &["-f", other.to_str().unwrap()]].concat());
    assert_eq!((code, printed.as_str()), (2, ""), "{words}");
    assert!(words.contains("other.yaml:1:1: ConfigMap x: not one of ours; skipped"), "{words}");
    // Beside one that is right it doesn't matter.
    let (code, printed, _) = run(&[validate, &["-f", other.to_str().unwrap(), "-f", SAMPLE]].concat());
    assert_eq!((code, printed), (0, format!("{SAMPLE}: RedshiftIntegration data-platform/analytics: valid\n")));
    let (code, printed, _) = run(&[validate, &["-o", "json", "-f", SAMPLE]].concat());
    let report: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((code, &report["valid"], &report["resources"][0]["name"]), (0, &true.into(), &"analytics".into()));
}

#[test]
fn an_edit_between_two_manifests_is_read_and_put_into_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let new =
        changed(folder.path(), "initialDatabase: dev", "initialDatabase: dev\n    systemAccount: {name: governor}");
    let (code, script, words) = run(&["scripts", "edit", "--from", SAMPLE, "-f", &new]);
    assert_eq!((code, words.as_str()), (0, ""));
    assert!(script.contains(r#"ALTER USER "immuta_system_account" RENAME TO "governor""#), "{script}");
    assert!(script.contains("PASSWORD '<md5 of the system account''s password>'"), "{script}");
    let out = folder.path().join("sql");
    let write = ["scripts", "edit", "--from", SAMPLE, "-f", &new, "--out", out.to_str().unwrap()];
    assert_eq!(run(&write).0, 0);
    assert_eq!(std::fs::read_to_string(out.join("edit.sql")).unwrap(), script);
    std::fs::write(out.join("edit.sql"), "mine").unwrap();
    let (code, _, words) = run(&write);
    assert!(code == 1 && words.contains("--force"), "{words}");
    assert_eq!(run(&[&write[..], &["--force"]].concat()).0, 0);
    for (arguments, code, why) in [
        (&["edit", "--from", SAMPLE, "-f", SAMPLE][..], 1, "nothing to edit"),
        (&["edit", "-f", SAMPLE], 1, "--from"),
        (&["create", "--from", SAMPLE, "-f", SAMPLE], 2, "--from is for scripts edit"),
        (&["migrate", "-f", SAMPLE], 2, "the operator migrates"),
    ] {
        let (ended, printed, words) = run(&[&["scripts"], arguments].concat());
        assert_eq!((ended, printed.as_str()), (code, ""), "{words}");
        assert!(words.starts_with("error: ") && words.contains(why), "{words}");
    }
}

#[test]
fn a_wrong_command_line_is_told_from_a_failure() {
    for arguments in
        [&["destroy"][..], &["scripts", "create"], &["scripts", "everything", "-f", SAMPLE], &["run", "now"]]
    {
        let (code, _, words) = run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {words}");
        assert!(words.starts_with("error: "), "{words}");
    }
}

#[test]
fn a_value_that_cannot_be_meant_is_refused_with_what_to_write() {
    for (argument, write) in [
        ("--log-level=loud", "write one of off, error, warn, info, debug and trace"),
        ("--log-level=", "write one of off"),
        ("--log-level=a=b=c", "write one of off"),
        ("--log-level=redshift-integration-operator=debug", "underscores"),
        ("--log-format=xml", "text, json"),
        ("--watch-namespaces=A_B", "lower-case letters"),
        ("--watch-namespaces=one, two", "one,two"),
        ("--watch-namespaces=one,,two", "one,two"),
        ("--watch-namespaces=one,", "one,two"),
        ("--watch-namespaces=*", "nothing for all of them"),
        ("--allowed-hosts=", "leave the option out"),
        ("--allowed-hosts=a.example.com,", "leave the option out"),
        ("--allowed-hosts=http://x y", "*.example.com"),
        ("--allowed-hosts=warehouse:5439", "*.example.com"),
        ("--allowed-hosts=a_b.example.com", "*.example.com"),
        ("--allowed-hosts=10.0.0", "10.0.0.0/8"),
        ("--allowed-hosts=10.0.0.0/33", "10.0.0.0/8"),
        ("--allowed-hosts=::ffff:10.0.0.1", "write 10.0.0.1"),
        ("--http-address=here", "invalid socket address"),
        ("--http-address=:8080", "invalid socket address"),
        ("--http-address=127.0.0.1:99999", "invalid socket address"),
        ("--lease-namespace=", "lower-case letters"),
        ("--lease-namespace=Here", "lower-case letters"),
        ("--lease-name=", "lower-case letters"),
        ("--lease-name=a/b", "lower-case letters"),
        ("--concurrency=0", "1..=1024"),
        ("--concurrency=-1", "1..=1024"),
        ("--concurrency=60000", "1..=1024"),
        ("--connect-timeout-seconds=0", "1..=600"),
        ("--connect-timeout-seconds=1e9", "invalid digit"),
        ("--connect-timeout-seconds=18446744073709551615", "1..=600"),
        ("--statement-timeout-seconds=0", "1..=3600"),
        ("--api-timeout-seconds=0", "1..=600"),
        ("--shutdown-timeout-seconds=0", "1..=3600"),
        ("--health-timeout-seconds=0", "1..=3600"),
        ("--retry-delay-milliseconds=0", "10..=3600000"),
        ("--retry-delay-max-milliseconds=0", "10..=86400000"),
        ("--retry-delay-max-milliseconds=100", "write at least as much"),
    ] {
        let (name, value) = argument.split_once('=').unwrap();
        // Behind an equals sign, and from the environment.
        let (code, _, words) = run(&["run", argument]);
        assert_eq!(code, 2, "{argument}: {words}");
        assert!(words.starts_with("error: ") && words.contains(write), "{argument}: {words}");
        assert!(words.contains(name), "{argument}: {words}");
        let variable = name.trim_start_matches('-').replace('-', "_").to_uppercase();
        let (code, _, words) = run_in(&[(&variable, value)], &["run"]);
        assert_eq!(code, 2, "{variable}={value}: {words}");
        assert!(words.contains(write), "{variable}={value}: {words}");
    }
    for variable in ["LEADER_ELECT", "REQUIRE_SECRET_HOSTS"] {
        let (code, _, words) = run_in(&[(variable, "perhaps")], &["run"]);
        assert_eq!(code, 2, "{variable}: {words}");
        assert!(words.contains("true, false"), "{words}");
    }
}

#[test]
fn run_without_a_cluster_says_what_to_do() {
    let run = |environment: &[(&str, &str)]| {
        let (code, _, words) = run_in(environment, &["run", "--http-address=127.0.0.1:0"]);
        assert_eq!(code, 1, "{words}");
        words
    };
    let words = run(&[("KUBECONFIG", "/nonexistent")]);
    assert!(words.contains("the kubeconfig /nonexistent can't be used: No such file"), "{words}");
    let words = run(&[("KUBECONFIG", ""), ("HOME", "/nonexistent")]);
    assert!(words.contains("set KUBECONFIG"), "{words}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let kubeconfig = |server: &str, more: &str| {
        let text = format!(
            "{{current-context: c, contexts: [{{name: c, context: {{cluster: c, user: c}}}}], clusters: [{{name: c, cluster: \
             {{server: '{server}'{more}}}}}], users: [{{name: c, user: {{token: Canary-7f3a}}}}]}}"
        );
        std::fs::write(&file, text).unwrap();
    };
    let path = file.to_str().unwrap();
    kubeconfig("https://127.0.0.1:1", "");
    for proxy in ["ftp://proxy.example.com", "http://user:Canary-7f3a@", "socks4://proxy"] {
        let words = run(&[("KUBECONFIG", path), ("HTTPS_PROXY", proxy)]);
        assert!(words.contains("the proxy for the API server can't be used"), "{proxy}: {words}");
        assert!(!words.contains("KUBECONFIG") && !words.contains("Canary"), "{words}");
    }
    kubeconfig("https://127.0.0.1:1", ", proxy-url: 'ftp://proxy.example.com'");
    assert!(run(&[("KUBECONFIG", path)]).contains("the proxy for the API server can't be used"));
    kubeconfig("https://127.0.0.1:1", ", certificate-authority-data: Canary-7f3a");
    let words = run(&[("KUBECONFIG", path)]);
    assert!(words.contains("its certificate authority can't be read") && !words.contains("Canary"), "{words}");
    std::fs::write(&file, "users: [{token: {Canary-7f3a}]").unwrap();
    let words = run(&[("KUBECONFIG", path)]);
    assert!(words.contains("no valid YAML") && !words.contains("Canary"), "{words}");
}

#[test]
fn help_names_every_command() {
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, 0);
    for command in ["run", "crd", "scripts", "validate"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{help}");
    }
    let (code, version, _) = run(&["--version"]);
    assert_eq!((code, version.trim()), (0, concat!("redshift-integration-operator ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_file_that_an_option_names_and_that_is_not_there_is_told_by_its_name() {
    let (code, _, words) = run(&["validate", "-f", SAMPLE, "--ca-file", "/nonexistent.crt"]);
    assert!(code == 2 && words.contains("--ca-file /nonexistent.crt: No such file"), "{words}");
    let (code, _, words) = run(&["man", "--out", "/proc/nowhere"]);
    assert!(code == 1 && words.contains("/proc/nowhere: "), "{words}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for arguments in [&["crd"][..], &["man"], &["completions", "bash"], &["scripts", "create", "-f", SAMPLE]] {
        let mut child =
            Command::new(BINARY).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && words.is_empty(), "{arguments:?}: {words}");
    }
}
