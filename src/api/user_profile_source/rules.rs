//! The rules and bounds of a `RedshiftUserProfileSource`.

use serde_json::json;

use crate::api::rules::{
    Bounds, NAME_OF_AN_OBJECT, Rule, VALUE_OF_A_LABEL, conditions, not_observed, of_integration, stays,
};

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
        Rule {
            path: "spec.configMaps.selector.matchLabels",
            rule: "self.all(key, key.matches('^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$'))".into(),
            message: "write the keys of labels, such as redshift-governance.dev/profiles: letters, digits, -, _ and ., with the name of a \
                      domain and a slash before it or without",
            field: None,
        },
    ]
}

/// All bounds.
#[must_use]
pub fn bounds() -> Bounds {
    vec![
        of_integration(),
        (
            "spec.configMaps.names",
            json!({
                "maxItems": 200,
                "items": {"type": "string", "minLength": 1, "maxLength": 253, "pattern": NAME_OF_AN_OBJECT},
                "x-kubernetes-list-type": "set",
            }),
        ),
        (
            "spec.configMaps.selector.matchLabels",
            json!({
                "maxProperties": 20,
                "additionalProperties": {"type": "string", "maxLength": 63, "pattern": VALUE_OF_A_LABEL},
            }),
        ),
        ("spec.maxRemovedPercent", json!({"minimum": 0, "maximum": 100})),
        conditions(),
        not_observed(),
    ]
}
