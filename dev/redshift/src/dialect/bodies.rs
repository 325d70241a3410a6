//! Bodies of stored procedures, statement by statement.
//! <https://docs.aws.amazon.com/redshift/latest/dg/c_PLpgSQL-statements.html>

use std::ops::Range;

use super::tokens::{Kind as TokenKind, Token, has_nested_comments, read};
use super::{Refusal, SessionContext, Verdict, judge, splice};

const STATEMENTS: &str = "c_PLpgSQL-statements";
const CONSTRAINTS: &str = "stored-procedure-constraints";
const TRANSACTIONS: &str = "stored-procedure-transaction-management";

/// Statements that no procedure may hold, by their first words.
const REFUSED: &[(&[&str], &str)] = &[
    (&["SET", "LOCAL"], CONSTRAINTS),
    (&["SAVEPOINT"], CONSTRAINTS),
    (&["PREPARE"], CONSTRAINTS),
    (&["CREATE", "DATABASE"], CONSTRAINTS),
    (&["DROP", "DATABASE"], CONSTRAINTS),
    (&["CREATE", "EXTERNAL", "TABLE"], CONSTRAINTS),
    (&["VACUUM"], CONSTRAINTS),
    (&["PERFORM"], STATEMENTS),
    (&["ASSERT"], STATEMENTS),
    (&["FOREACH"], STATEMENTS),
    (&["MOVE"], STATEMENTS),
];

/// What kind of procedure a body is of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kind {
    /// Whether it runs as its owner.
    pub(super) is_definer: bool,
    /// Whether it has a setting of its own.
    pub(super) has_setting: bool,
    /// Whether each of its statements is a transaction.
    pub(super) is_nonatomic: bool,
}

/// What is made of a body.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The body written anew, or `None` if nothing differs.
    pub(super) body: Option<String>,
    /// What `PostgreSQL` can't express.
    pub(super) notes: Vec<String>,
}

/// The body written anew.
pub(super) fn rewritten(text: &str, kind: Kind) -> Result<Written, Refusal> {
    let syntax = |what: String| Refusal::new("42601", what, "c_PLpgSQL-structure");
    let tokens = read(text).map_err(|what| syntax(format!("syntax error: {what}")))?;
    if has_nested_comments(text, &tokens) {
        return Err(syntax("block comments don't nest in procedures".to_owned()));
    }
    let mut body = Body { text, tokens, at: 0, edits: Vec::new(), notes: Vec::new(), kind, in_handler: false };
    while body.at < body.tokens.len() {
        body.statement()?;
    }
    let written = (!body.edits.is_empty()).then(|| splice(text, body.edits));
    Ok(Written { body: written, notes: body.notes })
}

/// A statement of a body is nobody's in particular, and runs in a transaction.
fn context() -> SessionContext {
    SessionContext {
        user: String::new(),
        database: String::new(),
        superuser: true,
        may_become_others: true,
        in_transaction: true,
        first_in_transaction: true,
        in_procedure: true,
        case_sensitive: false,
        metadata_security: false,
        serverless: false,
        late_views: false,
        readers_use_schemas: false,
    }
}

struct Body<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    edits: Vec<(Range<usize>, String)>,
    notes: Vec<String>,
    kind: Kind,
    /// Whether what comes stands in the handler of an exception.
    in_handler: bool,
}

impl Body<'_> {
    fn is(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(word))
    }

    fn refuse<T>(words: &str, page: &str) -> Result<T, Refusal> {
        Err(Refusal::new("0A000", format!("{words} is not supported in procedures"), page))
    }

    /// Where one of these words stands next, outside of parentheses and of CASE expressions.
    fn next(&self, from: usize, words: &[&str]) -> usize {
        let (mut depth, mut cases) = (0_usize, 0_usize);
        for at in from..self.tokens.len() {
            let token = &self.tokens[at];
            if depth == 0 && cases == 0 && words.iter().any(|word| token.is(word)) {
                return at;
            }
            match token.text.as_str() {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                "CASE" if token.kind == TokenKind::Word => cases += 1,
                "END" if token.kind == TokenKind::Word => cases = cases.saturating_sub(1),
                _ => {}
            }
        }
        self.tokens.len()
    }

    fn span(&self, range: &Range<usize>) -> Range<usize> {
        self.tokens[range.start].span.start..self.tokens[range.end - 1].span.end
    }

    /// One statement, or a word between statements.
    fn statement(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        if let Some((words, page)) = REFUSED
            .iter()
            .find(|(words, _)| words.iter().enumerate().all(|(offset, word)| self.is(start + offset, word)))
        {
            return Self::refuse(&words.join(" "), page);
        }
        if self.is(start, "EXCEPTION") {
            return self.handler();
        }
        let first =
            if self.tokens[start].kind == TokenKind::Word { self.tokens[start].text.clone() } else { String::new() };
        let end = self.next(start, &[";"]);
        match first.as_str() {
            "DECLARE" => {
                self.at = start + 1;
                return self.declarations();
            }
            "BEGIN" | "LOOP" | "ELSE" => {
                self.at = start + 1;
                return Ok(());
            }
            "IF" | "ELSIF" | "ELSEIF" | "WHEN" => return self.until("THEN"),
            "WHILE" => return self.until("LOOP"),
            "CASE" => {
                let when = self.next(start + 1, &["WHEN"]);
                self.at = when;
                return self.expression(start + 1..when);
            }
            "FOR" => return self.for_loop(),
            _ => {}
        }
        // What follows ends in a semicolon. Inside of parentheses and CASE there is none, so what isn't
        // closed is PostgreSQL's to refuse.
        let end =
            if first == "END" { (start..self.tokens.len()).find(|at| self.is(*at, ";")).unwrap_or(end) } else { end };
        self.at = (end + 1).min(self.tokens.len().max(end));
        if self.in_handler && first == "END" {
            self.in_handler = false;
            // DG/stored-procedure-trapping-errors: the error is raised again.
            if !self.kind.is_nonatomic {
                let here = self.tokens[start].span.start;
                self.edits.push((here..here, "RAISE; ".to_owned()));
            }
        }
        match first.as_str() {
            "RETURN" if end > start + 1 => Self::refuse("RETURN with a value", STATEMENTS),
            "NULL" | "END" | "FETCH" | "CLOSE" | "RETURN" => Ok(()),
            "" if self.is(start, ";") => Ok(()),
            "" if self.is(start, "<") => {
                let close = (start..self.tokens.len()).find(|at| self.is(*at, ">") && self.is(at + 1, ">"));
                self.at = close.map_or(self.tokens.len(), |close| close + 2);
                Ok(())
            }
            "EXIT" | "CONTINUE" => {
                let when = self.next(start, &["WHEN"]);
                self.expression((when + 1).min(end)..end)
            }
            // DG/c_PLpgSQL-statements: in a handler of a procedure that is NONATOMIC.
            "RAISE" if end == start + 1 && self.in_handler && self.kind.is_nonatomic => Ok(()),
            "RAISE" => self.raise(start + 1..end),
            "EXECUTE" => self.dynamic(start + 1..end),
            "GET" => self.diagnostics(start..end),
            "OPEN" => {
                let query = self.next(start, &["FOR"]) + 1;
                match query {
                    query if query >= end => Ok(()),
                    query if self.is(query, "EXECUTE") => self.dynamic(query + 1..end),
                    query => self.sql(query..end),
                }
            }
            "COMMIT" | "ROLLBACK" | "ABORT" if self.kind.is_definer || self.kind.has_setting => {
                Self::refuse("ending the transaction with SECURITY DEFINER or SET", TRANSACTIONS)
            }
            "TRUNCATE" => self.truncate(&(start..end)),
            "START" | "BEGIN" if self.kind.is_nonatomic => {
                self.notes.push("a transaction of its own begins all the same".to_owned());
                self.edits.push((self.span(&(start..end)), "NULL".to_owned()));
                Ok(())
            }
            "START" => Self::refuse("START TRANSACTION in an atomic procedure", TRANSACTIONS),
            _ => self.assignment(start..end).unwrap_or_else(|| self.sql(start..end)),
        }
    }

    /// `EXCEPTION WHEN OTHERS THEN`. On Redshift everything is rolled back before the handler runs, what it does is committed,
    /// and the error is raised again. `PostgreSQL` rolls back to the block's begin and, since the error is raised again, the
    /// rest with it, what the handler did included. DG/stored-procedure-trapping-errors
    fn handler(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let words = ["EXCEPTION", "WHEN", "OTHERS", "THEN"];
        if !words.iter().enumerate().all(|(offset, word)| self.is(start + offset, word)) {
            return Self::refuse("EXCEPTION with any condition but OTHERS", "stored-procedure-trapping-errors");
        }
        self.at = start + words.len();
        self.in_handler = true;
        self.notes.push("what the handler of an exception changes is rolled back as well".to_owned());
        Ok(())
    }

    /// TRUNCATE commits. DG/`r_TRUNCATE`
    fn truncate(&mut self, range: &Range<usize>) -> Result<(), Refusal> {
        if self.kind.has_setting {
            return Self::refuse("TRUNCATE with SET", TRANSACTIONS);
        }
        if self.kind.is_definer || self.in_handler {
            let message = "the stand-in can't show TRUNCATE, which commits, with SECURITY DEFINER or in a handler";
            return Err(Refusal::new("0A000", message, TRANSACTIONS));
        }
        let span = self.span(range);
        self.edits.push((span.end..span.end, "; COMMIT".to_owned()));
        Ok(())
    }

    /// A condition, up to a word.
    fn until(&mut self, word: &str) -> Result<(), Refusal> {
        let start = self.at;
        let end = self.next(start + 1, &[word]);
        self.at = end + 1;
        self.expression(start + 1..end)
    }

    fn declarations(&mut self) -> Result<(), Refusal> {
        while self.at < self.tokens.len() && !self.is(self.at, "BEGIN") {
            let start = self.at;
            let end = self.next(start, &[";"]);
            self.at = end + 1;
            // DG/r_Character_types
            let longest = (start..end).find(|at| self.is(*at, "(") && self.is(at + 1, "MAX") && self.is(at + 2, ")"));
            if let Some(open) = longest {
                self.edits.push((self.tokens[open + 1].span.clone(), "65535".to_owned()));
            }
            let query = self.next(start, &["FOR"]) + 1;
            if query < end && self.next(start, &["CURSOR"]) < end {
                self.sql(query..end)?;
                continue;
            }
            let value = (start..end)
                .find(|at| self.is(*at, "DEFAULT") || self.is(*at, "=") || (self.is(*at, ":") && self.is(at + 1, "=")));
            if let Some(value) = value {
                let first = if self.is(value, ":") { value + 2 } else { value + 1 };
                self.expression(first..end)?;
            }
        }
        Ok(())
    }

    fn for_loop(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let end = self.next(start, &["LOOP"]);
        self.at = end + 1;
        let first = self.next(start, &["IN"]) + 1;
        if self.is(first, "EXECUTE") {
            self.dynamic(first + 1..end)
        } else if self.is(first, "SELECT") || self.is(first, "WITH") {
            self.sql(first..end)
        } else {
            self.expression(first..end)
        }
    }

    /// `name := value`, with a field or an element; `None` if it is none.
    fn assignment(&mut self, range: Range<usize>) -> Option<Result<(), Refusal>> {
        let mut at = range.start + 1;
        while self.is(at, ".") {
            at += 2;
        }
        if self.is(at, "[") {
            at = (at..range.end).find(|at| self.is(*at, "]"))? + 1;
        }
        let value = if self.is(at, ":") && self.is(at + 1, "=") {
            at + 2
        } else if self.is(at, "=") {
            at + 1
        } else {
            return None;
        };
        Some(self.expression(value..range.end))
    }

    /// An expression: what is true of `SELECT` and the expression is true of it.
    fn expression(&mut self, range: Range<usize>) -> Result<(), Refusal> {
        if range.is_empty() {
            return Ok(());
        }
        let span = self.span(&range);
        let (text, is_changed) = self.rewritten_expression(&span)?;
        if is_changed {
            self.edits.push((span, text));
        }
        Ok(())
    }

    fn rewritten_expression(&self, span: &Range<usize>) -> Result<(String, bool), Refusal> {
        let text = &self.text[span.clone()];
        match judge(&format!("SELECT {text}"), &context()) {
            Verdict::Forward => Ok((text.to_owned(), false)),
            Verdict::Rewrite { sql, .. } => Ok((sql["SELECT ".len()..].to_owned(), true)),
            Verdict::Refuse(refusal) => Err(refusal),
        }
    }

    /// What EXECUTE runs is only known then: it goes through a function that puts it in `PostgreSQL`'s words.
    fn dynamic(&mut self, range: Range<usize>) -> Result<(), Refusal> {
        if self.next(range.start, &["USING"]) < range.end {
            return Self::refuse("EXECUTE USING", STATEMENTS);
        }
        let into = self.next(range.start, &["INTO"]).min(range.end);
        if self.is(into + 1, "STRICT") {
            return Self::refuse("INTO STRICT", STATEMENTS);
        }
        if range.start >= into {
            return Err(Refusal::new("42601", "EXECUTE needs a text", STATEMENTS));
        }
        let span = self.span(&(range.start..into));
        let (text, _) = self.rewritten_expression(&span)?;
        self.edits.push((span, format!("pg_catalog.rdsdb_dynamic({text})")));
        Ok(())
    }

    /// A level, a format and variables.
    fn raise(&self, range: Range<usize>) -> Result<(), Refusal> {
        let tokens = &self.tokens[range];
        let has_level = tokens
            .first()
            .is_some_and(|first| ["EXCEPTION", "NOTICE", "INFO", "LOG", "WARNING"].iter().any(|level| first.is(level)));
        if !has_level || tokens.get(1).is_none_or(|format| format.kind != TokenKind::Text) {
            return Self::refuse("RAISE without a level and a literal format", STATEMENTS);
        }
        let is_variable = |part: &[Token]| {
            let (names, dots): (Vec<_>, Vec<_>) = part.iter().partition(|token| token.kind == TokenKind::Word);
            !names.is_empty() && dots.iter().all(|dot| dot.is(".")) && names.len() == dots.len() + 1
                // A function without parentheses is no variable.
                && !names.iter().any(|name| ["CURRENT_USER", "SESSION_USER", "NULL", "USING"].iter().any(|word| name.is(word)))
        };
        let mut rest = tokens[2..].split(|token| token.is(","));
        if rest.next().is_some_and(|before| !before.is_empty()) || !rest.all(is_variable) {
            return Self::refuse("RAISE with anything but simple variables", STATEMENTS);
        }
        Ok(())
    }

    fn diagnostics(&self, range: Range<usize>) -> Result<(), Refusal> {
        let words: Vec<_> = self.tokens[range].iter().map(|token| token.text.as_str()).collect();
        match words.as_slice() {
            ["GET", "DIAGNOSTICS", _, "=", "ROW_COUNT"] | ["GET", "DIAGNOSTICS", _, ":", "=", "ROW_COUNT"] => Ok(()),
            _ => Self::refuse("GET DIAGNOSTICS of anything but ROW_COUNT", "c_PLpgSQL-structure"),
        }
    }

    fn sql(&mut self, range: Range<usize>) -> Result<(), Refusal> {
        let tokens = &self.tokens[range.clone()];
        if tokens.windows(2).any(|pair| pair[0].is("INTO") && pair[1].is("STRICT")) {
            return Self::refuse("INTO STRICT", STATEMENTS);
        }
        if tokens[0].is("ALTER") && tokens.iter().any(|token| token.is("APPEND")) {
            return Self::refuse("ALTER TABLE APPEND", CONSTRAINTS);
        }
        let span = self.span(&range);
        match judge(&self.text[span.clone()], &context()) {
            Verdict::Forward => {}
            Verdict::Refuse(refusal) => return Err(refusal),
            // Nothing is done, and PL/pgSQL takes no SELECT for it.
            Verdict::Rewrite { sql, .. } if sql == super::NOTHING => self.edits.push((span, "NULL".to_owned())),
            Verdict::Rewrite { before, sql, .. } => {
                let before = before.map(|before| format!("{before}; ")).unwrap_or_default();
                self.edits.push((span, format!("{before}{sql}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
