//! A statement taken apart.

use std::ops::Range;

use super::grammar::Parsed;
use super::tokens::Token;

/// A statement, its tokens, and what the grammar says of them.
pub(super) struct Statement<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token>,
    pub(super) parsed: Parsed,
}

impl Statement<'_> {
    pub(super) fn starts_with(&self, words: &[&str]) -> bool {
        self.tokens.len() >= words.len() && self.tokens.iter().zip(words).all(|(token, word)| token.is(word))
    }

    /// Whether it creates something of that kind, whatever stands in between: `OR REPLACE`, `TEMP` and their kind.
    pub(super) fn creates(&self, kind: &str) -> bool {
        const BETWEEN: [&str; 6] = ["OR", "REPLACE", "LOCAL", "TEMP", "TEMPORARY", "MATERIALIZED"];
        let mut rest = self.tokens.iter().skip(1).skip_while(|token| BETWEEN.iter().any(|word| token.is(word)));
        self.starts_with(&["CREATE"]) && rest.next().is_some_and(|token| token.is(kind))
    }

    /// Where a sequence of words or symbols stands.
    pub(super) fn find(&self, words: &[&str]) -> Option<usize> {
        self.find_from(0, words)
    }

    pub(super) fn find_from(&self, from: usize, words: &[&str]) -> Option<usize> {
        let rest = self.tokens.get(from..)?;
        let at = rest
            .windows(words.len().max(1))
            .position(|window| window.iter().zip(words).all(|(token, word)| token.is(word)))?;
        Some(from + at)
    }

    pub(super) fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(text))
    }

    pub(super) fn name(&self, at: usize) -> Option<String> {
        self.tokens.get(at).and_then(Token::name)
    }

    /// The bytes of some tokens.
    pub(super) fn span(&self, tokens: &Range<usize>) -> Range<usize> {
        self.tokens[tokens.start].span.start..self.tokens[tokens.end - 1].span.end
    }

    /// What is written there.
    pub(super) fn written(&self, tokens: &Range<usize>) -> &str {
        &self.text[self.span(tokens)]
    }

    /// The parts of a name with dots, or of one with a colon.
    pub(super) fn parts(&self, tokens: Range<usize>) -> Vec<String> {
        tokens.filter_map(|at| self.name(at)).collect()
    }

    /// What is called so, as names: one with a colon is one name.
    pub(super) fn names(&self, label: &str) -> Vec<String> {
        self.parsed
            .labelled(label)
            .flat_map(|tokens| self.tokens[tokens].split(|token| token.is(",")).map(name_of).collect::<Vec<_>>())
            .collect()
    }

    /// The parenthesis that closes the one at a place.
    pub(super) fn closing(&self, open: usize) -> Option<usize> {
        if !self.is(open, "(") {
            return None;
        }
        let mut depth = 0_i32;
        (open..self.tokens.len()).find(|at| {
            depth += i32::from(self.tokens[*at].is("(")) - i32::from(self.tokens[*at].is(")"));
            depth == 0
        })
    }

    /// The arguments between parentheses, each as its tokens.
    pub(super) fn arguments(&self, open: usize) -> Vec<Range<usize>> {
        let Some(close) = self.closing(open) else { return Vec::new() };
        let (mut found, mut start, mut depth) = (Vec::new(), open + 1, 0_i32);
        for at in open + 1..close {
            let token = &self.tokens[at];
            depth += i32::from(token.is("(")) - i32::from(token.is(")"));
            if depth == 0 && token.is(",") {
                found.push(start..at);
                start = at + 1;
            }
        }
        if start < close {
            found.push(start..close);
        }
        found
    }

    /// Where what the statement does begins: behind the queries that WITH names.
    /// <https://docs.aws.amazon.com/redshift/latest/dg/r_WITH_clause.html>
    pub(super) fn verb(&self) -> usize {
        if !self.starts_with(&["WITH"]) {
            return 0;
        }
        let mut at = if self.is(1, "RECURSIVE") { 2 } else { 1 };
        loop {
            at += 1;
            if let Some(close) = self.closing(at) {
                at = close + 1;
            }
            let Some(close) = self.is(at, "AS").then(|| self.closing(at + 1)).flatten() else { return 0 };
            at = close + 1;
            if !self.is(at, ",") {
                return at;
            }
            at += 1;
        }
    }
}

fn name_of(tokens: &[Token]) -> String {
    let parts = tokens.iter().map(|token| token.name().unwrap_or_else(|| token.text.clone()));
    parts.collect()
}
