//! What status says of the columns of a view.

use super::compile::{Because, OutColumn, Value, View};
use super::source::Subscribed;
use crate::api::AppliedColumn;

/// Most columns that a status lists.
const MOST_SHOWN: usize = 200;

/// The columns of a view for its status, and how many more there are.
#[must_use]
pub fn shown(view: &View) -> (Vec<AppliedColumn>, Option<u32>) {
    let columns = view.columns.iter().take(MOST_SHOWN).map(|column| AppliedColumn {
        name: column.name.clone(),
        kind: column.kind.to_string(),
        tags: column.tags.clone(),
        unlisted: matches!(column.because, Because::NotListed | Because::OtherType).then_some(true),
        outcome: outcome_of(view, column),
    });
    let more = view.columns.len().saturating_sub(MOST_SHOWN);
    (columns.collect(), u32::try_from(more).ok().filter(|more| *more > 0))
}

/// Who sees what of a column.
#[must_use]
pub fn outcome_of(view: &View, column: &OutColumn) -> String {
    match (&column.value, &view.subscribed) {
        (Value::Null(_), _) => format!("null for everybody: {}", column.because),
        (Value::Stored, _) if view.is_closed => "no rows for anybody".to_owned(),
        (Value::Stored, Subscribed::Nobody) => "no rows for anybody: spec.subscription says Nobody".to_owned(),
        (Value::Stored, Subscribed::Anyone) => "value: whoever has a profile".to_owned(),
        (Value::Stored, Subscribed::Who(who)) => format!("value: {who}"),
    }
}
