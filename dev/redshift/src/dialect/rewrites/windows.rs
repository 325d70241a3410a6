//! Window functions that pass over NULL, which `PostgreSQL` has nothing for: aggregates over the same window, `catalog/windows.sql`.
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_WF_first_value.html>, `r_WF_NTH`, `r_WF_LAG`, `r_WF_LEAD`

use std::ops::Range;

use super::{Edits, Statement};

/// Rewrites the call whose name stands at a token.
pub(super) fn apply(statement: &Statement<'_>, at: usize, arguments: &[Range<usize>], close: usize, edits: &mut Edits) {
    let nulls = [close.saturating_sub(2), close + 1].into_iter().find(|place| {
        statement.is(place + 1, "NULLS") && ["IGNORE", "RESPECT"].iter().any(|word| statement.is(*place, word))
    });
    let Some(nulls) = nulls else { return };
    let is_inside = nulls < close;
    let over = if is_inside { close + 1 } else { close + 3 };
    let Some(end) = statement.is(over, "OVER").then(|| statement.closing(over + 1)).flatten() else { return };
    if statement.is(nulls, "RESPECT") {
        edits.cut(statement, nulls, nulls + 2, None);
        return;
    }
    let Some(value) = arguments.first() else { return };
    let offset = arguments.get(1).map_or("1", |offset| {
        let end = if is_inside { offset.end.min(nulls) } else { offset.end };
        if end > offset.start { statement.written(&(offset.start..end)) } else { "1" }
    });
    // What stands between the value and the parenthesis, and what is said of NULL.
    let cut = |edits: &mut Edits| {
        let value_end = if is_inside { value.end.min(nulls) } else { value.end };
        edits.cut(statement, value_end, close, None);
        if !is_inside {
            edits.cut(statement, nulls, nulls + 2, None);
        }
    };
    match statement.tokens[at].text.as_str() {
        "FIRST_VALUE" => edits.put(statement, at, "pg_catalog.rdsdb_first_known"),
        "LAST_VALUE" => edits.put(statement, at, "pg_catalog.rdsdb_last_known"),
        "NTH_VALUE" => {
            edits.put(statement, at, "(pg_catalog.rdsdb_known");
            edits.insert_behind(statement, end, &format!(")[{offset}]"));
        }
        // The row itself, be it NULL.
        "LAG" | "LEAD" if offset == "0" => {
            edits.replace(statement, &(at..end + 1), &format!("({})", statement.written(value)));
            return;
        }
        "LAG" => {
            edits.put(statement, at, "pg_catalog.rdsdb_from_end(pg_catalog.rdsdb_known");
            edits.insert_before(statement, end, " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING");
            edits.insert_behind(statement, end, &format!(", {offset})"));
        }
        _ => {
            edits.put(statement, at, "(pg_catalog.rdsdb_known");
            edits.insert_before(statement, end, " ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING");
            edits.insert_behind(statement, end, &format!(")[{offset}]"));
        }
    }
    cut(edits);
}
