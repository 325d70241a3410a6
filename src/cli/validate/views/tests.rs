#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use super::super::schema_only::mistakes;
use super::*;

const SAMPLE: &str = include_str!("../../../../deploy/samples/policy-views.yaml");

/// What is said of some manifests: mistakes, and hints.
fn said(text: &str) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("it.yaml"), text).unwrap();
    let manifests = Manifests::read(&[folder.path().to_owned()]);
    assert_eq!(manifests.unreadable, []);
    let review = review(&manifests, "data-platform");
    let brief = |mistake: Mistake| mistake.to_string().replace(&format!("{}/", folder.path().display()), "");
    let hints = review.hints.iter().cloned().map(brief).collect();
    (mistakes(&manifests.resources(), &review).into_iter().map(brief).collect(), hints)
}

fn changed(from: &str, to: &str) -> (Vec<String>, Vec<String>) {
    assert!(SAMPLE.contains(from), "{from}");
    said(&SAMPLE.replacen(from, to, 1))
}

/// Documents of the sample, by what is in them.
fn documents(marks: &[&str]) -> String {
    let all = SAMPLE.split("\n---\n").filter(|document| marks.iter().any(|mark| document.contains(mark)));
    all.collect::<Vec<_>>().join("\n---\n")
}

const NOTHING: [&str; 0] = [];

fn resource(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: redshift-governance.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: data-platform}}\n\
         spec: {{integrationRef: {{name: analytics}}, {spec}}}\n"
    )
}

#[test]
fn what_fits_together_is_right() {
    let (mistakes, hints) = said(SAMPLE);
    assert_eq!((mistakes, hints), (vec![], vec![]));
    // A base, and what was made of it.
    assert_eq!(said(&format!("{SAMPLE}\n---\n{SAMPLE}")).0, NOTHING);
}

#[test]
fn a_data_source_is_read_as_the_operator_reads_it() {
    let source = |name: &str, more: &str| resource("RedshiftDataSource", name, more);
    let told = |more: &str| said(&(SAMPLE.to_owned() + &source("other", more))).0;
    for (more, expected) in [
        ("table: {schema: sales, name: all-orders}", "spec.view.name: `all-orders` can't be used as a name"),
        (
            "table: {schema: public, name: x}",
            "spec.view.schema: `public` is Redshift's, the integration's or everybody's",
        ),
        (
            "table: {database: sys:internal, schema: a, name: x}",
            "spec.table.database: `sys:internal` can't be used as a name",
        ),
        (
            "table: {database: dev, schema: sales, name: orders}",
            "spec.table: the view sales.orders is of RedshiftDataSource orders already (it.yaml:31), and the first to make it",
        ),
        ("table: {schema: x, name: z}, view: {schema: sales, name: orders}", "spec.view: the view sales.orders is of"),
    ] {
        let told = told(more);
        assert!(told.len() == 1 && told[0].contains(expected), "{more}: {told:?}");
    }
    // In the managed database a view stands beside its table.
    assert_eq!(told("table: {database: immuta, schema: sales, name: orders}"), NOTHING);
    let (_, hints) = changed("enabled: true", "enabled: false");
    assert!(hints.len() == 1 && hints[0].contains("no view is made until it is true"), "{hints:?}");
    let (_, hints) = changed("  subscription:", "  unlistedColumns: Show\n  subscription:");
    assert!(hints.len() == 1 && hints[0].contains("before anybody has looked at it"), "{hints:?}");
}

#[test]
fn what_depends_on_an_integration_elsewhere_is_no_mistake() {
    let alone = documents(&["RedshiftDataSource", "kind: RedshiftUserProfile\n"]);
    let (mistakes, hints) = said(&alone);
    assert_eq!(mistakes, NOTHING);
    let expected =
        "spec.integrationRef.name: RedshiftIntegration data-platform/analytics isn't among the files, as 1 more do";
    assert!(hints.len() == 1 && hints[0].contains(expected), "{hints:?}");
    // The view of a table in `public` may be in `public_immuta`, and that of another database's table elsewhere.
    let more = resource("RedshiftDataSource", "a", "table: {schema: public, name: x}")
        + &resource("RedshiftDataSource", "b", "table: {database: immuta, schema: sales, name: orders}");
    assert_eq!(said(&(alone.clone() + "\n" + &more)).0, NOTHING);
    let same = resource("RedshiftDataSource", "c", "table: {schema: sales, name: orders}");
    assert_eq!(said(&(alone + "\n" + &same)).0.len(), 1);
    let (_, hints) = said(&SAMPLE.replacen("    name: analytics", "    name: analitics", 1));
    assert!(
        hints.iter().any(|hint| hint.contains("it names analitics, and there is analytics among the files")),
        "{hints:?}"
    );
    // One that is wrong isn't missing.
    let (mistakes, hints) = changed("initialDatabase", "initialdatabase");
    assert_eq!((mistakes.len(), hints), (1, vec![]));
}

#[test]
fn a_profile_is_told_what_is_wrong_with_it() {
    let profile = |more: &str| said(&(SAMPLE.to_owned() + &resource("RedshiftUserProfile", "other", more))).0;
    for (more, expected) in [
        (
            "user: \"a\\u200bb\"",
            "spec.user: the user's name `a\\u{200b}b` holds a character that can't be seen (U+200B); take it out",
        ),
        ("user: eve, groups: [\"a\\u200b\"]", "spec.groups: the group"),
        ("user: eve, attributes: [{name: a, values: [\"\\u00a0b\"]}]", "spec.attributes: the attribute's value"),
        ("user: IAM:bob@example.com", "spec.user: IAM:bob@example.com has a profile in RedshiftUserProfile bob, too"),
        (
            "user: IAM:alice@example.com",
            "spec.user: IAM:alice@example.com has a profile in line 2 of users.csv of ConfigMap hr-export (RedshiftUserProfileSource \
             hr-export), too, and a user with two has none: leave one of them",
        ),
    ] {
        let told = profile(more);
        assert!(told.iter().any(|it| it.contains(expected)), "{more}: {told:?}");
    }
    // The other place is told, too.
    assert_eq!(profile("user: IAM:alice@example.com").len(), 2);
    // Of another integration.
    let other = resource("RedshiftUserProfile", "other", "user: IAM:bob@example.com").replace("analytics}", "other}");
    assert_eq!(said(&(SAMPLE.to_owned() + &other)).0, NOTHING);
}

#[test]
fn the_files_of_a_source_are_read_line_by_line() {
    let csv = |line: &str| changed("IAM:carol@example.com,,", line).0;
    for (line, expected) in [
        ("carol ,,", "3: data.users.csv: line 3 (carol ): the user's name `carol ` ends in a blank; write it without"),
        ("carol,a;,", "data.users.csv: line 3 (carol): there is a `;` too many in groups"),
        ("carol,a", "data.users.csv: line 3: the line has"),
        ("IAM:alice@example.com,,", "data.users.csv: line 3: IAM:alice@example.com has a profile in line 2, too"),
    ] {
        let told = csv(line);
        assert!(told.iter().any(|it| it.contains(expected)), "{line}: {told:?}");
        assert!(told.iter().all(|it| it.starts_with("it.yaml:1")), "{told:?}");
    }
    let many: String = (0..25).map(|number| format!("    u{number} ,,\n")).collect();
    let told = csv(&format!("carol,,\n{many}"));
    assert!(told.len() == 21 && told[20].contains("5 more users of this file have no profile"), "{told:?}");
    let (told, _) = changed("format: CSV", "format: JSONLines");
    assert_eq!(told, NOTHING);
    let (_, hints) = changed("format: CSV", "format: JSONLines");
    assert!(
        hints.len() == 1 && hints[0].contains("no key of ConfigMap hr-export ends in .jsonl or .jsonl.gz"),
        "{hints:?}"
    );
    let (told, _) = changed("users.csv: |", "users.csv: !!str |\n    ,");
    assert!(told.len() == 1 && told[0].contains("data.users.csv: line 1: "), "{told:?}");
    let large = format!("carol,,\n    #{}", "x".repeat(1024 * 1024));
    assert!(csv(&large).iter().any(|it| it.contains("a ConfigMap holds 1 MiB at most")));
}

#[test]
fn a_config_map_is_found_by_its_labels_or_its_name() {
    let (mistakes, hints) =
        said(&SAMPLE.replace("    redshift-governance.dev/profiles: hr-export\ndata", "    profiles: hr\ndata"));
    assert_eq!(mistakes, NOTHING);
    assert!(hints.len() == 1 && hints[0].contains("no ConfigMap among the files has these labels"), "{hints:?}");
    let named = |names: &str| {
        let selector = "    selector:\n      matchLabels:\n        redshift-governance.dev/profiles: hr-export\n";
        changed(selector, &format!("    names: {names}\n"))
    };
    assert_eq!(named("[hr-export]"), (vec![], vec![]));
    let (mistakes, hints) = named("[hr-export, hr-2]");
    assert_eq!(mistakes, NOTHING);
    assert!(hints.len() == 1 && hints[0].contains("the ConfigMap hr-2 isn't among the files"), "{hints:?}");
    // Two sources that read one file name each of its users twice.
    let other = resource("RedshiftUserProfileSource", "other", "configMaps: {names: [hr-export]}");
    let (mistakes, _) = said(&(SAMPLE.to_owned() + &other));
    assert_eq!(mistakes.len(), 4, "{mistakes:?}");
}
