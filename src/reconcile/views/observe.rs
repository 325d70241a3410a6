//! Looks at what is there: reads only.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::line::Line;
use crate::lifecycle::digest;
use crate::policy::profiles::{Digest, Digests};
use crate::policy::views::{Column, ColumnType, Granted, Held, Place, Retained, Table, TableKind, TableName, ViewName};
use crate::ports::{Row, World};
use crate::reconcile::integration::Error;
use crate::scripts::{Fragment, LookUp, Parameters, QuoteError, RenderError};

/// What the registry says.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Whose it is.
    pub integration_uid: String,
    /// Whether everything is there.
    pub is_complete: bool,
    /// Its counter.
    pub fencing_counter: i64,
    /// The views that are ours.
    pub held: Vec<Held>,
}

/// Reads the registry and the views that are ours.
pub async fn data_sources<W: World>(line: &Line<W>) -> Result<Seen, Error> {
    let rows = line.rows(LookUp::DataSources, &Parameters::new()).await?;
    let first = rows.first();
    let text = |column: usize| first.map_or("", |row| row.text(column));
    Ok(Seen {
        integration_uid: text(0).to_owned(),
        is_complete: rows.iter().all(|row| row.text(1) == "complete" && row.text(0) == text(0)) && first.is_some(),
        fencing_counter: text(2).parse().unwrap_or_default(),
        held: rows.iter().filter(|row| !row.text(4).is_empty()).map(held).collect(),
    })
}

fn held(row: &Row) -> Held {
    let text = |column: usize| row.text(column).to_owned();
    Held {
        source_uid: text(4),
        resource: text(5),
        view: ViewName { schema: text(6), name: text(7) },
        table: text(8),
        retained: if row.text(9) == Retained::Yes.as_str() { Retained::Yes } else { Retained::No },
        applied_hash: text(10),
        columns_hash: text(11),
        shown_hash: text(12),
        shown_acl_hash: text(13),
        schema_is_ours: row.text(14) == "1",
        granted: row.text(15).lines().filter_map(Granted::parse).collect(),
    }
}

fn list<'t>(parameter: &'static str, texts: impl IntoIterator<Item = &'t str>) -> Result<Fragment, Error> {
    let refused =
        |source: QuoteError| RenderError::Quote { statement: "look", parameter: parameter.to_owned(), source };
    Ok(Fragment::list(texts).map_err(refused)?)
}

/// Tables, as far as the catalogue shows them to the system account: its rows, of which a table is made when it is asked for.
#[derive(Debug, Default)]
pub struct Tables(HashMap<TableName, Vec<Row>>);

impl Tables {
    /// One of them.
    pub fn of(&self, name: &TableName) -> Option<Table> {
        let rows = self.0.get(name)?;
        let column = |row: &Row| Column {
            name: row.text(3).to_owned(),
            kind: ColumnType::new(row.text(5), row.text(6), row.text(7), row.text(8)),
        };
        Some(Table { kind: TableKind::named(rows.first()?.text(2)), columns: rows.iter().map(column).collect() })
    }

    fn add(&mut self, database: &str, rows: &[Row]) {
        let mut tables: HashMap<_, Vec<Row>> = HashMap::new();
        for row in rows {
            tables.entry((row.text(0), row.text(1))).or_default().push(row.clone());
        }
        self.0.extend(tables.into_iter().map(|((schema, name), mut columns)| {
            columns.sort_by_key(|row| row.text(4).parse::<u32>().unwrap_or_default());
            columns.shrink_to_fit();
            let (database, schema, name) = (database.to_owned(), schema.to_owned(), name.to_owned());
            (TableName { database, schema, name }, columns)
        }));
    }
}

/// Reads what the catalogue shows of tables: one look-up for each database.
pub async fn tables<W: World>(line: &Line<W>, names: &BTreeSet<&TableName>) -> Result<Tables, Error> {
    let mut by_database: BTreeMap<&str, Vec<&TableName>> = BTreeMap::new();
    for name in names {
        by_database.entry(&name.database).or_default().push(name);
    }
    let mut found = Tables::default();
    for (database, names) in by_database {
        let schemas: BTreeSet<_> = names.iter().map(|name| name.schema.as_str()).collect();
        let tables: BTreeSet<_> = names.iter().map(|name| name.name.as_str()).collect();
        let parameters = Parameters::new()
            .text("table_database_text", database)
            .fragment("schemas", list("schemas", schemas)?)
            .fragment("tables", list("tables", tables)?);
        found.add(database, &line.rows(LookUp::TableColumns, &parameters).await?);
    }
    Ok(found)
}

/// What is in the schemas of views.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    owners: HashMap<String, String>,
    relations: HashMap<ViewName, (String, String)>,
    numbers: HashMap<String, usize>,
}

impl Schemas {
    /// What is there under a name. `shown_hash` is of what the server shows as its text, if it was asked.
    pub fn place(&self, view: &ViewName, shown_hash: Option<String>) -> Place {
        let relation = self.relations.get(view);
        let number = self.numbers.get(&view.schema).copied().unwrap_or_default();
        Place {
            schema_owner: self.owners.get(&view.schema).cloned(),
            owner: relation.map(|(owner, _)| owner.clone()),
            acl_hash: relation.map(|(_, acl)| acl.clone()).unwrap_or_default(),
            shown_hash,
            neighbours: number.saturating_sub(usize::from(relation.is_some())),
        }
    }
}

/// Reads what is in schemas.
pub async fn schemas<W: World>(line: &Line<W>, names: &BTreeSet<&str>) -> Result<Schemas, Error> {
    let mut found = Schemas::default();
    if names.is_empty() {
        return Ok(found);
    }
    let parameters = Parameters::new().fragment("schemas", list("schemas", names.iter().copied())?);
    found.add(&line.rows(LookUp::Views, &parameters).await?);
    Ok(found)
}

/// Reads of a few views what the transaction has made that they are in.
pub async fn made<W: World>(line: &Line<W>, views: &[&ViewName]) -> Result<Schemas, Error> {
    let schemas: BTreeSet<_> = views.iter().map(|view| view.schema.as_str()).collect();
    let names: BTreeSet<_> = views.iter().map(|view| view.name.as_str()).collect();
    let parameters =
        Parameters::new().fragment("schemas", list("schemas", schemas)?).fragment("tables", list("tables", names)?);
    let mut found = Schemas::default();
    found.add(&line.rows(LookUp::ViewsOfChange, &parameters).await?);
    Ok(found)
}

impl Schemas {
    fn add(&mut self, rows: &[Row]) {
        for row in rows {
            self.add_row(row);
        }
    }

    fn add_row(&mut self, row: &Row) {
        let schema = row.text(0).to_owned();
        self.owners.insert(schema.clone(), row.text(1).to_owned());
        if row.text(3).is_empty() {
            return;
        }
        *self.numbers.entry(schema.clone()).or_default() += 1;
        let view = ViewName { schema, name: row.text(3).to_owned() };
        self.relations.insert(view, (row.text(5).to_owned(), acl_hash(row.text(6), row.text(5))));
    }
}

/// Of who may do what, in whatever order the server lists it, and whatever the owner is called: he may be renamed.
fn acl_hash(acl: &str, owner: &str) -> String {
    let quoted = format!("\"{}\"", owner.replace('"', "\"\""));
    let anonymous = |item: &str| {
        let (grantee, rest) = item.split_once('=').unwrap_or((item, ""));
        let (rights, grantor) = rest.rsplit_once('/').unwrap_or((rest, ""));
        let [grantee, grantor] =
            [grantee, grantor].map(|name| if [owner, &quoted].contains(&name) { "@" } else { name });
        format!("{grantee}={rights}/{grantor}")
    };
    let mut items: Vec<_> = acl.split('|').map(anonymous).collect();
    items.sort_unstable();
    digest::of_parts(items.iter().map(String::as_str))
}

/// Hash of a text that a server shows.
pub fn text_hash(text: &str) -> String {
    digest::of_parts([text])
}

/// The values that name a view.
pub fn of_view(view: &ViewName) -> Parameters {
    Parameters::new()
        .identifier("view_schema", &view.schema)
        .identifier("view_name", &view.name)
        .text("view_schema_text", &view.schema)
        .text("view_name_text", &view.name)
}

/// Hashes of what the server shows as the texts of views; of one that it refuses there is none.
pub async fn texts<W: World>(line: &Line<W>, views: &[&ViewName]) -> Result<HashMap<ViewName, String>, Error> {
    let parameters: Vec<_> = views.iter().map(|view| of_view(view)).collect();
    let answers = line.all_rows(LookUp::ViewText, &parameters).await?;
    let shown = views.iter().zip(answers).filter_map(|(view, answer)| Some(((*view).clone(), hash_of(&answer.ok()?))));
    Ok(shown.collect())
}

fn hash_of(rows: &[Row]) -> String {
    text_hash(rows.first().map_or("", |row| row.text(0)))
}

/// The same in the transaction that makes them: one after the other, since nothing in there is sent ahead of an answer.
pub async fn texts_of_change<W: World>(
    line: &Line<W>,
    views: &[&ViewName],
) -> Result<HashMap<ViewName, String>, Error> {
    let mut shown = HashMap::new();
    for view in views {
        let rows = line.rows(LookUp::ViewText, &of_view(view)).await?;
        shown.insert((*view).clone(), hash_of(&rows));
    }
    Ok(shown)
}

/// A profile that the warehouse holds.
#[derive(Clone, Debug)]
pub struct HeldProfile {
    /// Whose it is.
    pub user: String,
    /// What it says.
    pub digests: Option<Digests>,
    /// The resource that named the user, where the operator has written it.
    pub origin: Option<String>,
}

/// The profiles that the warehouse holds.
pub async fn profiles<W: World>(line: &Line<W>) -> Result<Vec<HeldProfile>, Error> {
    let rows = line.rows(LookUp::Profiles, &Parameters::new()).await?;
    let digests = |row: &Row| {
        Some(Digests { groups: Digest::from_hex(row.text(1))?, attributes: Digest::from_hex(row.text(2))? })
    };
    let profile = |row: &Row| HeldProfile {
        user: row.text(0).to_owned(),
        digests: digests(row),
        origin: (row.text(3) == "1").then(|| row.text(4).to_owned()),
    };
    Ok(rows.iter().map(profile).collect())
}

/// Of each user, how many rows of entitlements there are, and their sum.
pub async fn entitlement_sums<W: World>(line: &Line<W>) -> Result<HashMap<String, (i64, i64)>, Error> {
    let rows = line.rows(LookUp::EntitlementSums, &Parameters::new()).await?;
    let number = |row: &Row, column| row.text(column).parse().unwrap_or(-1);
    Ok(rows.iter().map(|row| (row.text(0).to_owned(), (number(row, 1), number(row, 2)))).collect())
}

/// Views of others whose text speaks of a view: they may read it, whether the server knows of it or not.
pub async fn dependents<W: World>(
    line: &Line<W>,
    view: &ViewName,
    ours: &BTreeSet<ViewName>,
) -> Result<Vec<String>, Error> {
    let rows = line.rows(LookUp::ViewsThatName, &of_view(view)).await?;
    let name = |row: &Row| ViewName { schema: row.text(0).to_owned(), name: row.text(1).to_owned() };
    let speaks = |row: &&Row| {
        let text = row.text(2).replace('"', "").to_lowercase();
        mentions(&text, &view.to_string())
    };
    let others = rows.iter().filter(speaks).map(name).filter(|name| !ours.contains(name) && name != view);
    Ok(others.map(|name| name.to_string()).collect())
}

/// Whether a text has a qualified name as a word of its own, or behind the name of a database.
fn mentions(text: &str, name: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_' || character == '$';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !behind.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_named_as_a_word_of_its_own() {
        for (text, named) in [
            ("select * from sales.orders", true),
            ("select * from immuta.sales.orders o", true),
            ("select * from sales.orders_2", false),
            ("select * from presales.orders", false),
            ("select * from (select 1) x join sales.orders using (a)", true),
        ] {
            assert_eq!(mentions(text, "sales.orders"), named, "{text}");
        }
    }

    #[test]
    fn the_order_of_privileges_is_no_difference() {
        assert_eq!(acl_hash("a=r/x|b=r/x", "x"), acl_hash("b=r/x|a=r/x", "x"));
        assert_ne!(acl_hash("a=r/x", "x"), acl_hash("a=rw/x", "x"));
    }

    #[test]
    fn the_name_of_the_owner_is_no_difference_and_that_of_anybody_else_is() {
        let acl =
            |owner: &str| acl_hash(&format!("{owner}=arwdRxt/{owner}|group a=r/{owner}"), owner.trim_matches('"'));
        assert_eq!(acl("keeper"), acl("\"IAM:warden\""));
        assert_ne!(acl_hash("x=r/x|a=r/x", "x"), acl_hash("x=r/x|b=r/x", "x"));
        // A name may hold what stands between the parts.
        assert_ne!(acl_hash("\"a=b\"=r/x", "x"), acl_hash("\"a=c\"=r/x", "x"));
    }
}
