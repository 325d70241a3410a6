//! What is generated is what the sources say.

use crate::support::output;
use redshift_integration_operator::api::Kind;

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap_or_default()
}

#[test]
fn the_custom_resource_definitions_are_current() {
    for kind in Kind::ALL {
        let (current, name) = (kind.crd_yaml(), kind.crd_file());
        for path in [format!("crds/{name}"), format!("charts/redshift-integration-operator/files/crds/{name}")] {
            assert!(file(&path) == current, "{path} is not what src/api says; run: make crds deploy");
        }
    }
}

#[test]
fn the_plain_manifests_are_what_the_chart_renders() {
    let (current, words) = output(&format!("{}/deploy/render", env!("CARGO_MANIFEST_DIR")), &["--check"], "");
    assert!(current, "{words}");
}
