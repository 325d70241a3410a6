//! A person's word, given in an annotation as a message asks for it.

use super::brief;

/// Longest part of an annotation that is quoted, in bytes.
const LONGEST_QUOTATION: usize = 100;

/// Whether a value is the one that was asked for. What came along when it was copied is harmless: blanks, quotes, the
/// full stop behind it, capitals in the part behind the last slash, which is hexadecimal.
#[must_use]
pub fn fits(given: &str, asked: &str) -> bool {
    let halves = |text: &str| {
        let (place, digits) = text.rsplit_once('/').unwrap_or(("", text));
        (place.to_owned(), digits.to_ascii_lowercase())
    };
    halves(trim(given)) == halves(asked)
}

/// What is said of a value that doesn't fit.
#[must_use]
pub fn does_not_fit(annotation: &str, given: &str) -> String {
    format!("the annotation {annotation} is `{}`, which doesn't fit", brief::cut(trim(given), LONGEST_QUOTATION))
}

fn trim(given: &str) -> &str {
    let is_around = |character: char| character.is_whitespace() || "\"'`.,;:".contains(character);
    given.trim_matches(is_around)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = "immuta/5e1d0a7c93b24f68";

    #[test]
    fn what_came_along_when_it_was_copied_is_harmless() {
        for given in [
            "immuta/5e1d0a7c93b24f68",
            "immuta/5e1d0a7c93b24f68.",
            " \"immuta/5e1d0a7c93b24f68\"\n",
            "`immuta/5e1d0a7c93b24f68`;",
            "immuta/5E1D0A7C93B24F68",
        ] {
            assert!(fits(given, ASKED), "{given}");
        }
    }

    #[test]
    fn a_value_for_something_else_does_not_fit() {
        for given in
            ["", "5e1d0a7c93b24f68", "Immuta/5e1d0a7c93b24f68", "immuta/5e1d0a7c93b24f6", "other/5e1d0a7c93b24f68"]
        {
            assert!(!fits(given, ASKED), "{given}");
        }
    }
}
