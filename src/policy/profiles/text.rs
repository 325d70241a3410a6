//! What a name or a value may be, whoever wrote it.
//!
//! Everything compares exactly and case-sensitively, so nothing is trimmed, folded or normalized: a text is taken as it
//! stands or refused. Letters of all scripts are fine; what can't be seen is not, since a reviewer could take two names
//! for one.

use super::flaw::{Fault, Flaw, Part};
use crate::lifecycle::brief;

/// Longest quotation of what somebody wrote, in bytes.
const LONGEST_QUOTATION: usize = 80;

/// Checks a text for what it is to be.
pub(super) fn check(part: Part, text: &str) -> Result<(), Flaw> {
    let fault = fault(part, text);
    fault.map_or(Ok(()), |fault| Err(Flaw::Text { part, text: shown(text), fault }))
}

fn fault(part: Part, text: &str) -> Option<Fault> {
    if text.is_empty() {
        return Some(Fault::Empty);
    }
    if text.len() > part.most_bytes() {
        return Some(Fault::TooLong { bytes: text.len() });
    }
    if let Some(character) = text.chars().find(|character| !can_be_seen(*character)) {
        return Some(match character {
            '\u{fffd}' => Fault::Lost,
            character if character.is_control() => Fault::Control(character),
            character => Fault::Invisible(character),
        });
    }
    // Redshift ignores blanks at the end when it compares, and nobody sees them; at the beginning they come from `a; b`.
    if text.ends_with(char::is_whitespace) {
        return Some(Fault::EndsInBlank);
    }
    text.starts_with(char::is_whitespace).then_some(Fault::BeginsWithBlank)
}

/// Whether a character shows as what it is. The joiners (U+200C, U+200D) belong to the spelling of several languages, and
/// pass.
fn can_be_seen(character: char) -> bool {
    let has_no_width = matches!(character, '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    let is_tag = matches!(character, '\u{e0000}'..='\u{e007f}');
    let looks_like_a_blank = matches!(character, '\u{a0}' | '\u{2007}' | '\u{202f}');
    let is_lost = character == '\u{fffd}';
    brief::is_plain(character) && !has_no_width && !is_tag && !looks_like_a_blank && !is_lost
}

/// A text for people: on one line, cut, and with what can't be seen written out.
pub(super) fn shown(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        if can_be_seen(character) {
            line.push(character);
        } else {
            line.extend(character.escape_unicode());
        }
        if line.len() > LONGEST_QUOTATION {
            break;
        }
    }
    brief::cut(&line, LONGEST_QUOTATION)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn names_of_all_scripts_pass_as_they_are() {
        for name in [
            "bob",
            "IAM:bob@example.com",
            "IAMR:role",
            "Bob",
            "Müller",
            "営業部",
            "مهندسی",
            "می\u{200c}خواهم",
            "data owner",
            "a'b\"c\\d",
            "раура1",
            "👩\u{200d}💻",
            "e\u{301}",
        ] {
            assert_eq!(check(Part::User, name), Ok(()), "{name}");
        }
    }

    #[test]
    fn whatever_cannot_be_seen_is_refused_and_written_out() {
        for (name, said) in [
            ("a\0b", "the user's name `a\\u{0}b` holds a control character (U+0000, NUL)"),
            ("a\tb", "the user's name `a\\u{9}b` holds a control character (U+0009)"),
            ("a\u{85}b", "holds a control character (U+0085)"),
            ("a\u{202e}b", "`a\\u{202e}b` holds a character that can't be seen (U+202E)"),
            ("a\u{200b}", "`a\\u{200b}` holds a character that can't be seen (U+200B)"),
            ("\u{feff}a", "can't be seen (U+FEFF)"),
            ("a\u{a0}b", "can't be seen (U+00A0)"),
            ("a\u{e0041}", "can't be seen (U+E0041)"),
            ("M\u{fffd}ller", "`M\\u{fffd}ller` holds U+FFFD"),
            (" a", "begins with a blank"),
            ("a ", "ends in a blank"),
            ("a\u{3000}", "ends in a blank"),
            ("", "is empty"),
        ] {
            let told = check(Part::User, name).unwrap_err().to_string();
            assert!(told.contains(said), "{told}");
            assert!(brief::is_plain_text(&told), "{told}");
        }
    }

    #[test]
    fn limits_are_those_of_the_columns_in_bytes() {
        for (part, most) in
            [(Part::User, 128), (Part::Group, 1024), (Part::AttributeName, 256), (Part::AttributeValue, 1024)]
        {
            assert_eq!(check(part, &"é".repeat(most / 2)), Ok(()));
            let told = check(part, &"é".repeat(most / 2 + 1)).unwrap_err().to_string();
            assert!(told.contains(&format!("has {} bytes, and {most} is the most", most + 2)), "{told}");
            assert!(told.len() < 300, "{told}");
        }
    }
}
