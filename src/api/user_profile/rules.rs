//! The rules and bounds of a `RedshiftUserProfile`.

use serde_json::json;

use crate::api::rules::{Bounds, Rule, conditions, not_observed, of_integration, of_profile, stays};

/// All rules.
#[must_use]
pub fn rules() -> Vec<Rule> {
    vec![
        stays(
            "spec.integrationRef",
            "a profile stays with its integration: delete the resource, and create another one",
        ),
        stays("spec.user", "a profile is one user's: delete the resource, and create another one"),
        of_profile("spec.user"),
        of_profile("spec.groups[]"),
        of_profile("spec.attributes[].name"),
        of_profile("spec.attributes[].values[]"),
    ]
}

/// All bounds. What a profile may hold in all is told by the operator.
#[must_use]
pub fn bounds() -> Bounds {
    let texts = json!({"maxItems": 500, "items": {"type": "string", "minLength": 1, "maxLength": 1024}});
    vec![
        of_integration(),
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
        conditions(),
        not_observed(),
    ]
}
