//! What a statement answers with, kept in as little memory as can be: a large database has a row for each of its objects.

use std::sync::Arc;

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

/// An answer while it comes in.
#[derive(Debug, Default)]
pub struct Rows {
    values: Values,
    /// Where each row ends among the values.
    ends: Vec<u32>,
}

impl Rows {
    /// Takes a row in, NULL as an empty text; how many bytes that took.
    pub fn push<'a>(&mut self, row: impl IntoIterator<Item = &'a str>) -> usize {
        let (text, columns) = (self.values.text.len(), self.values.ends.len());
        for value in row {
            self.values.text.push_str(value);
            self.values.ends.push(position(self.values.text.len()));
        }
        self.ends.push(position(self.values.ends.len()));
        self.values.text.len() - text + (self.values.ends.len() - columns) * size_of::<u32>() + size_of::<Row>()
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The rows.
    #[must_use]
    pub fn into_rows(self) -> Vec<Row> {
        let values = Arc::new(self.values);
        let firsts = [0].into_iter().chain(self.ends.iter().copied());
        firsts.zip(&self.ends).map(|(first, behind)| Row { values: values.clone(), first, behind: *behind }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_knows_its_own_columns_and_no_others() {
        let mut rows = Rows::default();
        rows.push(["a", "", "ç"]);
        rows.push([]);
        rows.push(["b"]);
        assert_eq!((rows.len(), rows.is_empty()), (3, false));
        let rows = rows.into_rows();
        let texts = |row: &Row| [0, 1, 2, 3].map(|column| row.text(column).to_owned());
        assert_eq!(texts(&rows[0]), ["a", "", "ç", ""]);
        assert_eq!(texts(&rows[1]), ["", "", "", ""]);
        assert_eq!(texts(&rows[2]), ["b", "", "", ""]);
    }
}
