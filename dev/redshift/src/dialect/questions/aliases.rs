//! An alias may be used behind its place in the select list, in WHERE and in QUALIFY. It is then what it stands for, unless a table has
//! a column of that name. <https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_list.html>

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::blocks::{Block, items};
use super::{Refusal, SessionContext, Statement, asked, call, is_column, literal, quoted, splice};

/// A use of an alias.
#[derive(Clone, Debug)]
struct Use {
    span: Range<usize>,
    alias: String,
}

/// The uses of aliases in one query.
#[derive(Clone, Debug)]
struct Query {
    /// What each alias stands for, as bytes of the statement.
    meanings: BTreeMap<String, Range<usize>>,
    uses: Vec<Use>,
}

/// The aliases of a statement that are used.
#[derive(Clone, Debug)]
pub(super) struct Aliases {
    text: String,
    queries: Vec<Query>,
}

/// What is asked: which of them are no columns. Each answer is the number of a query, a colon, and a name.
pub(super) fn question(
    statement: &Statement<'_>,
    blocks: &[Block],
    context: &SessionContext,
) -> Result<Option<(String, Aliases)>, Refusal> {
    let (mut queries, mut numbers, mut names, mut sources, mut first) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), None);
    for block in blocks {
        let Some(query) = used(statement, block, blocks, context) else { continue };
        let mut unsettled: Vec<_> = query.uses.iter().map(|one| one.alias.clone()).collect();
        unsettled.sort();
        unsettled.dedup();
        for alias in unsettled {
            let from = if block.source.is_empty() { String::new() } else { from_alone(statement, block) };
            let (before, sql) = asked(statement, block, &format!("SELECT {} {from}", quoted(&alias)), context)?;
            first = first.or(before);
            numbers.push(queries.len().to_string());
            names.push(literal(&alias));
            sources.push(literal(&sql));
        }
        queries.push(query);
    }
    if queries.is_empty() {
        return Ok(None);
    }
    let list = |items: &[String], kind: &str| format!("ARRAY[{}]::{kind}[]", items.join(", "));
    let sql = call(first, "unknown", &[list(&numbers, "integer"), list(&names, "text"), list(&sources, "text")]);
    Ok(Some((sql, Aliases { text: statement.text.to_owned(), queries })))
}

/// FROM without what filters and groups.
fn from_alone(statement: &Statement<'_>, block: &Block) -> String {
    let end = block.condition.start.checked_sub(1).filter(|at| statement.is(*at, "WHERE") && block.source.contains(at));
    let groups = block.source.clone().find(|at| {
        *at > block.source.start
            && (statement.is(*at, "GROUP") && statement.is(at + 1, "BY") || statement.is(*at, "HAVING"))
            && depth_is(statement, *at, block)
    });
    let end = end.or(groups).unwrap_or(block.source.end);
    // `SELECT a WHERE b`: there is no FROM.
    let from = block.source.start..end;
    if from.is_empty() { String::new() } else { statement.written(&from).to_owned() }
}

fn depth_is(statement: &Statement<'_>, at: usize, block: &Block) -> bool {
    super::super::sources::depths(statement)[at] == block.depth
}

/// The uses in a query of its own aliases, if there are any.
fn used(statement: &Statement<'_>, block: &Block, blocks: &[Block], context: &SessionContext) -> Option<Query> {
    let folded = |name: String| if context.case_sensitive { name } else { name.to_lowercase() };
    let (mut meanings, mut uses) = (BTreeMap::new(), Vec::new());
    let inner =
        |at: usize| blocks.iter().any(|other| other.select > block.select && (other.select..other.end).contains(&at));
    let mut look = |tokens: Range<usize>, meanings: &BTreeMap<String, Range<usize>>| {
        for at in tokens.filter(|at| !inner(*at) && is_column(statement, *at)) {
            let Some(alias) = statement.name(at).map(folded).filter(|name| meanings.contains_key(name)) else {
                continue;
            };
            uses.push(Use { span: statement.tokens[at].span.clone(), alias });
        }
    };
    for item in items(statement, block) {
        look(item.expression.clone(), &meanings);
        // A column that is called as it is called anyway.
        let is_itself = item.expression.len() == 1 && statement.name(item.expression.start) == item.alias;
        if let Some(alias) = item.alias.filter(|_| !is_itself) {
            meanings.insert(folded(alias), statement.span(&item.expression));
        }
    }
    look(block.condition.clone(), &meanings);
    look(block.qualify.clone(), &meanings);
    (!uses.is_empty()).then_some(Query { meanings, uses })
}

impl Aliases {
    /// The statement with the meaning of those that are no columns in their place.
    pub(super) fn inlined(self, unknown: &[String]) -> String {
        let mut edits = Vec::new();
        for (number, query) in self.queries.iter().enumerate() {
            for found in &query.uses {
                if let Some(meaning) = self.meaning(number, &found.alias, unknown, 0) {
                    edits.push((found.span.clone(), meaning));
                }
            }
        }
        splice(&self.text, edits)
    }

    /// What an alias stands for, with those in it that come before it; `None` for a column.
    fn meaning(&self, number: usize, alias: &str, unknown: &[String], depth: usize) -> Option<String> {
        // Each stands for more than one use of the one before: twenty in a row would be a million.
        if depth > 16 || !unknown.contains(&format!("{number}:{alias}")) {
            return None;
        }
        let query = &self.queries[number];
        let span = query.meanings.get(alias)?;
        let inside = query.uses.iter().filter(|one| span.start <= one.span.start && one.span.end <= span.end);
        let edits = inside.filter_map(|one| {
            let place = one.span.start - span.start..one.span.end - span.start;
            self.meaning(number, &one.alias, unknown, depth + 1).map(|meaning| (place, meaning))
        });
        Some(format!("({})", splice(&self.text[span.clone()], edits.collect())))
    }
}
