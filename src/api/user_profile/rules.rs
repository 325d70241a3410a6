//! The rules and bounds of a `RedshiftUserProfile`.

use serde_json::json;

use crate::api::rules::{Bounds, Rule, of_profile, stays};

/// All rules.
#[must_use]
pub fn rules() -> Vec<Rule> {
    vec![
        stays(
            "spec.integrationRef",
            "a profile stays with its integration: delete the resource, and create another one",
        ),
        stays("spec.user", "a profile is one user's: delete the resource, and create another one"),
        of_profile("spec.user", "TEXT"),
        of_profile("spec.groups", "self.all(text, TEXT)"),
        of_profile("spec.attributes[].name", "TEXT"),
        of_profile("spec.attributes[].values", "self.all(text, TEXT)"),
    ]
}

/// All bounds. What a profile may hold in all is told by the operator.
#[must_use]
pub fn bounds() -> Bounds {
    let texts = json!({"maxItems": 500, "items": {"type": "string", "minLength": 1, "maxLength": 1024}});
    vec![
        ("spec.integrationRef.name", json!({"minLength": 1, "maxLength": 63})),
        ("spec.user", json!({"minLength": 1, "maxLength": 128})),
        ("spec.groups", texts.clone()),
        (
            "spec.attributes",
            json!({"maxItems": 100, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}),
        ),
        ("spec.attributes[].name", json!({"minLength": 1, "maxLength": 256})),
        (
            "spec.attributes[].values",
            json!({"maxItems": 100, "items": {"type": "string", "minLength": 1, "maxLength": 1024}}),
        ),
    ]
}
