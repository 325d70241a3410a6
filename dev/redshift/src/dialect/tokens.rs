//! Reads SQL as Redshift's scanner does, over the client's own bytes: nothing is ever written anew
//! from tokens, so what isn't rewritten reaches the server byte by byte as it was sent.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// An unquoted word: a keyword or a name.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A literal in single quotes; the backslash escapes in it.
    Text,
    /// A body between dollar signs.
    Dollar,
    /// A number.
    Number,
    /// A parameter of a prepared statement.
    Parameter,
    /// Anything else: one character.
    Symbol,
}

/// A token and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it stands in the statement, in bytes.
    pub span: Range<usize>,
    /// A word in upper case; any other token as it is written.
    pub text: String,
}

impl Token {
    /// Whether it is that word, or that symbol.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Symbol) && self.text == text
    }

    /// The name that it writes: folded to lower case if it isn't quoted.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_lowercase()),
            Kind::Quoted => Some(self.text[1..self.text.len() - 1].replace("\"\"", "\"")),
            _ => None,
        }
    }

    /// What a literal says.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        if self.kind != Kind::Text {
            return None;
        }
        let mut value = String::new();
        let mut characters = self.text[1..self.text.len() - 1].chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' | '\'' => value.extend(characters.next()),
                other => value.push(other),
            }
        }
        Some(value)
    }
}

/// Reads a text into tokens; comments and blanks are left out. `Err` says what isn't closed.
pub fn read(text: &str) -> Result<Vec<Token>, &'static str> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let byte = bytes[at];
        let kind = match byte {
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at = text[at..].find('\n').map_or(bytes.len(), |end| at + end + 1);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = end_of_comment(bytes, at)?;
                continue;
            }
            b'\'' => {
                at = end_of_literal(bytes, at)?;
                Kind::Text
            }
            b'"' => {
                at = end_of_quoted(bytes, at)?;
                Kind::Quoted
            }
            b'$' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                at += 1 + bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                Kind::Parameter
            }
            b'$' => {
                if let Some(end) = end_of_dollar(text, at) {
                    at = end;
                    Kind::Dollar
                } else {
                    at += 1;
                    Kind::Symbol
                }
            }
            b if b.is_ascii_digit() => {
                at = end_of_number(bytes, at);
                Kind::Number
            }
            b if b.is_ascii_alphabetic() || b == b'_' || b >= 0x80 => {
                let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
                at = text[at..].find(|c| !word(c)).map_or(bytes.len(), |end| at + end);
                if at == start {
                    at = start + text[start..].chars().next().map_or(1, char::len_utf8);
                }
                Kind::Word
            }
            _ => {
                at += 1;
                Kind::Symbol
            }
        };
        let written = &text[start..at];
        let text = if kind == Kind::Word { written.to_uppercase() } else { written.to_owned() };
        tokens.push(Token { kind, span: start..at, text });
    }
    Ok(tokens)
}

/// Digits, a fraction, an exponent. A word may follow at once, as in `THEN 1WHEN`.
fn end_of_number(bytes: &[u8], start: usize) -> usize {
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut at = digits(start);
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1);
    }
    if bytes.get(at).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'e')) {
        let sign = usize::from(bytes.get(at + 1).is_some_and(|byte| *byte == b'-' || *byte == b'+'));
        let end = digits(at + 1 + sign);
        if end > at + 1 + sign {
            at = end;
        }
    }
    at
}

fn end_of_comment(bytes: &[u8], start: usize) -> Result<usize, &'static str> {
    let (mut at, mut depth) = (start + 2, 1);
    while depth > 0 {
        match bytes.get(at..at + 2) {
            None => return Err("a comment isn't closed"),
            Some(b"/*") => (at, depth) = (at + 2, depth + 1),
            Some(b"*/") => (at, depth) = (at + 2, depth - 1),
            Some(_) => at += 1,
        }
    }
    Ok(at)
}

/// Whether a block comment holds another. `tokens` are those of the text, so that comments stand between them.
pub fn has_nested_comments(text: &str, tokens: &[Token]) -> bool {
    let starts = tokens.iter().map(|token| token.span.start).chain([text.len()]);
    let mut end = 0;
    for (index, start) in starts.enumerate() {
        let mut gap = &text[end..start];
        while let Some(at) = gap.find("--").into_iter().chain(gap.find("/*")).min() {
            let is_block = gap[at..].starts_with("/*");
            let rest = &gap[at + 2..];
            let closing = rest.find(if is_block { "*/" } else { "\n" }).unwrap_or(rest.len());
            if is_block && rest[..closing].contains("/*") {
                return true;
            }
            gap = &rest[(closing + 1).min(rest.len())..];
        }
        end = tokens.get(index).map_or(text.len(), |token| token.span.end);
    }
    false
}

fn end_of_literal(bytes: &[u8], start: usize) -> Result<usize, &'static str> {
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            None => return Err("a literal isn't closed"),
            Some(b'\\') => at += 2,
            Some(b'\'') if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            Some(b'\'') => return Ok(at + 1),
            Some(_) => at += 1,
        }
    }
}

fn end_of_quoted(bytes: &[u8], start: usize) -> Result<usize, &'static str> {
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            None => return Err("a quoted name isn't closed"),
            Some(b'"') if bytes.get(at + 1) == Some(&b'"') => at += 2,
            Some(b'"') => return Ok(at + 1),
            Some(_) => at += 1,
        }
    }
}

fn end_of_dollar(text: &str, start: usize) -> Option<usize> {
    let tag_end = start + 1 + text[start + 1..].find('$')?;
    let tag = &text[start..=tag_end];
    let inner = &tag[1..tag.len() - 1];
    if !inner.chars().all(|c| c.is_alphanumeric() || c == '_') || inner.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let body = tag_end + 1;
    text[body..].find(tag).map(|end| body + end + tag.len())
}

/// Where the statements of a message stand; empty ones are left out.
pub fn split(text: &str) -> Result<Vec<Range<usize>>, &'static str> {
    let tokens = read(text)?;
    let mut spans = Vec::new();
    let mut current: Option<Range<usize>> = None;
    for token in tokens {
        if token.is(";") {
            spans.extend(current.take());
        } else {
            let start = current.map_or(token.span.start, |span| span.start);
            current = Some(start..token.span.end);
        }
    }
    spans.extend(current);
    Ok(spans)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_backslash_keeps_a_literal_open() {
        let text = r"SELECT 'it\'s; one', 'two''s'; SELECT 2";
        let spans = split(text).unwrap();
        assert_eq!(
            spans.iter().map(|span| &text[span.clone()]).collect::<Vec<_>>(),
            [r"SELECT 'it\'s; one', 'two''s'", "SELECT 2"]
        );
        let tokens = read(r"'it\'s'").unwrap();
        assert_eq!(tokens[0].literal().unwrap(), "it's");
    }

    #[test]
    fn a_body_between_dollar_signs_is_one_token() {
        let tokens = read("AS $body$ BEGIN; $$ x $$; END $body$ LANGUAGE plpgsql").unwrap();
        assert_eq!(tokens.len(), 4);
        assert_eq!(tokens[1].kind, Kind::Dollar);
    }

    #[test]
    fn a_number_ends_where_a_word_begins() {
        let texts = |text| read(text).unwrap().into_iter().map(|token| token.text).collect::<Vec<_>>();
        assert_eq!(texts("1WHEN 2.5e-3 1e x 3."), ["1", "WHEN", "2.5e-3", "1", "E", "X", "3."]);
        assert_eq!(texts("$1.$23"), ["$1", ".", "$23"]);
    }

    #[test]
    fn what_is_not_closed_is_noticed() {
        assert!(read("SELECT 'a").is_err());
        assert!(read("SELECT \"a").is_err());
        assert!(read("SELECT /* a").is_err());
    }
}
