//! The rules and bounds of a `RedshiftDataSource`.

use serde_json::json;

use crate::api::rules::{
    Bounds, LOWER_CASE_NAME, LOWER_CASE_NAME_MESSAGE, Rule, conditions, not_observed, of_integration, of_profile,
    simple_name, stays,
};

/// Short, and of short texts: the API server multiplies what it may cost by all tags of all columns.
const TAG: &str = "self.matches('^([a-z0-9_-]+[.]){0,5}[a-z0-9_-]+$')";

/// All rules.
#[must_use]
pub fn rules() -> Vec<Rule> {
    let mut rules = vec![
        stays(
            "spec.integrationRef",
            "a data source stays with its integration: delete the resource, and create another one",
        ),
        stays("spec.table", "a data source is one table: delete the resource, and create another one"),
        Rule {
            path: "spec.table.schema",
            rule: "!self.startsWith('immuta_') && !self.startsWith('pg_') && !(self in ['information_schema', 'catalog_history'])".into(),
            message: "the tables in this schema are Redshift's or an integration's, and can't be data sources: a view would show what is in \
                      them with the rights of the system account",
            field: None,
        },
        Rule {
            path: "spec.view.schema",
            rule: "!self.startsWith('immuta_') && !self.startsWith('pg_') && !(self in ['information_schema', 'public', \
                   'catalog_history'])"
                .into(),
            message: "this schema is Redshift's, the integration's or everybody's; choose another one for views",
            field: None,
        },
        Rule {
            path: "spec.columns[].name",
            rule: "!self.startsWith('immuta__')".into(),
            message: "names that begin with immuta__ are the integration's own; take the column out, and let the table call it otherwise if \
                      people are to see it",
            field: None,
        },
        Rule {
            path: "spec.columns[].tags[]",
            rule: TAG.into(),
            message: "write it as words with dots between them, from the general to the special, such as pii.email: at most six, of \
                      lower-case letters, digits, _ and -",
            field: None,
        },
        Rule {
            path: "spec.subscription",
            rule: "(self.restriction == 'Entitlements') == has(self.entitlements)".into(),
            message: "entitlements says who may read where restriction is Entitlements, and only there: write both, or neither",
            field: None,
        },
        Rule {
            path: "spec.subscription.entitlements",
            rule: "(has(self.groups) && size(self.groups) > 0) || (has(self.attributes) && size(self.attributes) > 0) || \
                   (has(self.users) && size(self.users) > 0)"
                .into(),
            message: "name a group, an attribute or a user; for all who have a profile, set restriction to Anyone",
            field: None,
        },
        Rule {
            path: "spec.grantSelectTo[]",
            rule: "(has(self.role) ? 1 : 0) + (has(self.group) ? 1 : 0) + (has(self.user) ? 1 : 0) + (has(self.public) ? 1 : 0) == 1"
                .into(),
            message: "write exactly one of role, group, user and public",
            field: None,
        },
        Rule {
            path: "spec.grantSelectTo[].public",
            rule: "self".into(),
            message: "write public: true, or take the entry out",
            field: None,
        },
        Rule {
            path: "spec",
            rule: "!has(self.unguardedColumns) || self.unguardedColumns.all(name, self.columns.exists(column, column.name == name && \
                   (!has(column.tags) || size(column.tags) == 0)))"
                .into(),
            message: "unguardedColumns names columns that are in columns and have no tags: list the column there, or take it out here; what \
                      has a tag is guarded",
            field: Some(".unguardedColumns"),
        },
    ];
    rules.extend([simple_name("spec.view.schema"), simple_name("spec.view.name")].into_iter().flatten());
    for path in ["spec.table.database", "spec.table.schema", "spec.table.name", "spec.columns[].name"] {
        rules.push(Rule { path, rule: LOWER_CASE_NAME.into(), message: LOWER_CASE_NAME_MESSAGE, field: None });
    }
    for path in ["spec.grantSelectTo[].role", "spec.grantSelectTo[].group", "spec.grantSelectTo[].user"] {
        rules.push(Rule {
            path,
            rule: r#"self.matches('^[^"\\p{Cc}]+$')"#.into(),
            message: "write the name as the warehouse lists it: quotes and control characters can't be part of it",
            field: None,
        });
    }
    rules.extend(
        [
            "spec.subscription.entitlements.groups[]",
            "spec.subscription.entitlements.users[]",
            "spec.subscription.entitlements.attributes[].name",
            "spec.subscription.entitlements.attributes[].value",
        ]
        .map(of_profile),
    );
    rules
}

/// All bounds.
#[must_use]
pub fn bounds() -> Bounds {
    let name = json!({"minLength": 1, "maxLength": 127});
    let texts = |most: u32, longest: u32| json!({"maxItems": most, "items": {"type": "string", "minLength": 1, "maxLength": longest}, "x-kubernetes-list-type": "set"});
    vec![
        of_integration(),
        ("spec.table.database", name.clone()),
        ("spec.table.schema", name.clone()),
        ("spec.table.name", name.clone()),
        ("spec.view.schema", name.clone()),
        ("spec.view.name", name.clone()),
        (
            "spec.columns",
            json!({"maxItems": 1600, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}),
        ),
        ("spec.columns[].name", name.clone()),
        ("spec.columns[].type", json!({"minLength": 1, "maxLength": 64})),
        ("spec.columns[].tags", texts(20, 80)),
        ("spec.subscription.entitlements.groups", texts(100, 1024)),
        ("spec.subscription.entitlements.users", texts(100, 128)),
        ("spec.subscription.entitlements.attributes", json!({"maxItems": 100})),
        ("spec.subscription.entitlements.attributes[].name", json!({"minLength": 1, "maxLength": 256})),
        ("spec.subscription.entitlements.attributes[].value", json!({"minLength": 1, "maxLength": 1024})),
        ("spec.grantSelectTo", json!({"maxItems": 50})),
        ("spec.grantSelectTo[].role", json!({"minLength": 1, "maxLength": 127})),
        ("spec.grantSelectTo[].group", json!({"minLength": 1, "maxLength": 127})),
        ("spec.grantSelectTo[].user", json!({"minLength": 1, "maxLength": 127})),
        ("spec.unguardedColumns", texts(20, 127)),
        conditions(),
        not_observed(),
    ]
}
