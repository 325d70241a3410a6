//! What can only be written anew by somebody who knows the columns of the tables: aliases that are used in their own select list,
//! `QUALIFY`, `EXCLUDE`. The server is asked for them, before the statement is judged, and the statement becomes one that does without.
//!
//! Pure: what is asked and what is made of the answer is said here, the asking is the relay's.

mod aliases;
mod lists;

use super::blocks::{Block, blocks};
use super::{Refusal, SessionContext, Statement, Verdict, judge, read, splice};

/// Something that the server is asked, and what becomes of the statement then.
#[derive(Clone, Debug)]
pub struct Question {
    /// A query of one text for each answer.
    pub sql: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Aliases(aliases::Aliases),
    List(lists::List),
}

impl Question {
    /// The statement, once the answer is known.
    pub fn answered(self, answer: &[String]) -> Result<String, Refusal> {
        match self.kind {
            Kind::Aliases(aliases) => Ok(aliases.inlined(answer)),
            Kind::List(list) => list.rebuilt(answer),
        }
    }

    /// Whether it is only asked once: the statement is settled then in this respect.
    #[must_use]
    pub fn is_about_aliases(&self) -> bool {
        matches!(self.kind, Kind::Aliases(_))
    }
}

/// What has to be asked about a statement before it can be judged, if anything. `settled` says that its aliases were asked about.
pub fn question(text: &str, context: &SessionContext, settled: bool) -> Result<Option<Question>, Refusal> {
    // Most statements have no query in them; a procedure's body is one literal.
    if !super::mentions(text, "SELECT") {
        return Ok(None);
    }
    let Ok(statement) = read(text) else { return Ok(None) };
    let found = blocks(&statement);
    if !settled && let Some((sql, aliases)) = aliases::question(&statement, &found, context)? {
        return Ok(Some(Question { sql, kind: Kind::Aliases(aliases) }));
    }
    // The innermost first, and what WITH names before what reads it: it ends first.
    let mut in_order: Vec<_> = found.iter().collect();
    in_order.sort_by_key(|block| (block.end, std::cmp::Reverse(block.select)));
    for block in in_order {
        if let Some((sql, list)) = lists::question(&statement, block, context)? {
            return Ok(Some(Question { sql, kind: Kind::List(list) }));
        }
    }
    Ok(None)
}

/// A query in `PostgreSQL`'s words, with what WITH names around it, and with nothing in the place of its parameters.
fn asked(
    statement: &Statement<'_>,
    block: &Block,
    query: &str,
    context: &SessionContext,
) -> Result<(Option<String>, String), Refusal> {
    let query = format!("{}{query}", named_around(statement, block));
    let query = without_parameters(&query);
    match judge(&query, context) {
        Verdict::Forward => Ok((None, query)),
        Verdict::Rewrite { before, sql, .. } => Ok((before, sql)),
        Verdict::Refuse(refusal) => Err(refusal),
    }
}

/// The queries that WITH has named before a query begins.
fn named_around(statement: &Statement<'_>, block: &Block) -> String {
    let depths = super::sources::depths(statement);
    let (mut named, mut is_recursive) = (Vec::new(), false);
    for with in (0..block.select).filter(|at| statement.is(*at, "WITH")) {
        let encloses = (with..block.select).all(|at| depths[at] >= depths[with]);
        if !encloses {
            continue;
        }
        let mut at = if statement.is(with + 1, "RECURSIVE") { with + 2 } else { with + 1 };
        is_recursive |= at == with + 2;
        loop {
            let start = at;
            at += 1;
            at = statement.closing(at).map_or(at, |close| close + 1);
            let Some(close) = statement.is(at, "AS").then(|| statement.closing(at + 1)).flatten() else { break };
            if close >= block.select {
                break;
            }
            named.push(statement.written(&(start..close + 1)));
            if !statement.is(close + 1, ",") {
                break;
            }
            at = close + 2;
        }
    }
    if named.is_empty() {
        return String::new();
    }
    format!("WITH {}{} ", if is_recursive { "RECURSIVE " } else { "" }, named.join(", "))
}

fn without_parameters(query: &str) -> String {
    let Ok(statement) = read(query) else { return query.to_owned() };
    let parameters = statement.tokens.iter().filter(|token| token.kind == super::tokens::Kind::Parameter);
    splice(query, parameters.map(|token| (token.span.clone(), "NULL".to_owned())).collect())
}

/// A query for the answers of one of the stand-in's own functions.
fn call(before: Option<String>, function: &str, arguments: &[String]) -> String {
    let before = before.map_or(String::new(), |before| format!("{before}; "));
    format!("{before}SELECT pg_catalog.rdsdb_{function}({})", arguments.join(", "))
}

/// Whether a token is a column's name by itself.
fn is_column(statement: &Statement<'_>, at: usize) -> bool {
    const WITH_UNIT: [&str; 6] = ["DATEADD", "DATE_ADD", "DATEDIFF", "DATE_DIFF", "DATE_PART", "DATE_TRUNC"];
    let token = &statement.tokens[at];
    let is_name = match token.kind {
        super::tokens::Kind::Quoted => true,
        super::tokens::Kind::Word => !super::names::is_reserved(&token.text),
        _ => false,
    };
    let before = |word: &str| at > 0 && statement.is(at - 1, word);
    // `DATEADD(day, …)`, `EXTRACT(day FROM …)`
    let is_unit = before("(")
        && (statement.is(at + 1, "FROM") || (at > 1 && WITH_UNIT.iter().any(|word| statement.is(at - 2, word))));
    is_name
        && !is_unit
        && ![".", "AS", ":"].iter().any(|word| before(word))
        && ![".", "("].iter().any(|word| statement.is(at + 1, word))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;
