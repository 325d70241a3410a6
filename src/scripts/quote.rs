//! The one quoting layer. Whatever comes from outside gets into a statement through here.

use thiserror::Error;

/// Longest name of an object, in bytes.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_names.html>
const LONGEST_NAME: usize = 127;

/// A value that can't be put into a statement.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum QuoteError {
    /// Redshift has no empty names.
    #[error("a name may not be empty")]
    EmptyName,
    /// Redshift cuts some names silently and refuses others.
    #[error("a name may have {LONGEST_NAME} bytes at most, this one has {0}")]
    LongName(usize),
    /// A character that Redshift doesn't allow in names.
    #[error("a name may not contain double quotes or control characters")]
    ForbiddenInName,
    /// A character that can't be sent in a message of the protocol.
    #[error("a text may not contain the character NUL")]
    ForbiddenInText,
}

/// Writes a name as a delimited identifier.
///
/// Always delimited, so that no name can be taken for a keyword. Redshift doesn't document the double
/// quote as part of a name; it is refused and not doubled.
pub fn quote_identifier(name: &str) -> Result<String, QuoteError> {
    if name.is_empty() {
        return Err(QuoteError::EmptyName);
    }
    if name.len() > LONGEST_NAME {
        return Err(QuoteError::LongName(name.len()));
    }
    if name.chars().any(|character| character == '"' || character.is_control()) {
        return Err(QuoteError::ForbiddenInName);
    }
    Ok(format!("\"{name}\""))
}

/// Writes a name into a statement that is printed for a person and never sent. Names of others' objects come
/// from the catalogue: whatever is in them, they stay one name when the statement is pasted.
#[must_use]
pub fn show_identifier(name: &str) -> String {
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Writes a text as a literal.
///
/// Both the quote and the backslash are doubled: the backslash escapes in Redshift's literals, and
/// there is no `E''` to say so.
pub fn quote_literal(text: &str) -> Result<String, QuoteError> {
    if text.contains('\0') {
        return Err(QuoteError::ForbiddenInText);
    }
    Ok(format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    /// Reads a literal as Redshift's scanner does, and returns what stands behind it.
    fn read_literal(text: &str) -> Option<(String, &str)> {
        let mut value = String::new();
        let mut rest = text.strip_prefix('\'')?.char_indices();
        let body = &text[1..];
        while let Some((at, character)) = rest.next() {
            match character {
                '\\' => value.push(rest.next()?.1),
                '\'' => match body[at + 1..].chars().next() {
                    Some('\'') => {
                        rest.next();
                        value.push('\'');
                    }
                    _ => return Some((value, &body[at + 1..])),
                },
                other => value.push(other),
            }
        }
        None
    }

    #[test]
    fn a_quote_behind_a_backslash_does_not_end_the_literal() {
        assert_eq!(quote_literal(r"a\' OR 1=1 --").unwrap(), r"'a\\'' OR 1=1 --'");
    }

    #[test]
    fn a_name_with_a_double_quote_is_refused() {
        assert_eq!(quote_identifier("a\"b"), Err(QuoteError::ForbiddenInName));
        assert_eq!(show_identifier("a\"; DROP\nb"), "\"a\"\"; DROPb\"");
        assert_eq!(quote_identifier(""), Err(QuoteError::EmptyName));
        assert_eq!(quote_identifier(&"ä".repeat(64)), Err(QuoteError::LongName(128)));
    }

    proptest! {
        #[test]
        fn a_literal_is_read_back_as_the_text_it_was_made_of(text in "[^\0]*") {
            let quoted = quote_literal(&text).unwrap();
            let (value, rest) = read_literal(&quoted).unwrap();
            prop_assert_eq!(value, text);
            prop_assert_eq!(rest, "");
        }

        #[test]
        fn an_identifier_holds_exactly_the_name(name in "[^\"\\p{Cc}]{1,31}") {
            let quoted = quote_identifier(&name).unwrap();
            prop_assert_eq!(&quoted[1..quoted.len() - 1], name.as_str());
            prop_assert!(!quoted[1..quoted.len() - 1].contains('"'));
        }
    }
}
