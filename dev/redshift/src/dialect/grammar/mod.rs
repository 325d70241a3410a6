//! Grammars that are short enough to be written down: a pattern for each form of a statement, much as the guide writes
//! it. What no pattern describes is refused, near the word that none goes on with.
//!
//! A pattern is words and symbols that stand for themselves, and:
//!
//! - `[…]` may be left out, `{…|…}` is one of several, `{…|…}*` any number of them in any order;
//! - `<name>` and its kind are places that a [`Place`] fills, and `<name,>` is a list of them with commas;
//! - `label{…}` and `<label:name>` say what the tokens there are, for whoever writes the statement anew.

mod commands;
mod reader;
mod types;

use std::ops::Range;

use super::names::is_reserved;
use super::tokens::{Kind, Token};
use super::{Refusal, is_name};
use reader::Item;

/// What may stand at a place of a pattern.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// A name, not a reserved word; with a colon in it if it is a system role's or a federated user's.
    Name,
    /// A name of up to three parts; `#` begins that of a temporary table.
    Object,
    /// A word, reserved or not.
    Word,
    /// A literal.
    Text,
    /// A number, with a sign or without.
    Number,
    /// A parameter of a prepared statement.
    Parameter,
    /// A word, a name, a literal or a number.
    Value,
    /// What is between parentheses, and these.
    Block,
    /// The columns and constraints of a table, between parentheses.
    Columns,
    /// A column's type.
    Type,
    /// An expression, up to a word that can't be in one.
    Expression,
    /// A body: between dollar signs, or a literal.
    Body,
    /// Everything else, and at least one token.
    Rest,
}

/// What the grammar says of tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Label {
    pub(super) label: &'static str,
    pub(super) tokens: Range<usize>,
}

/// A statement that has one of the forms.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    labels: Vec<Label>,
}

impl Parsed {
    /// The tokens that are called so.
    pub(super) fn labelled<'a>(&'a self, label: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.labels.iter().filter(move |found| found.label == label).map(|found| found.tokens.clone())
    }

    /// Whether a token is part of what is called so.
    pub(super) fn is_labelled(&self, label: &str, at: usize) -> bool {
        self.labels.iter().any(|found| found.label == label && found.tokens.contains(&at))
    }
}

/// Finds the form of a statement, or why it has none.
pub(super) fn parse(tokens: &[Token]) -> Result<Parsed, Refusal> {
    let (mut furthest, mut page, mut wrong_type) = (0, "c_SQL_commands", false);
    for form in commands::forms() {
        let mut matcher = Matcher { tokens, labels: Vec::new(), furthest: 0, wrong_type: false };
        let end = matcher.sequence(&form.items, 0);
        if end == Some(tokens.len()) {
            return Ok(Parsed { labels: matcher.labels });
        }
        let reached = matcher.furthest.max(end.unwrap_or(0));
        if reached > furthest {
            (furthest, page, wrong_type) = (reached, form.page, matcher.wrong_type);
        }
    }
    Err(match tokens.get(furthest) {
        Some(token) if wrong_type => {
            let message = format!("Column has unsupported type \"{}\".", token.text.to_lowercase());
            Refusal::new("0A000", message, "c_unsupported-postgresql-datatypes")
        }
        Some(token) => Refusal::new("42601", format!("syntax error at or near \"{}\"", token.text), page),
        None => Refusal::new("42601", "syntax error at end of input", page),
    })
}

/// Where the type ends that starts at a token, if one does that Redshift has for columns or, more of them, for casts.
pub(super) fn end_of_type(tokens: &[Token], at: usize, in_cast: bool) -> Option<usize> {
    let mut matcher = Matcher { tokens, labels: Vec::new(), furthest: 0, wrong_type: false };
    types::of_columns()
        .iter()
        .chain(in_cast.then(types::of_casts).into_iter().flatten())
        .find_map(|items| matcher.sequence(items, at))
}

struct Matcher<'a> {
    tokens: &'a [Token],
    labels: Vec<Label>,
    /// The furthest token that nothing went on with.
    furthest: usize,
    /// Whether a type was expected there.
    wrong_type: bool,
}

impl Matcher<'_> {
    /// Where a sequence ends that starts at a token. What was tried in vain leaves no labels.
    fn sequence(&mut self, items: &[Item], start: usize) -> Option<usize> {
        let kept = self.labels.len();
        let end = items.iter().try_fold(start, |at, item| self.item(item, at));
        if end.is_none() {
            self.labels.truncate(kept);
        }
        end
    }

    fn item(&mut self, item: &Item, at: usize) -> Option<usize> {
        let (label, end) = match item {
            Item::Word(word) => {
                let fits = self.tokens.get(at).is_some_and(|token| token.is(word));
                return self.expect(at, fits.then_some(at + 1));
            }
            Item::Shared { label, items } => (label, self.sequence(items, at)?),
            Item::Place { label, place, is_list } => (label, self.list(*place, *is_list, at)?),
            Item::Choice { label, options, may_be_left_out, is_repeated } => {
                let mut end = at;
                while let Some(next) = options.iter().find_map(|option| self.sequence(option, end)) {
                    self.label(label, end..next);
                    let goes_on = *is_repeated && next > end;
                    end = next;
                    if !goes_on {
                        return Some(end);
                    }
                }
                return (end > at || *may_be_left_out).then_some(end);
            }
        };
        self.label(label, at..end);
        Some(end)
    }

    fn label(&mut self, label: &'static str, tokens: Range<usize>) {
        if !label.is_empty() && !tokens.is_empty() {
            self.labels.push(Label { label, tokens });
        }
    }

    /// Remembers where nothing went on.
    fn expect(&mut self, at: usize, end: Option<usize>) -> Option<usize> {
        if end.is_none() && at >= self.furthest {
            self.furthest = at;
            self.wrong_type = false;
        }
        end
    }

    fn list(&mut self, place: Place, is_list: bool, start: usize) -> Option<usize> {
        let mut end = self.place(place, start)?;
        while is_list && self.tokens.get(end).is_some_and(|token| token.is(",")) {
            end = self.place(place, end + 1)?;
        }
        Some(end)
    }

    fn place(&mut self, place: Place, at: usize) -> Option<usize> {
        let token = self.tokens.get(at);
        let one = |fits: bool| fits.then_some(at + 1);
        let kind = token.map(|token| token.kind);
        let end = match place {
            Place::Name => self.name(at),
            Place::Object => self.object(at),
            Place::Word => one(kind == Some(Kind::Word)),
            Place::Text => one(kind == Some(Kind::Text)),
            Place::Body => one(matches!(kind, Some(Kind::Text | Kind::Dollar))),
            Place::Value => {
                one(token.is_some_and(|token| is_name(token) || token.kind == Kind::Text)).or_else(|| self.number(at))
            }
            Place::Number => self.number(at),
            Place::Parameter => one(kind == Some(Kind::Parameter)),
            Place::Block => closing(self.tokens, at),
            Place::Columns => return self.columns(at),
            Place::Type => {
                let end = end_of_type(self.tokens, at, false);
                if end.is_none() && at >= self.furthest && token.is_some_and(is_name) {
                    (self.furthest, self.wrong_type) = (at, true);
                    return None;
                }
                end
            }
            Place::Expression => self.expression(at),
            Place::Rest => token.is_some().then_some(self.tokens.len()),
        };
        self.expect(at, end)
    }

    fn name(&self, at: usize) -> Option<usize> {
        let is_name_at = |at: usize| {
            self.tokens
                .get(at)
                .is_some_and(|token| is_name(token) && (token.kind == Kind::Quoted || !is_reserved(&token.text)))
        };
        if !is_name_at(at) {
            return None;
        }
        let goes_on =
            self.tokens.get(at + 1).is_some_and(|token| token.is(":")) && self.tokens.get(at + 2).is_some_and(is_name);
        Some(if goes_on { at + 3 } else { at + 1 })
    }

    fn object(&self, at: usize) -> Option<usize> {
        let start = if self.tokens.get(at).is_some_and(|token| token.is("#")) { at + 1 } else { at };
        let mut end = self.name(start)?;
        for _ in 0..2 {
            if self.tokens.get(end).is_some_and(|token| token.is(".")) {
                // Behind a dot every word is a name.
                end = self.tokens.get(end + 1).filter(|token| is_name(token)).map(|_| end + 2)?;
            }
        }
        Some(end)
    }

    fn number(&self, at: usize) -> Option<usize> {
        let has_sign = self.tokens.get(at).is_some_and(|token| token.is("-") || token.is("+"));
        let digits = if has_sign { at + 1 } else { at };
        self.tokens.get(digits).filter(|token| token.kind == Kind::Number).map(|_| digits + 1)
    }

    /// The value of a DEFAULT: up to what may follow it in a column, outside of parentheses.
    fn expression(&self, start: usize) -> Option<usize> {
        const ENDS: [&str; 14] = [
            ",",
            ")",
            ";",
            "ENCODE",
            "DISTKEY",
            "SORTKEY",
            "NOT",
            "NULL",
            "UNIQUE",
            "PRIMARY",
            "REFERENCES",
            "COLLATE",
            "CONSTRAINT",
            "CHECK",
        ];
        self.tokens.get(start).filter(|token| !token.is(",") && !token.is(")"))?;
        let mut at = start;
        while let Some(token) = self.tokens.get(at) {
            if at > start && ENDS.iter().any(|end| token.is(end)) {
                break;
            }
            at = if token.is("(") { closing(self.tokens, at)? } else { at + 1 };
        }
        Some(at)
    }

    /// Each column and constraint has a form of its own.
    fn columns(&mut self, open: usize) -> Option<usize> {
        let end = self.expect(open, closing(self.tokens, open))?;
        let mut at = open + 1;
        loop {
            at = commands::elements().iter().find_map(|element| self.sequence(element, at))?;
            if at + 1 == end {
                return Some(end);
            }
            let is_comma = self.tokens[at].is(",");
            at = self.expect(at, is_comma.then_some(at + 1))?;
        }
    }
}

/// Behind the parenthesis that closes the one at a token.
fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    tokens.get(open).filter(|token| token.is("("))?;
    let mut depth = 0_i32;
    let close = (open..tokens.len()).find(|at| {
        depth += i32::from(tokens[*at].is("(")) - i32::from(tokens[*at].is(")"));
        depth == 0
    })?;
    Some(close + 1)
}

#[cfg(test)]
mod tests;
