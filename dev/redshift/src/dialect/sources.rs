//! Where a query reads from.

use super::tokens::Token;
use super::{Statement, is_name};

/// A relation that stands behind FROM, JOIN or a comma between relations.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Source {
    pub schema: Option<String>,
    pub name: String,
}

impl Source {
    /// Whether it is read on compute nodes: a user's table or a system view, not a catalogue of
    /// `PostgreSQL`'s. <https://docs.aws.amazon.com/redshift/latest/dg/c_join_PG.html>
    pub(super) fn is_on_compute_nodes(&self) -> bool {
        let is_catalogue = self.name.starts_with("pg_") || self.schema.as_deref() == Some("information_schema");
        !is_catalogue
    }
}

/// How many parentheses are open at each token.
pub(super) fn depths(statement: &Statement<'_>) -> Vec<usize> {
    let mut depth = 0_usize;
    statement
        .tokens
        .iter()
        .map(|token| {
            if token.is(")") {
                depth = depth.saturating_sub(1);
            }
            let here = depth;
            if token.is("(") {
                depth += 1;
            }
            here
        })
        .collect()
}

/// The FROM that ends the select list of the outermost query.
pub(super) fn first_from(statement: &Statement<'_>, depths: &[usize]) -> Option<usize> {
    (0..statement.tokens.len()).find(|at| depths[*at] == 0 && statement.tokens[*at].is("FROM"))
}

/// The FROM of `EXTRACT(year FROM x)` and its kind, and of `IS DISTINCT FROM`.
fn is_part_of_an_expression(statement: &Statement<'_>, at: usize, depths: &[usize]) -> bool {
    let tokens = &statement.tokens;
    if at > 0 && tokens[at - 1].is("DISTINCT") {
        return true;
    }
    let Some(depth) = depths[at].checked_sub(1) else { return false };
    let Some(open) = (0..at).rev().find(|before| tokens[*before].is("(") && depths[*before] == depth) else {
        return false;
    };
    let is_function =
        |token: &Token| ["EXTRACT", "TRIM", "SUBSTRING", "OVERLAY", "POSITION"].iter().any(|word| token.is(word));
    open > 0 && is_function(&tokens[open - 1]) && !tokens[open..at].iter().any(|token| token.is("SELECT"))
}

/// All relations that a statement reads from, queries inside it included; not what WITH names.
pub(super) fn sources(statement: &Statement<'_>) -> Vec<Source> {
    let tokens = &statement.tokens;
    let depths = depths(statement);
    let named_by_with: Vec<_> = (0..tokens.len())
        .filter(|at| {
            tokens.get(at + 1).is_some_and(|next| next.is("AS")) && tokens.get(at + 2).is_some_and(|next| next.is("("))
        })
        .filter_map(|at| tokens[at].name())
        .collect();
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let from = tokens[at].is("FROM") && !is_part_of_an_expression(statement, at, &depths);
        if !from && !tokens[at].is("JOIN") {
            continue;
        }
        let mut starts = vec![at + 1];
        if from {
            starts.extend(listed(tokens, &depths, at));
        }
        found.extend(starts.into_iter().filter_map(|start| source(tokens, start)));
    }
    found.retain(|source| source.schema.is_some() || !named_by_with.contains(&source.name));
    found
}

/// Where further relations of a FROM start, behind commas.
fn listed(tokens: &[Token], depths: &[usize], from: usize) -> Vec<usize> {
    const ENDS: [&str; 11] =
        ["WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "EXCEPT", "MINUS", "INTERSECT", "QUALIFY", ";"];
    (from + 1..tokens.len())
        .take_while(|at| {
            depths[*at] > depths[from] || (depths[*at] == depths[from] && !ENDS.iter().any(|word| tokens[*at].is(word)))
        })
        .filter(|at| depths[*at] == depths[from] && tokens[*at].is(","))
        .map(|at| at + 1)
        .collect()
}

fn source(tokens: &[Token], start: usize) -> Option<Source> {
    let mut parts = Vec::new();
    let mut at = start;
    loop {
        let token = tokens.get(at).filter(|token| is_name(token))?;
        if parts.is_empty() && (token.is("SELECT") || token.is("LATERAL") || token.is("VALUES")) {
            return None;
        }
        parts.extend(token.name());
        if tokens.get(at + 1).is_some_and(|next| next.is(".")) {
            at += 2;
        } else {
            break;
        }
    }
    // A function that gives rows is no relation.
    if tokens.get(at + 1).is_some_and(|next| next.is("(")) {
        return None;
    }
    let name = parts.pop()?;
    Some(Source { schema: parts.pop(), name })
}

#[cfg(test)]
mod tests {
    use super::super::tokens::read;
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let statement = Statement { text, tokens: read(text).unwrap_or_default() };
        sources(&statement)
            .into_iter()
            .map(|source| source.schema.map_or(source.name.clone(), |schema| format!("{schema}.{}", source.name)))
            .collect()
    }

    #[test]
    fn every_relation_is_found_and_nothing_else() {
        for (text, expected) in [
            ("SELECT 1 FROM a", &["a"][..]),
            ("SELECT 1 FROM s.a x, \"B\" y JOIN d.s.c ON x.i = y.i WHERE x.j IN (1, 2)", &["s.a", "B", "s.c"]),
            ("SELECT extract(day FROM b), trim(both FROM c) FROM a", &["a"]),
            ("SELECT (SELECT 1 FROM b) FROM (SELECT 1 FROM c) d", &["b", "c"]),
            ("WITH x AS (SELECT 1 FROM a) SELECT 1 FROM x", &["a"]),
            ("SELECT 1 FROM f(1)", &[]),
        ] {
            let mut found = of(text);
            found.sort();
            let mut expected: Vec<_> = expected.iter().map(|name| (*name).to_owned()).collect();
            expected.sort();
            assert_eq!(found, expected, "{text}");
        }
    }
}
