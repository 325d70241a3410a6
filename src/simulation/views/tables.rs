//! The tables that views read, and what a view's text says of them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::statements::{identifier, refuse};
use super::super::warehouse::{EXISTING, INITIAL, Warehouse};

/// A table of others'.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Table {
    /// Names and types.
    pub columns: Vec<(&'static str, &'static str)>,
    /// Whether system accounts may read it.
    pub is_readable: bool,
}

/// By database, schema and name.
pub type Tables = BTreeMap<(String, String, String), Table>;

/// Those that there are in the beginning: two beside the managed database, and one that may be in it.
pub const TABLES: [(&str, &str, &str); 3] =
    [(INITIAL, "raw", "orders"), (INITIAL, "raw", "people"), (EXISTING, "raw", "events")];

/// The columns that a table can have; the last comes later.
pub const COLUMNS: [(&str, &str); 4] =
    [("id", "bigint"), ("email", "character varying"), ("amount", "double precision"), ("note", "super")];

/// The tables as they are in the beginning.
pub fn all() -> Tables {
    let table = || Table { columns: COLUMNS[..3].to_vec(), is_readable: true };
    TABLES.map(|(database, schema, name)| ((database.to_owned(), schema.to_owned(), name.to_owned()), table())).into()
}

/// Who may see rows, by a view's text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subscribed {
    Nobody,
    /// Whoever has a profile.
    Anyone,
    /// Whoever is in one of these groups.
    Groups(BTreeSet<String>),
}

/// What a view shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    pub table: (String, String, String),
    /// Names of all of its columns.
    pub names: Vec<String>,
    /// Those that aren't NULL for everybody.
    pub stored: BTreeSet<String>,
    pub subscribed: Subscribed,
}

impl Shown {
    /// What the text of one of our views says; nothing of a text that isn't of that form.
    pub fn read(text: &str, managed: &str) -> Option<Self> {
        let (columns, rest) = text.split_once("\nFROM ")?;
        let from = rest.split(" t\n").next()?;
        let named: Vec<_> = (0..3).map(|n| identifier(from, n)).filter(|name| !name.is_empty()).collect();
        let table = match named.as_slice() {
            [schema, name] => (managed.to_owned(), schema.clone(), name.clone()),
            [database, schema, name] => (database.clone(), schema.clone(), name.clone()),
            _ => return None,
        };
        let name_behind = |line: &str, mark: &str| Some(line.rsplit_once(mark)?.1.split('"').next()?.to_owned());
        let lines = || columns.lines().skip(1);
        Some(Self {
            table,
            names: lines().filter_map(|line| name_behind(line, " AS \"")).collect(),
            stored: lines().filter_map(|line| name_behind(line, "t.\"")).collect(),
            subscribed: subscribed(rest),
        })
    }
}

fn subscribed(text: &str) -> Subscribed {
    if text.contains("WHERE 1 = 0") {
        return Subscribed::Nobody;
    }
    match text.split_once("x.value IN (") {
        None => Subscribed::Anyone,
        Some((_, groups)) => {
            let listed = groups.split(')').next().unwrap_or_default();
            Subscribed::Groups(listed.split('\'').skip(1).step_by(2).map(str::to_owned).collect())
        }
    }
}

impl Warehouse {
    /// Reads a table as the system account does: what isn't there, or may not be read, is told by the error.
    pub fn read_table(
        &self,
        table: &(String, String, String),
        stored: impl IntoIterator<Item = String>,
    ) -> Result<(), String> {
        let (database, schema, name) = table;
        let found = self.tables.get(table);
        let found = found.ok_or_else(|| format!("42P01: relation \"{database}.{schema}.{name}\" does not exist"))?;
        refuse(found.is_readable, &format!("42501: permission denied for relation {name}"))?;
        for column in stored {
            let is_there = found.columns.iter().any(|(known, _)| *known == column);
            refuse(is_there, &format!("42703: column t.{column} does not exist"))?;
        }
        Ok(())
    }
}
