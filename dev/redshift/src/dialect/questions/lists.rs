//! `QUALIFY` and `EXCLUDE`: the query is put in the FROM of another, which names the columns.
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_QUALIFY_clause.html>,
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_EXCLUDE_list.html>

use std::ops::Range;

use super::super::blocks::Block;
use super::super::sources::depths;
use super::{Refusal, SessionContext, Statement, asked, call, literal, quoted, splice};

/// What a query becomes once its columns are known.
#[derive(Clone, Debug)]
pub(super) struct List {
    text: String,
    /// The query, as bytes of the statement.
    span: Range<usize>,
    excluded: Vec<String>,
    /// What stands behind the outer SELECT: DISTINCT, TOP.
    quantity: String,
    /// The query without what isn't `PostgreSQL`'s.
    inner: String,
    has_condition: bool,
    /// What stands at the end of the outer query.
    tail: String,
}

/// What is asked about a query: the names of its columns.
pub(super) fn question(
    statement: &Statement<'_>,
    block: &Block,
    context: &SessionContext,
) -> Result<Option<(String, List)>, Refusal> {
    let exclude = exclude(statement, block);
    if exclude.is_none() && block.qualify.is_empty() {
        return Ok(None);
    }
    qualify_has_its_place(statement, block)?;
    let written = |tokens: &Range<usize>| if tokens.is_empty() { "" } else { statement.written(tokens) };
    let list = written(&(block.list.start..exclude.unwrap_or(block.list.end)));
    let excluded = match exclude {
        Some(at) => excluded(statement, at + 1..block.list.end, context)?,
        None => Vec::new(),
    };
    let (source, order) = (written(&block.source), written(&block.order));
    let (before, sql) = asked(statement, block, &format!("SELECT {list} {source}"), context)?;
    let condition = written(&block.qualify);
    let condition = if condition.is_empty() { String::new() } else { format!(", ({condition})") };
    // The rows of the inner query keep its order; what is distinct is so only once they are filtered.
    let (inside, outside) = if block.distinct { ("", order) } else { (order, "") };
    let top = block.top.as_ref().map_or(String::new(), |top| format!("{} ", written(top)));
    let list = List {
        text: statement.text.to_owned(),
        span: statement.span(&(block.select..block.end)),
        excluded,
        quantity: format!("{}{top}", if block.distinct { "DISTINCT " } else { "" }),
        inner: format!("SELECT {list}{condition} {source} {inside}"),
        has_condition: !condition.is_empty(),
        tail: format!("{outside} {}", written(&block.limit)),
    };
    Ok(Some((call(before, "names", &[literal(&sql)]), list)))
}

/// Where EXCLUDE stands in a select list.
fn exclude(statement: &Statement<'_>, block: &Block) -> Option<usize> {
    let depths = depths(statement);
    let mut places = block.list.clone().skip(1);
    places.find(|at| depths[*at] == block.depth && statement.is(*at, "EXCLUDE") && statement.is(at - 1, "*"))
}

fn excluded(statement: &Statement<'_>, tokens: Range<usize>, context: &SessionContext) -> Result<Vec<String>, Refusal> {
    let syntax = |text: &str| Refusal::new("42601", format!("syntax error at or near \"{text}\""), "r_EXCLUDE_list");
    let in_parentheses = statement.closing(tokens.start) == tokens.end.checked_sub(1) && !tokens.is_empty();
    let inside = if in_parentheses { tokens.start + 1..tokens.end - 1 } else { tokens };
    let mut names = Vec::new();
    for (number, at) in inside.clone().enumerate() {
        let token = &statement.tokens[at];
        if number % 2 == 1 {
            if !token.is(",") {
                return Err(syntax(&token.text));
            }
            continue;
        }
        let Some(name) = token.name() else { return Err(syntax(&token.text)) };
        names.push(if context.case_sensitive { name } else { name.to_lowercase() });
    }
    if inside.len() % 2 == 0 {
        return Err(syntax("FROM"));
    }
    Ok(names)
}

/// Right behind FROM the word would be the table's alias.
fn qualify_has_its_place(statement: &Statement<'_>, block: &Block) -> Result<(), Refusal> {
    let Some(at) = block.qualify.start.checked_sub(1).filter(|_| !block.qualify.is_empty()) else { return Ok(()) };
    let ends_from = !block.source.clone().skip(1).any(|at| {
        ["WHERE", "GROUP", "HAVING"].iter().any(|word| statement.is(at, word)) && depths(statement)[at] == block.depth
    });
    let bare = at >= 2
        && super::super::is_name(&statement.tokens[at - 1])
        && ["FROM", "JOIN", ",", "."].iter().any(|word| statement.is(at - 2, word));
    if ends_from && bare {
        let next = statement.tokens.get(at + 1).map_or("", |next| next.text.as_str());
        return Err(Refusal::new("42601", format!("syntax error at or near \"{next}\""), "r_QUALIFY_clause"));
    }
    Ok(())
}

impl List {
    pub(super) fn rebuilt(self, columns: &[String]) -> Result<String, Refusal> {
        if let Some(name) = self.excluded.iter().find(|name| !columns.contains(name)) {
            let message = format!("column \"{name}\" does not exist");
            return Err(Refusal::new("42703", message, "r_EXCLUDE_list"));
        }
        let shown = columns.iter().enumerate().filter(|(_, name)| !self.excluded.contains(name));
        let shown: Vec<_> = shown.map(|(number, name)| format!("q.c{number} AS {}", quoted(name))).collect();
        let numbered: Vec<_> =
            (0..columns.len() + usize::from(self.has_condition)).map(|number| format!("c{number}")).collect();
        let condition = if self.has_condition { format!("WHERE q.c{} ", columns.len()) } else { String::new() };
        // The alias is quoted, since a word before a parenthesis is a function's name to some rules.
        let query = format!(
            "SELECT {}{} FROM ({}) AS \"q\" ({}) {condition}{}",
            self.quantity,
            shown.join(", "),
            self.inner.trim_end(),
            numbered.join(", "),
            self.tail.trim()
        );
        Ok(splice(&self.text, vec![(self.span, query.trim_end().to_owned())]))
    }
}
