//! From a table to the manifest of its data source: a first draft, which shows nobody anything, and which passes all checks.

use std::collections::BTreeSet;

use kube::{Resource, ResourceExt};
use serde::Serialize;

use crate::api::{Kind, RedshiftDataSource, RedshiftIntegration};
use crate::cli::status::plain;
use crate::cli::{input, output, schema};
use crate::lifecycle::folded;
use crate::policy::views::{Column as TableColumn, DataSource, TableKind, Unfit};
use crate::reconcile::integration::Tables;

/// Longest name of a resource.
const LONGEST_NAME: usize = 63;

/// Longest name of a view that still gets a number.
const LONGEST_VIEW_NAME: usize = 120;

/// What is to be done with it, above the field that it is about.
const NEXT: [&str; 2] = [
    "  # Next: set restriction to Anyone (whoever has a profile) or to Entitlements (with groups, attributes or users), and name in",
    "  # grantSelectTo who may read the view at all, such as {role: analysts}. Tag the columns that policies are to speak of.",
];
const SUBSCRIPTION: &str = "\n  subscription:\n";

/// Of what the data sources are.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The integration.
    pub integration: &'a RedshiftIntegration,
    /// The database, if it was named.
    pub database: Option<&'a str>,
    /// The schema.
    pub schema: &'a str,
    /// Whether types of columns are written.
    pub with_types: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Drafts {
    /// A document for each.
    pub manifests: Vec<String>,
    /// What there is none of, and why; what a manifest leaves out.
    pub left_out: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    api_version: String,
    kind: String,
    metadata: Metadata<'a>,
    spec: Spec<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
}

#[derive(Serialize)]
struct Name<'a> {
    name: &'a str,
}

#[derive(Clone, Serialize)]
struct View {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    integration_ref: Name<'a>,
    table: TableReference<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    view: Option<View>,
    columns: Vec<Column<'a>>,
    subscription: Subscription,
}

#[derive(Serialize)]
struct TableReference<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'a str>,
    schema: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Column<'a> {
    name: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
}

#[derive(Serialize)]
struct Subscription {
    restriction: &'static str,
}

/// Makes a manifest for each table, as far as it can be a data source.
pub fn drafts(whose: &Whose<'_>, found: &Tables) -> Drafts {
    let mut drafts = Drafts::default();
    let mut taken = Taken::default();
    for (name, table) in &found.tables {
        let place = plain(&format!("{}.{}.{name}", found.database, whose.schema));
        let said = |why: &str| format!("{place}: {why}");
        if let TableKind::Other(kind) = &table.kind {
            let why = "and only the warehouse's own tables and views can be data sources";
            drafts.left_out.push(said(&format!("left out: the catalogue calls it `{kind}`, {why}")));
            continue;
        }
        let (columns, others): (Vec<_>, Vec<_>) = table.columns.iter().partition(|column| can_be_listed(&column.name));
        if !others.is_empty() {
            let names: Vec<_> = others.iter().map(|column| format!("`{}`", column.name.escape_debug())).collect();
            let why = format!(
                "these columns can't be listed by their names and are NULL for everybody: {}",
                names.join(", ")
            );
            drafts.left_out.push(said(&why));
        }
        match draft(whose, name, &columns, &mut taken) {
            Ok(manifest) => drafts.manifests.push(manifest),
            Err(why) => drafts.left_out.push(said(&format!("left out: {why}"))),
        }
    }
    drafts
}

/// As the rules of the resource have it.
fn can_be_listed(column: &str) -> bool {
    let is_lower = |letter: char| letter != '"' && !letter.is_control() && !letter.is_uppercase();
    column.chars().all(is_lower) && !column.starts_with("immuta__")
}

/// What is called so already.
#[derive(Default)]
struct Taken {
    resources: BTreeSet<String>,
    views: BTreeSet<String>,
}

fn draft(whose: &Whose<'_>, table: &str, columns: &[&TableColumn], taken: &mut Taken) -> Result<String, String> {
    let Whose { integration, database, schema, with_types } = *whose;
    let integration_name = integration.name_any();
    let column = |column: &&TableColumn| (column.name.clone(), with_types.then(|| column.kind.to_string()));
    let columns: Vec<_> = columns.iter().map(column).collect();
    let mut manifest = Manifest {
        api_version: RedshiftDataSource::api_version(&()).into_owned(),
        kind: RedshiftDataSource::kind(&()).into_owned(),
        metadata: Metadata {
            name: unique(&taken.resources, &resource_name(schema, table)),
            namespace: integration.metadata.namespace.as_deref(),
        },
        spec: Spec {
            integration_ref: Name { name: &integration_name },
            table: TableReference { database, schema, name: table },
            view: None,
            columns: columns.iter().map(|(name, kind)| Column { name, kind: kind.clone() }).collect(),
            subscription: Subscription { restriction: "Nobody" },
        },
    };
    let source = readable(&mut manifest, integration, taken)?;
    taken.resources.insert(manifest.metadata.name.clone());
    taken.views.insert(source.view.to_string());
    let text = output::yaml(&manifest);
    Ok(text.replacen(SUBSCRIPTION, &format!("\n{}{SUBSCRIPTION}", NEXT.join("\n")), 1))
}

/// Calls the view otherwise where it can't be called as it would be.
fn readable(
    manifest: &mut Manifest<'_>,
    integration: &RedshiftIntegration,
    taken: &Taken,
) -> Result<DataSource, String> {
    let config = &integration.spec.config;
    let initial = folded(&config.initial_database);
    let (schema, table) = (manifest.spec.table.schema, manifest.spec.table.name);
    let mut view = View { schema: None, name: None };
    loop {
        manifest.spec.view = (view.schema.is_some() || view.name.is_some()).then(|| view.clone());
        let nodes = input::nodes(&output::json(manifest)).map_err(|(_, message)| message)?;
        let checked: Result<RedshiftDataSource, _> =
            nodes.first().map_or_else(|| Err(Vec::new()), |root| schema::check(Kind::RedshiftDataSource, root));
        let object = checked.map_err(|findings| {
            let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
            findings.join("; ")
        })?;
        match DataSource::read(&object.spec, &config.database, &initial) {
            Ok(source) if taken.views.contains(&source.view.to_string()) => {
                let begin = cut(&source.view.name, LONGEST_VIEW_NAME);
                let mut free = (2..).map(|number| format!("{begin}_{number}"));
                view.name = free.find(|name| !taken.views.contains(&format!("{}.{name}", source.view.schema)));
            }
            Ok(source) => return Ok(source),
            Err(Unfit::Name { field: "view.name", .. }) if view.name.is_none() => {
                view.name = Some(simple(table, "view"));
            }
            Err(Unfit::Schema(_) | Unfit::Name { field: "view.schema", .. }) if view.schema.is_none() => {
                view.schema = Some(format!("{}_views", simple(schema, "schema").trim_start_matches("pg_")));
            }
            Err(unfit) => return Err(unfit.to_string()),
        }
    }
}

/// A name without quotes in the warehouse, near to another.
fn simple(name: &str, otherwise: &str) -> String {
    let name = words(name, '_');
    match name.chars().next() {
        None => otherwise.to_owned(),
        Some(first) if first.is_ascii_digit() => format!("{otherwise}_{name}"),
        Some(_) if crate::scripts::RESERVED_WORDS.contains(&name.as_str()) => format!("{name}_{otherwise}"),
        Some(_) => name,
    }
}

/// A name of a resource, near to those of schema and table.
fn resource_name(schema: &str, table: &str) -> String {
    let words: Vec<_> = [schema, table].iter().map(|name| words(name, '-')).filter(|words| !words.is_empty()).collect();
    let name = if words.is_empty() { "table".to_owned() } else { words.join("-") };
    cut(&name, LONGEST_NAME)
}

/// What is left of a name with letters, digits and something between them.
fn words(name: &str, between: char) -> String {
    let is_word = |letter: &char| letter.is_ascii_alphanumeric();
    let text: String =
        name.chars().map(|letter| if is_word(&letter) { letter.to_ascii_lowercase() } else { ' ' }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(&between.to_string())
}

fn cut(name: &str, longest: usize) -> String {
    name.chars().take(longest).collect::<String>().trim_end_matches('-').to_owned()
}

/// The same name, or with a number behind it.
fn unique(taken: &BTreeSet<String>, name: &str) -> String {
    let numbered = |number: u32| {
        let number = format!("-{number}");
        format!("{}{number}", cut(name, LONGEST_NAME - number.len()))
    };
    let mut names = std::iter::once(name.to_owned()).chain((2..).map(numbered));
    names.find(|name| !taken.contains(name)).unwrap_or_else(|| name.to_owned())
}
