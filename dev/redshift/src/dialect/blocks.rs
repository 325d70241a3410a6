//! Queries inside a statement, each as its clauses. <https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_synopsis.html>

use std::ops::Range;

use super::sources::depths;
use super::tokens::Kind;
use super::{Statement, is_name};

/// Words that join queries.
const SETS: [&str; 4] = ["UNION", "EXCEPT", "INTERSECT", "MINUS"];

/// One SELECT and what belongs to it, as places of tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Block {
    /// Where it says SELECT.
    pub(super) select: usize,
    /// Whether it says DISTINCT.
    pub(super) distinct: bool,
    /// `TOP n`, if it says so.
    pub(super) top: Option<Range<usize>>,
    /// The select list, `EXCLUDE` included.
    pub(super) list: Range<usize>,
    /// From FROM up to what filters groups, both included; empty without FROM.
    pub(super) source: Range<usize>,
    /// The condition behind WHERE.
    pub(super) condition: Range<usize>,
    /// The condition behind QUALIFY.
    pub(super) qualify: Range<usize>,
    /// ORDER BY and its list.
    pub(super) order: Range<usize>,
    /// LIMIT and OFFSET.
    pub(super) limit: Range<usize>,
    /// Behind its last token.
    pub(super) end: usize,
    /// How many parentheses are open around it.
    pub(super) depth: usize,
}

/// All queries of a statement, in the order in which they begin. What is granted isn't queried.
pub(super) fn blocks(statement: &Statement<'_>) -> Vec<Block> {
    const OTHERS: [&str; 4] = ["GRANT", "REVOKE", "ALTER", "ATTACH"];
    if OTHERS.iter().any(|word| statement.starts_with(&[word])) {
        return Vec::new();
    }
    let depths = depths(statement);
    let starts = (0..statement.tokens.len()).filter(|at| statement.is(*at, "SELECT"));
    starts.map(|at| block(statement, &depths, at)).collect()
}

/// Where a clause of a query begins that ends the one before it.
fn clause(statement: &Statement<'_>, at: usize) -> Option<&'static str> {
    const ALONE: [&str; 6] = ["FROM", "WHERE", "HAVING", "QUALIFY", "LIMIT", "OFFSET"];
    let two = |first: &str, second: &str| statement.is(at, first) && statement.is(at + 1, second);
    if two("GROUP", "BY") {
        return Some("GROUP");
    }
    if two("ORDER", "BY") {
        return Some("ORDER");
    }
    if statement.is(at, "FROM") && at > 0 && statement.is(at - 1, "DISTINCT") {
        return None;
    }
    ALONE.into_iter().find(|word| statement.is(at, word))
}

fn block(statement: &Statement<'_>, depths: &[usize], select: usize) -> Block {
    let depth = depths[select];
    let ends = |at: usize| {
        depths[at] < depth
            || (depths[at] == depth
                && (statement.is(at, ";")
                    || SETS.iter().any(|word| statement.is(at, word))
                    || (statement.is(at, "WITH") && statement.is(at + 1, "NO"))))
    };
    let end = (select + 1..statement.tokens.len()).find(|at| ends(*at)).unwrap_or(statement.tokens.len());
    let mut start = select + 1;
    let mut top = None;
    let mut distinct = false;
    loop {
        if statement.is(start, "TOP") && start + 1 < end {
            top = Some(start..start + 2);
            start += 2;
        } else if statement.is(start, "ALL") || statement.is(start, "DISTINCT") {
            distinct |= statement.is(start, "DISTINCT");
            start += 1;
        } else {
            break;
        }
    }
    // What orders a union isn't its last query's.
    let in_union = SETS.iter().any(|word| select > 0 && statement.is(select - 1, word))
        || (select > 1 && statement.is(select - 1, "ALL") && SETS.iter().any(|word| statement.is(select - 2, word)))
        || SETS.iter().any(|word| statement.is(end, word));
    let mut found: Vec<(&str, usize)> = (start..end)
        .filter(|at| depths[*at] == depth)
        .filter_map(|at| clause(statement, at).map(|word| (word, at)))
        .collect();
    let end = match found.iter().position(|(word, _)| in_union && ["ORDER", "LIMIT", "OFFSET"].contains(word)) {
        Some(position) => {
            let end = found[position].1;
            found.truncate(position);
            end
        }
        None => end,
    };
    let begins = |words: &[&str]| found.iter().find(|(word, _)| words.contains(word)).map(|(_, at)| *at);
    let next = |from: usize| found.iter().map(|(_, at)| *at).find(|at| *at > from).unwrap_or(end);
    let behind = |word: &str| begins(&[word]).map_or(end..end, |at| at + 1..next(at));
    let whole = |word: &str| begins(&[word]).map_or(end..end, |at| at..next(at));
    let list =
        start..begins(&["FROM", "WHERE", "GROUP", "HAVING", "QUALIFY", "ORDER", "LIMIT", "OFFSET"]).unwrap_or(end);
    let source = list.end..begins(&["QUALIFY", "ORDER", "LIMIT", "OFFSET"]).unwrap_or(end);
    let limit = begins(&["LIMIT", "OFFSET"]).map_or(end..end, |at| at..end);
    Block {
        select,
        distinct,
        top,
        source,
        condition: behind("WHERE"),
        qualify: behind("QUALIFY"),
        order: whole("ORDER"),
        limit,
        list,
        end,
        depth,
    }
}

/// An item of a select list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Item {
    /// The expression.
    pub(super) expression: Range<usize>,
    /// What it is called, if it says so.
    pub(super) alias: Option<String>,
}

/// The items of a select list.
pub(super) fn items(statement: &Statement<'_>, block: &Block) -> Vec<Item> {
    let depths = depths(statement);
    let commas = block.list.clone().filter(|at| depths[*at] == block.depth && statement.is(*at, ","));
    let starts = [block.list.start].into_iter().chain(commas.clone().map(|comma| comma + 1));
    let ends = commas.chain([block.list.end]);
    starts.zip(ends).filter(|(start, end)| start < end).map(|(start, end)| item(statement, start..end)).collect()
}

fn item(statement: &Statement<'_>, tokens: Range<usize>) -> Item {
    let last = tokens.end - 1;
    let unnamed = Item { expression: tokens.clone(), alias: None };
    if tokens.len() < 2 || !is_name(&statement.tokens[last]) {
        return unnamed;
    }
    let alias = statement.name(last);
    if statement.is(last - 1, "AS") && tokens.len() > 2 {
        return Item { expression: tokens.start..last - 1, alias };
    }
    // Without AS: a name behind the end of an expression.
    let before = &statement.tokens[last - 1];
    let ends = before.is(")") || matches!(before.kind, Kind::Text | Kind::Number | Kind::Quoted) || is_word(before);
    let is_type = tokens.len() > 2 && statement.is(last - 2, ":");
    if !ends || is_type || super::names::is_reserved(&statement.tokens[last].text) {
        return unnamed;
    }
    Item { expression: tokens.start..last, alias }
}

/// A word that ends an expression.
fn is_word(token: &super::tokens::Token) -> bool {
    token.kind == Kind::Word && (token.is("END") || token.is("NULL") || !super::names::is_reserved(&token.text))
}

#[cfg(test)]
mod tests {
    use super::super::grammar::Parsed;
    use super::super::tokens::read;
    use super::*;

    fn statement(text: &str) -> Statement<'_> {
        Statement { text, tokens: read(text).unwrap_or_default(), parsed: Parsed::default() }
    }

    #[test]
    fn a_query_is_taken_apart() {
        let text = "SELECT DISTINCT TOP 3 a, f(b, c) AS d FROM t x WHERE a = 1 GROUP BY a HAVING true QUALIFY d = 1 ORDER BY a LIMIT 2 OFFSET 1";
        let statement = statement(text);
        let all = blocks(&statement);
        let block = &all[0];
        let written = |range: &Range<usize>| statement.written(range);
        assert!(block.distinct && all.len() == 1);
        assert_eq!(written(&block.list), "a, f(b, c) AS d");
        assert_eq!(written(&block.source), "FROM t x WHERE a = 1 GROUP BY a HAVING true");
        assert_eq!(written(&block.condition), "a = 1");
        assert_eq!(written(&block.qualify), "d = 1");
        assert_eq!(written(&block.order), "ORDER BY a");
        assert_eq!(written(&block.limit), "LIMIT 2 OFFSET 1");
        let named: Vec<_> = items(&statement, block).into_iter().map(|item| item.alias).collect();
        assert_eq!(named, [None, Some("d".to_owned())]);
    }

    #[test]
    fn what_orders_a_union_is_no_part_of_its_last_query() {
        let statement = statement("SELECT a FROM t UNION ALL SELECT b FROM (SELECT c FROM u LIMIT 1) x ORDER BY 1");
        let all = blocks(&statement);
        assert_eq!(all.iter().map(|block| block.order.len()).collect::<Vec<_>>(), [0, 0, 0]);
        assert_eq!(statement.written(&all[1].source), "FROM (SELECT c FROM u LIMIT 1) x");
        assert_eq!(statement.written(&all[2].limit), "LIMIT 1");
    }

    #[test]
    fn an_alias_is_told_from_the_end_of_an_expression() {
        for (list, expected) in [
            ("a b", Some("b")),
            ("a AS \"B\"", Some("B")),
            ("count(*) n", Some("n")),
            ("CASE WHEN a THEN 1 END x", Some("x")),
            ("t.a", None),
            ("a::double precision", None),
            ("a IS NULL", None),
            ("*", None),
        ] {
            let text = format!("SELECT {list} FROM t");
            let statement = statement(&text);
            let found = items(&statement, &blocks(&statement)[0]).remove(0).alias;
            assert_eq!(found.as_deref(), expected, "{list}");
        }
    }
}
