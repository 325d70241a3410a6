//! What a source file names: its paths, spelt out, with their lines. What is built for tests alone doesn't count.

use std::fs;
use std::path::{Path, PathBuf};

/// A path or a keyword in a source file.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Named {
    /// From 1.
    pub line: usize,
    /// With `::`. Those of the crate begin with `crate`, also where the file writes `super`.
    pub path: String,
}

/// A piece of a source file.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Token {
    line: usize,
    text: String,
}

/// All source files in a folder, and in its folders.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            found.push(entry);
        }
    }
    found.sort();
    found
}

/// What a file names. `module`: where it stands in the crate, as in `lifecycle::plan`.
pub fn names(text: &str, module: &str) -> Vec<Named> {
    let tokens = without_tests(&tokens(text));
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_word = is_word(&tokens[at].text);
        if is_word && ["async", "await"].contains(&tokens[at].text.as_str()) {
            found.push(Named { line: tokens[at].line, path: tokens[at].text.clone() });
        }
        let begins_path = is_word && tokens.get(at + 1).is_some_and(|next| next.text == "::");
        at = if begins_path { path(&tokens, at, &[], &mut found) } else { at + 1 };
    }
    for named in &mut found {
        named.path = within_crate(&named.path, module);
    }
    found
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Reads a path, and all paths of a group; where it ends.
fn path(tokens: &[Token], mut at: usize, before: &[String], found: &mut Vec<Named>) -> usize {
    let mut segments = before.to_vec();
    let line = tokens[at].line;
    loop {
        segments.push(tokens[at].text.clone());
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
        match tokens.get(at).map(|token| token.text.as_str()) {
            Some("{") => return group(tokens, at + 1, &segments, found),
            Some(text) if is_word(text) => {}
            _ => break,
        }
    }
    // Itself, in a group.
    if segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    found.push(Named { line, path: segments.join("::") });
    at
}

fn group(tokens: &[Token], mut at: usize, before: &[String], found: &mut Vec<Named>) -> usize {
    while at < tokens.len() && tokens[at].text != "}" {
        match tokens[at].text.as_str() {
            "as" => at += 2,
            text if is_word(text) => at = path(tokens, at, before, found),
            "*" => {
                found.push(Named { line: tokens[at].line, path: before.join("::") });
                at += 1;
            }
            _ => at += 1,
        }
    }
    at + 1
}

/// A path from the root of the crate, where it is one of the crate's.
fn within_crate(path: &str, module: &str) -> String {
    let mut place: Vec<_> = module.split("::").filter(|name| !name.is_empty()).collect();
    let mut rest: Vec<_> = path.split("::").collect();
    if !["self", "super"].contains(&rest[0]) {
        return path.to_owned();
    }
    while let Some(first @ ("self" | "super")) = rest.first().copied() {
        if first == "super" {
            place.pop();
        }
        rest.remove(0);
    }
    [vec!["crate"], place, rest].concat().join("::")
}

/// Without the items behind `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let follows = tokens[at..].iter().map(|token| token.text.as_str()).take(MARK.len());
        if follows.eq(MARK) {
            at = end_of_item(tokens, at + MARK.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Behind the item that begins here, and behind its attributes.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0;
    let is_import = tokens.get(at).is_some_and(|token| token.text == "use");
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" if depth == 1 && !is_import => return at + 1,
            "}" | ")" | "]" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
        if depth < 0 {
            return at;
        }
        at += 1;
    }
    at
}

/// Words, `::` and single signs; neither comments nor what stands in quotes.
fn tokens(text: &str) -> Vec<Token> {
    let signs: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < signs.len() {
        let rest = &signs[at..];
        let length = length_of_quiet(rest).unwrap_or_else(|| {
            let word = rest.iter().take_while(|sign| sign.is_alphanumeric() || **sign == '_').count();
            let length = if rest.starts_with(&[':', ':']) { 2 } else { word.max(1) };
            tokens.push(Token { line, text: rest[..length].iter().collect() });
            length
        });
        line += rest[..length].iter().filter(|sign| **sign == '\n').count();
        at += length;
    }
    tokens
}

/// How long the comment, text, sign in quotes or blank is that begins here.
fn length_of_quiet(rest: &[char]) -> Option<usize> {
    let starts_with = |text: &str| text.chars().enumerate().all(|(at, sign)| rest.get(at) == Some(&sign));
    if rest[0].is_whitespace() {
        return Some(1);
    }
    if starts_with("//") {
        return Some(rest.iter().take_while(|sign| **sign != '\n').count());
    }
    if starts_with("/*") {
        let end = rest.windows(2).position(|pair| pair == ['*', '/']);
        return Some(end.map_or(rest.len(), |end| end + 2));
    }
    if starts_with("r#") || starts_with("r\"") {
        let marks = rest[1..].iter().take_while(|sign| **sign == '#').count();
        if rest.get(1 + marks) == Some(&'"') {
            let end: Vec<_> = std::iter::once('"').chain(std::iter::repeat_n('#', marks)).collect();
            let begin = 2 + marks;
            let found = rest[begin..].windows(end.len()).position(|window| window == end);
            return Some(found.map_or(rest.len(), |found| begin + found + end.len()));
        }
    }
    // A lifetime has no second quote.
    let is_sign = starts_with("'") && (rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\''));
    if rest[0] == '"' || is_sign {
        let mut at = 1;
        while at < rest.len() && rest[at] != rest[0] {
            at += if rest[at] == '\\' { 2 } else { 1 };
        }
        return Some((at + 1).min(rest.len()));
    }
    None
}
