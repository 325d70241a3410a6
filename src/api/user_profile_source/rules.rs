//! The rules and bounds of a `RedshiftUserProfileSource`.

use serde_json::json;

use crate::api::rules::{Bounds, Rule, stays};

/// All rules.
#[must_use]
pub fn rules() -> Vec<Rule> {
    vec![
        stays(
            "spec.integrationRef",
            "a source of profiles stays with its integration: delete the resource, and create another one",
        ),
        Rule {
            path: "spec.configMaps",
            rule: "has(self.selector) != (has(self.names) && size(self.names) > 0)".into(),
            message: "write exactly one of selector and names",
            field: None,
        },
        Rule {
            path: "spec.configMaps.selector.matchLabels",
            rule: "size(self) > 0".into(),
            message: "write a label at least: none would be all ConfigMaps of the namespace",
            field: None,
        },
    ]
}

/// All bounds.
#[must_use]
pub fn bounds() -> Bounds {
    vec![
        ("spec.integrationRef.name", json!({"minLength": 1, "maxLength": 63})),
        (
            "spec.configMaps.names",
            json!({
                "maxItems": 200,
                "items": {"type": "string", "minLength": 1, "maxLength": 253},
                "x-kubernetes-list-type": "set",
            }),
        ),
        (
            "spec.configMaps.selector.matchLabels",
            json!({"maxProperties": 20, "additionalProperties": {"type": "string", "maxLength": 63}}),
        ),
        ("spec.maxRemovedPercent", json!({"minimum": 0, "maximum": 100})),
    ]
}
