//! The command line: what it prints, and what it says when it can't.

use std::process::Command;

use crate::support::output;

const BINARY: &str = env!("CARGO_BIN_EXE_redshift-integration-operator");
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples/quick-start.yaml");

/// Exit code, standard output, standard error; without any cluster in the environment.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(BINARY)
        .args(arguments)
        .env("KUBECONFIG", "/nonexistent")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// What `scripts create` says about a manifest: the sample with a text replaced.
fn refused(from: &str, to: &str) -> String {
    let sample = std::fs::read_to_string(SAMPLE).unwrap();
    assert!(sample.contains(from));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("integration.yaml");
    std::fs::write(&file, sample.replace(from, to)).unwrap();
    let (code, printed, words) = run(&["scripts", "create", "-f", file.to_str().unwrap()]);
    assert_eq!((code, printed.as_str()), (1, ""), "{words}");
    assert_eq!(words.trim().lines().count(), 1, "{words}");
    assert!(words.starts_with("error: ") && words.contains("integration.yaml"), "{words}");
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
    assert!(create.contains("CREATE VIEW immuta_system.user_profile"));
    let (_, delete, _) = run(&["scripts", "delete", "-f", SAMPLE]);
    assert!(delete.find("DROP DATABASE").unwrap() < delete.find("DROP USER redshift_governance_claim").unwrap());
}

#[test]
fn a_manifest_that_is_none_is_refused_with_what_is_wrong() {
    assert!(refused("kind: RedshiftIntegration", "kind: Deployment").contains("Deployment"));
    assert!(refused("redshift-governance.dev/v1alpha1", "redshift-governance.dev/v2").contains("v1alpha1"));
    assert!(refused("initialDatabase:", "initialDatabse:").contains("initialData"));
    assert!(refused("    database: immuta", "    database: immuta\n    databse: x").contains("databse"));
    assert!(refused("database: immuta", "database: Immuta").contains("lower"));
    assert!(refused("database: immuta", "database: select").contains("reserved"));
    assert!(refused("initialDatabase: dev", "initialDatabase: IMMUTA").contains("initialDatabase"));
    assert!(refused("authenticationType: userPassword", "authenticationType: okta").contains("not supported"));
    assert!(
        refused("authenticationType: userPassword", "authenticationType: password").contains("userPassword, accessKey")
    );
    assert!(refused("spec:", "spec: [").contains("line"));
    let (code, _, words) = run(&["scripts", "create", "-f", "/nonexistent.yaml"]);
    assert_eq!(code, 1);
    assert!(words.contains("/nonexistent.yaml") && words.contains("No such file"), "{words}");
}

#[test]
fn a_wrong_command_line_is_told_from_a_failure() {
    for arguments in [
        &["destroy"][..],
        &["scripts", "create"],
        &["scripts", "everything", "-f", SAMPLE],
        &["run", "--allowed-hosts=http://x y"],
        &["run", "--log-level=a=b=c"],
        &["run", "--concurrency=0"],
        &["run", "--http-address=here"],
    ] {
        let (code, _, words) = run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {words}");
        assert!(words.starts_with("error: "), "{words}");
    }
}

#[test]
fn run_without_a_cluster_says_what_to_do() {
    let (code, _, words) = run(&["run", "--http-address=127.0.0.1:0"]);
    assert_eq!(code, 1);
    assert!(words.contains("KUBECONFIG"), "{words}");
}

#[test]
fn help_names_every_command() {
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, 0);
    for command in ["run", "crd", "scripts"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{help}");
    }
    let (code, version, _) = run(&["--version"]);
    assert_eq!((code, version.trim()), (0, concat!("redshift-integration-operator ", env!("CARGO_PKG_VERSION"))));
}
