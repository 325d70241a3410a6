//! Names: quoted ones are folded, and those of temporary tables and federated users are quoted.

use std::ops::Range;

use super::super::tokens::Kind;
use super::super::{SessionContext, Statement, names};
use super::Edits;

/// What stands before the name of a table.
const BEFORE: [&str; 7] = ["TABLE", "FROM", "JOIN", "INTO", "UPDATE", "EXISTS", ","];

pub(super) fn apply(statement: &Statement<'_>, context: &SessionContext, edits: &mut Edits) {
    for (at, folded) in names::folded(statement, context) {
        edits.put(statement, at, &folded);
    }
    for (at, token) in statement.tokens.iter().enumerate() {
        let next = statement.tokens.get(at + 1);
        let touches = next.is_some_and(|next| next.span.start == token.span.end);
        // DG/r_CREATE_TABLE_NEW: `#t`. Between operands it is an operator.
        let is_name = token.is("#") && touches && next.is_some_and(|next| next.kind == Kind::Word);
        let before = at.checked_sub(1).map(|before| &statement.tokens[before]);
        if is_name && before.is_some_and(|before| BEFORE.iter().any(|word| before.is(word))) {
            let name = statement.name(at + 1).unwrap_or_default();
            edits.replace(statement, &(at..at + 2), &format!("\"#{name}\""));
        }
    }
    // DG/r_CREATE_USER: `aad:bob`.
    for user in statement.parsed.labelled("user") {
        for name in split(statement, user) {
            if name.len() == 3 {
                let written = statement.parts(name.clone()).join(":").replace('"', "\"\"");
                edits.replace(statement, &name, &format!("\"{written}\""));
            }
        }
    }
}

/// The names of a list.
fn split(statement: &Statement<'_>, list: Range<usize>) -> Vec<Range<usize>> {
    let commas = list.clone().filter(|at| statement.is(*at, ","));
    let starts = [list.start].into_iter().chain(commas.clone().map(|comma| comma + 1));
    starts.zip(commas.chain([list.end])).map(|(start, end)| start..end).collect()
}
