//! An answer while it comes in: bounded, and whatever isn't text is said and not kept.

use tokio_postgres::SimpleQueryRow;

use crate::ports::{Row, Rows};

/// Most rows of an answer. Redshift takes at most 200,000 tables, and as many views and procedures as one likes.
pub(super) const MOST_ROWS: usize = 500_000;

/// A value that is no text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NotText {
    /// Its row; the first is 1.
    pub(super) row: usize,
    /// Its column; the first is 1.
    pub(super) column: usize,
}

/// An answer while it comes in.
#[derive(Debug, Default)]
pub(super) struct Answer {
    rows: Rows,
    /// The first value that is no text.
    pub(super) not_text: Option<NotText>,
}

impl Answer {
    /// Takes a row in; how many bytes that took.
    pub(super) fn push(&mut self, row: &SimpleQueryRow) -> usize {
        let (number, not_text) = (self.rows.len() + 1, &mut self.not_text);
        self.rows.push((0..row.len()).map(|column| {
            let value = row.try_get(column).unwrap_or_else(|_| {
                not_text.get_or_insert(NotText { row: number, column: column + 1 });
                None
            });
            value.unwrap_or_default()
        }))
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows.
    pub(super) fn into_rows(self) -> Vec<Row> {
        self.rows.into_rows()
    }
}
