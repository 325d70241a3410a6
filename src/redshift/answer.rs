//! What a statement answers with, kept in as little memory as can be: a large database has a row for each of its objects.

use std::sync::Arc;

use tokio_postgres::SimpleQueryRow;

/// Most rows of an answer. Redshift takes at most 200,000 tables, and as many views and procedures as one likes.
pub(super) const MOST_ROWS: usize = 500_000;

/// The values of all rows, one behind the other.
#[derive(Debug, Default)]
struct Values {
    text: String,
    /// Where each value ends in the text.
    ends: Vec<u32>,
}

/// One row of a result; columns are read by position, since Redshift can be set to change the case of
/// their names.
#[derive(Clone, Debug)]
pub struct Row {
    values: Arc<Values>,
    first: u32,
    behind: u32,
}

impl Row {
    /// The text of a column; empty for NULL and for a column that isn't there.
    #[must_use]
    pub fn text(&self, column: usize) -> &str {
        let Values { text, ends } = &*self.values;
        let at = (self.first as usize).saturating_add(column);
        if at >= self.behind as usize {
            return "";
        }
        let start = if at == 0 { 0 } else { ends[at - 1] };
        &text[start as usize..ends[at] as usize]
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).expect("a connection brings far less than 4 GiB")
}

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
    values: Values,
    /// Where each row ends among the values.
    rows: Vec<u32>,
    /// The first value that is no text.
    pub(super) not_text: Option<NotText>,
}

impl Answer {
    /// Takes a row in; how many bytes that took.
    pub(super) fn push(&mut self, row: &SimpleQueryRow) -> usize {
        let before = self.values.text.len();
        for column in 0..row.len() {
            if let Ok(value) = row.try_get(column) {
                self.values.text.push_str(value.unwrap_or_default());
            } else {
                let at = NotText { row: self.rows.len() + 1, column: column + 1 };
                self.not_text.get_or_insert(at);
            }
            self.values.ends.push(position(self.values.text.len()));
        }
        self.rows.push(position(self.values.ends.len()));
        self.values.text.len() - before + row.len() * size_of::<u32>() + size_of::<Row>()
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows.
    pub(super) fn into_rows(self) -> Vec<Row> {
        let values = Arc::new(self.values);
        let firsts = [0].into_iter().chain(self.rows.iter().copied());
        firsts.zip(&self.rows).map(|(first, behind)| Row { values: values.clone(), first, behind: *behind }).collect()
    }
}
