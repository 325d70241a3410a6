//! A data source, once it can no longer be malformed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thiserror::Error;

use crate::api::{
    Entitlements, Grantee, Operator, RedshiftDataSourceSpec, Restriction, RowGuard, RowRule, Subscription,
    UncoveredTags, UnlistedColumns,
};
use crate::scripts::{ExistingName, NameError, ObjectName};

/// A table, by its three names.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TableName {
    /// Its database.
    pub database: String,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, schema, name } = self;
        write!(formatter, "{database}.{schema}.{name}")
    }
}

/// A view in the managed database.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ViewName {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ViewName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schema, name } = self;
        write!(formatter, "{schema}.{name}")
    }
}

/// What a profile must have.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Who {
    /// Whether one is enough or all are needed.
    pub operator: Operator,
    /// Groups.
    pub groups: BTreeSet<String>,
    /// Attributes and values.
    pub attributes: BTreeSet<(String, String)>,
    /// Users, one of whom the reader is.
    pub users: BTreeSet<String>,
}

impl fmt::Display for Who {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups.iter().map(|group| format!("group {group}"));
        let attributes = self.attributes.iter().map(|(name, value)| format!("{name} {value}"));
        let users = self.users.iter().map(|user| format!("user {user}"));
        let all: Vec<_> = groups.chain(attributes).chain(users).collect();
        let between = match self.operator {
            Operator::Any => " or ",
            Operator::All => " and ",
        };
        formatter.write_str(&all.join(between))
    }
}

/// Who sees rows at all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subscribed {
    /// Nobody.
    Nobody,
    /// Whoever has a profile.
    Anyone,
    /// Whoever has what this says.
    Who(Who),
}

/// Who may read the view, as the warehouse sees it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Granted {
    /// A role.
    Role(String),
    /// A group.
    Group(String),
    /// A user.
    User(String),
    /// Everybody.
    Public,
}

impl fmt::Display for Granted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(name) => write!(formatter, "role {name}"),
            Self::Group(name) => write!(formatter, "group {name}"),
            Self::User(name) => write!(formatter, "user {name}"),
            Self::Public => formatter.write_str("public"),
        }
    }
}

impl Granted {
    /// Reads a line of the registry, as it is displayed.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        match line.split_once(' ') {
            None if line == "public" => Some(Self::Public),
            Some(("role", name)) => Some(Self::Role(name.to_owned())),
            Some(("group", name)) => Some(Self::Group(name.to_owned())),
            Some(("user", name)) => Some(Self::User(name.to_owned())),
            _ => None,
        }
    }

    fn read(grantee: &Grantee) -> Result<Self, Unfit> {
        let Grantee { role, group, user, public } = grantee;
        let name = |name: &String| existing("grantSelectTo", name);
        match (role, group, user, public) {
            (Some(role), None, None, None) => Ok(Self::Role(name(role)?)),
            (None, Some(group), None, None) => Ok(Self::Group(name(group)?)),
            (None, None, Some(user), None) => Ok(Self::User(name(user)?)),
            (None, None, None, Some(true)) => Ok(Self::Public),
            _ => Err(Unfit::Grantee),
        }
    }
}

/// A column that is listed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listed {
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// The type that it is to have, if that is said.
    pub kind: Option<String>,
}

/// A data source, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DataSource {
    /// The table.
    pub table: TableName,
    /// The view.
    pub view: ViewName,
    /// The columns that are listed, by name.
    pub columns: BTreeMap<String, Listed>,
    /// What becomes of the others.
    pub unlisted: UnlistedColumns,
    /// What becomes of tagged ones that no policy speaks of.
    pub uncovered: UncoveredTags,
    /// Whether there must be a rule that says which rows are shown.
    pub row_rule: RowRule,
    /// Who sees rows at all.
    pub subscribed: Subscribed,
    /// Who may read the view, as the warehouse sees it.
    pub granted: BTreeSet<Granted>,
    /// Whether columns are guarded.
    pub guard: RowGuard,
    /// Columns that never are.
    pub unguarded: BTreeSet<String>,
}

/// A data source that can't be carried out; only an edit of it helps.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Unfit {
    /// A name that can't be used.
    #[error("spec.{field}: {source}")]
    Name {
        /// Where it stands.
        field: &'static str,
        /// What is wrong with it.
        source: NameError,
    },
    /// A table that nobody is to be shown: the system account reads it, for its own purposes.
    #[error(
        "spec.table.schema: `{0}` is Redshift's or the integration's, and its tables can't be data sources: a view would show what is in \
         them with the rights of the system account"
    )]
    OwnTable(String),
    /// A schema that isn't for views.
    #[error("spec.view.schema: `{0}` is Redshift's, the integration's or everybody's; choose another schema for views")]
    Schema(String),
    /// Not exactly one.
    #[error("spec.grantSelectTo: each entry has exactly one of role, group, user and public: true")]
    Grantee,
    /// The restriction and the entitlements don't go together.
    #[error("spec.subscription: entitlements says who may read where restriction is Entitlements, and only there")]
    Subscription,
}

fn existing(field: &'static str, name: &str) -> Result<String, Unfit> {
    let name = ExistingName::new(name).map_err(|source| Unfit::Name { field, source })?;
    Ok(name.as_str().to_owned())
}

fn simple(field: &'static str, name: &str) -> Result<String, Unfit> {
    let name = ObjectName::new(name).map_err(|source| Unfit::Name { field, source })?;
    Ok(name.as_str().to_owned())
}

impl DataSource {
    /// Checks a spec. `managed` is the managed database, `initial` the one that a table is in whose database isn't named.
    ///
    /// # Errors
    ///
    /// The first field that can't be meant.
    pub fn read(spec: &RedshiftDataSourceSpec, managed: &str, initial: &str) -> Result<Self, Unfit> {
        let table = TableName {
            database: existing("table.database", spec.table.database.as_deref().unwrap_or(initial))?,
            schema: existing("table.schema", &spec.table.schema)?,
            name: existing("table.name", &spec.table.name)?,
        };
        if is_reserved(&table.schema) {
            return Err(Unfit::OwnTable(table.schema));
        }
        let columns = spec.columns.iter().map(|column| {
            let name = existing("columns", &column.name)?;
            Ok((name, Listed { tags: column.tags.iter().cloned().collect(), kind: column.kind.clone() }))
        });
        Ok(Self {
            view: view_name(spec, &table, managed)?,
            table,
            columns: columns.collect::<Result<_, Unfit>>()?,
            unlisted: spec.unlisted_columns,
            uncovered: spec.uncovered_tags,
            row_rule: spec.row_rule,
            subscribed: subscribed(&spec.subscription)?,
            granted: spec.grant_select_to.iter().map(Granted::read).collect::<Result<_, _>>()?,
            guard: spec.row_guard,
            unguarded: spec.unguarded_columns.iter().cloned().collect(),
        })
    }
}

/// Whether a schema is Redshift's, or an integration's: keys and everybody's profiles are in there.
fn is_reserved(schema: &str) -> bool {
    let schema = schema.to_lowercase();
    schema.starts_with("immuta_")
        || schema.starts_with("pg_")
        || ["information_schema", "catalog_history"].contains(&schema.as_str())
}

/// What isn't said is called as the table is; beside the table there is no room for it.
fn view_name(spec: &RedshiftDataSourceSpec, table: &TableName, managed: &str) -> Result<ViewName, Unfit> {
    let (schema, name) = spec.view.as_ref().map_or((None, None), |view| (view.schema.as_ref(), view.name.as_ref()));
    let beside = || if table.database == managed { format!("{}_immuta", table.schema) } else { table.schema.clone() };
    let schema = simple("view.schema", &schema.cloned().unwrap_or_else(beside))?;
    if is_reserved(&schema) || schema == "public" {
        return Err(Unfit::Schema(schema));
    }
    let name = simple("view.name", name.unwrap_or(&table.name))?;
    Ok(ViewName { schema, name })
}

fn subscribed(subscription: &Subscription) -> Result<Subscribed, Unfit> {
    let Subscription { restriction, entitlements } = subscription;
    match (restriction, entitlements) {
        (Restriction::Nobody, None) => Ok(Subscribed::Nobody),
        (Restriction::Anyone, None) => Ok(Subscribed::Anyone),
        (Restriction::Entitlements, Some(entitlements)) => {
            let Entitlements { operator, groups, attributes, users } = entitlements;
            if groups.is_empty() && attributes.is_empty() && users.is_empty() {
                return Err(Unfit::Subscription);
            }
            let attributes = attributes.iter().map(|it| (it.name.clone(), it.value.clone()));
            Ok(Subscribed::Who(Who {
                operator: *operator,
                groups: groups.iter().cloned().collect(),
                attributes: attributes.collect(),
                users: users.iter().cloned().collect(),
            }))
        }
        _ => Err(Unfit::Subscription),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "the macro's values are made where they are used")]
    fn read(changes: serde_json::Value) -> Result<DataSource, Unfit> {
        let mut spec = json!({"integrationRef": {"name": "analytics"}, "table": {"schema": "sales", "name": "orders"}});
        for (key, value) in changes.as_object().unwrap() {
            spec[key] = value.clone();
        }
        DataSource::read(&serde_json::from_value(spec).unwrap(), "immuta", "dev")
    }

    #[test]
    fn a_view_is_called_as_its_table_unless_it_would_stand_beside_it() {
        let named = |changes| {
            let source = read(changes).unwrap();
            (source.table.to_string(), source.view.to_string())
        };
        let called = |table: &str, view: &str| (table.to_owned(), view.to_owned());
        assert_eq!(named(json!({})), called("dev.sales.orders", "sales.orders"));
        let beside = json!({"table": {"database": "immuta", "schema": "sales", "name": "orders"}});
        assert_eq!(named(beside), called("immuta.sales.orders", "sales_immuta.orders"));
        let other = json!({"view": {"name": "all_orders"}});
        assert_eq!(named(other), called("dev.sales.orders", "sales.all_orders"));
    }

    #[test]
    fn what_is_not_said_shows_nobody_anything() {
        let source = read(json!({})).unwrap();
        assert_eq!((source.subscribed, source.granted.len()), (Subscribed::Nobody, 0));
        assert_eq!((source.unlisted, source.uncovered), (UnlistedColumns::MakeNull, UncoveredTags::MakeNull));
    }

    #[test]
    fn what_cannot_be_meant_is_named_by_its_field() {
        for (changes, said) in [
            (
                json!({"table": {"schema": "a\"b", "name": "orders"}}),
                "spec.table.schema: `a\"b` can't be used as a name",
            ),
            (
                json!({"table": {"schema": "pg_catalog", "name": "pg_user"}}),
                "spec.table.schema: `pg_catalog` is Redshift's",
            ),
            (
                json!({"table": {"database": "immuta", "schema": "immuta_system", "name": "impersonation_key"}, "view": {"schema": "v"}}),
                "spec.table.schema: `immuta_system` is Redshift's or the integration's",
            ),
            (
                json!({"table": {"database": "immuta", "schema": "Immuta_System", "name": "profile"}, "view": {"schema": "v"}}),
                "spec.table.schema: `Immuta_System` is",
            ),
            (json!({"table": {"schema": "public", "name": "x"}}), "spec.view.schema: `public` is"),
            (json!({"view": {"schema": "immuta_system"}}), "spec.view.schema: `immuta_system` is"),
            (json!({"table": {"schema": "sales", "name": "Orders"}}), "spec.view.name: `Orders` can't be used"),
            (json!({"grantSelectTo": [{"role": "a", "user": "b"}]}), "spec.grantSelectTo: each entry"),
            (json!({"grantSelectTo": [{"public": false}]}), "spec.grantSelectTo: each entry"),
            (json!({"subscription": {"restriction": "Entitlements"}}), "spec.subscription: entitlements says"),
            (json!({"subscription": {"restriction": "Entitlements", "entitlements": {}}}), "spec.subscription: "),
            (json!({"subscription": {"entitlements": {"groups": ["a"]}}}), "spec.subscription: "),
        ] {
            let error = read(changes).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }

    #[test]
    fn grantees_are_read_from_the_registry_as_they_were_written() {
        for granted in [
            Granted::Public,
            Granted::Role("a b".to_owned()),
            Granted::Group("public".to_owned()),
            Granted::User("IAM:x y".to_owned()),
        ] {
            assert_eq!(Granted::parse(&granted.to_string()), Some(granted));
        }
        assert_eq!(Granted::parse("nobody"), None);
    }
}
