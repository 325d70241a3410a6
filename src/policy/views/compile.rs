//! From a data source and its table to what a view shows. Whatever isn't shown for a reason is NULL.

use std::fmt;

use super::source::{DataSource, Granted, Subscribed};
use super::table::{ColumnType, Table, TableKind};
use super::{Obstacle, TableName};
use crate::api::{RowGuard, RowRule, UncoveredTags, UnlistedColumns};

/// Most columns of a view. <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html>
const MOST_COLUMNS: usize = 1_600;

/// What a view shows of a column.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// What the table holds.
    Stored,
    /// Nothing, of the table's own type where a NULL of it can be written.
    Null(Option<ColumnType>),
}

/// Why a column is as it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Because {
    /// It is listed.
    Listed,
    /// It isn't listed.
    NotListed,
    /// It is listed with another type.
    OtherType,
    /// It has tags, and no policy speaks of them.
    Uncovered,
}

impl fmt::Display for Because {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Listed => "listed",
            Self::NotListed => "not listed in spec.columns",
            Self::OtherType => "listed in spec.columns with another type",
            Self::Uncovered => "no enforced policy speaks of its tags",
        })
    }
}

/// A column of a view.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OutColumn {
    /// Its name.
    pub name: String,
    /// Its type in the table.
    pub kind: ColumnType,
    /// Its tags.
    pub tags: Vec<String>,
    /// What is shown.
    pub value: Value,
    /// Why.
    pub because: Because,
    /// Whether it is guarded.
    pub is_guarded: bool,
}

/// Whether columns are guarded against a reader's own conditions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Guard {
    /// They are.
    Strict,
    /// They aren't.
    Fast,
}

impl Guard {
    /// As a spec writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => RowGuard::Strict.as_str(),
            Self::Fast => RowGuard::Fast.as_str(),
        }
    }
}

/// What a view is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct View {
    /// The table.
    pub table: TableName,
    /// Its columns, in the table's order.
    pub columns: Vec<OutColumn>,
    /// Who sees rows at all.
    pub subscribed: Subscribed,
    /// Whether columns are guarded.
    pub guard: Guard,
    /// Whether it shows no rows to anybody, since what would say which is missing.
    pub is_closed: bool,
    /// Columns that are listed and not in the table.
    pub absent: Vec<String>,
}

/// Works out what the view is.
///
/// # Errors
///
/// Why there can't be one.
pub fn compile(source: &DataSource, table: &Table) -> Result<View, Obstacle> {
    if let TableKind::Other(kind) = &table.kind {
        return Err(Obstacle::NotATable { table: source.table.clone(), kind: kind.clone() });
    }
    let guard = guard(source);
    let columns: Vec<_> = table.columns.iter().filter_map(|column| out_column(source, column, guard)).collect();
    if columns.is_empty() {
        return Err(Obstacle::NoColumns { table: source.table.clone() });
    }
    if columns.len() > MOST_COLUMNS {
        return Err(Obstacle::TooLarge {
            what: format!("{} columns, and a view has {MOST_COLUMNS} at most", columns.len()),
        });
    }
    let is_there = |name: &&String| table.columns.iter().any(|column| column.name == **name);
    Ok(View {
        table: source.table.clone(),
        columns,
        subscribed: source.subscribed.clone(),
        guard,
        is_closed: source.row_rule == RowRule::Required,
        absent: source.columns.keys().filter(|name| !is_there(name)).cloned().collect(),
    })
}

/// Whoever holds SELECT through PUBLIC needn't be anybody whom the data source has in mind.
fn guard(source: &DataSource) -> Guard {
    match source.guard {
        RowGuard::Strict => Guard::Strict,
        RowGuard::Auto if source.granted.contains(&Granted::Public) => Guard::Strict,
        RowGuard::Auto | RowGuard::Fast => Guard::Fast,
    }
}

fn out_column(source: &DataSource, column: &super::Column, guard: Guard) -> Option<OutColumn> {
    let listed = source.columns.get(&column.name);
    let fits = listed
        .is_some_and(|listed| listed.kind.as_ref().is_none_or(|written| ColumnType::written(written) == column.kind));
    let tags: Vec<_> = listed.map(|listed| listed.tags.iter().cloned().collect()).unwrap_or_default();
    // A tag is a promise, whatever else is said of the column.
    let is_uncovered = !tags.is_empty() && source.uncovered == UncoveredTags::MakeNull;
    let because = match listed {
        None => Because::NotListed,
        Some(_) if !fits => Because::OtherType,
        Some(_) if is_uncovered => Because::Uncovered,
        Some(_) => Because::Listed,
    };
    let typed = || Value::Null(Some(column.kind.clone()).filter(ColumnType::is_known));
    let value = match (because, source.unlisted) {
        (Because::NotListed | Because::OtherType, UnlistedColumns::LeaveOut) => return None,
        // Whatever type it comes to have, the view's column stays as it is.
        (Because::NotListed | Because::OtherType, UnlistedColumns::MakeNull) => Value::Null(None),
        (Because::OtherType, UnlistedColumns::Show) if is_uncovered => typed(),
        (Because::Uncovered, _) => typed(),
        (Because::Listed, _) | (Because::NotListed | Because::OtherType, UnlistedColumns::Show) => Value::Stored,
    };
    let is_exempt = source.unguarded.contains(&column.name) && tags.is_empty();
    Some(OutColumn {
        name: column.name.clone(),
        kind: column.kind.clone(),
        tags,
        is_guarded: guard == Guard::Strict && value == Value::Stored && !is_exempt,
        value,
        because,
    })
}
