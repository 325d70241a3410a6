//! Texts for people, kept short: a status is read at a glance, and the API server refuses what is too long.

use crate::api::Remedy;

/// Longest message, in bytes. An event's note takes 1,024, and more than this nobody reads.
pub const LONGEST_MESSAGE: usize = 800;

/// Longest list in a message, in bytes.
const LONGEST_LIST: usize = 400;

/// Longest entry of a list, in bytes: two names of 127 bytes, and what they are.
const LONGEST_ENTRY: usize = 300;

/// Most remedies that a status lists.
const MOST_REMEDIES: usize = 24;

/// Longest command, in bytes. One that is longer is left out: half of it may do something else.
const LONGEST_COMMAND: usize = 1_024;

/// The entries, as many as have room, and how many more there are.
#[must_use]
pub fn list<T: AsRef<str>>(entries: impl IntoIterator<Item = T>) -> String {
    let mut entries = entries.into_iter();
    let mut text = String::new();
    while let Some(entry) = entries.next() {
        let entry = cut(entry.as_ref(), LONGEST_ENTRY);
        if !text.is_empty() && text.len() + entry.len() > LONGEST_LIST {
            return format!("{text} and {} more", entries.count() + 1);
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&entry);
    }
    text
}

/// A number of things, in words: `1 grant`, `300 grants`.
#[must_use]
pub fn count(number: usize, one: &str, several: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {several}") }
}

/// The text on one line, cut off where it is longer than so many bytes.
#[must_use]
pub fn cut(text: &str, bytes: usize) -> String {
    const CUT: char = '…';
    let line: String = text.chars().map(|character| if is_plain(character) { character } else { '\u{fffd}' }).collect();
    if line.len() <= bytes {
        return line;
    }
    let room = bytes.saturating_sub(CUT.len_utf8());
    let end = (0..=room).rev().find(|end| line.is_char_boundary(*end)).unwrap_or_default();
    format!("{}{CUT}", line[..end].trim_end())
}

/// The remedies, each on one line, and so many that a person can read them.
#[must_use]
pub fn remedies(remedies: &[Remedy]) -> Vec<Remedy> {
    let mut brief: Vec<_> = remedies.iter().take(MOST_REMEDIES).map(remedy).collect();
    if let Some(more) = remedies.len().checked_sub(MOST_REMEDIES).filter(|more| *more > 0) {
        brief.push(Remedy::new(format!("{more} more of this kind: they are listed once these are done")));
    }
    brief
}

fn remedy(remedy: &Remedy) -> Remedy {
    let description = cut(&remedy.description, LONGEST_MESSAGE);
    match &remedy.command {
        Some(command) if command.len() > LONGEST_COMMAND || !command.chars().all(is_plain) => Remedy::new(cut(
            &format!("{description} (the statement isn't shown: it is too long, or a name in it can't be shown)"),
            LONGEST_MESSAGE,
        )),
        command => Remedy { description, command: command.clone() },
    }
}

/// Whether all of a text shows as what it is, on one line.
#[must_use]
pub fn is_plain_text(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_plain)
}

/// Whether a character shows as what it is: neither does it end the line, nor turn what stands beside it around.
pub fn is_plain(character: char) -> bool {
    let turns_text =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends_line = matches!(character, '\u{2028}' | '\u{2029}');
    !character.is_control() && !turns_text && !ends_line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_says_how_many_more_there_are() {
        let tables: Vec<_> = (0..12_000).map(|n| format!("relation public.t{n}")).collect();
        let text = list(&tables);
        assert!(text.len() < LONGEST_LIST + 20, "{text}");
        let shown = text.matches("public.t").count();
        assert!(text.ends_with(&format!(" and {} more", tables.len() - shown)), "{text}");
        assert_eq!(list(["a", "b"]), "a, b");
        assert_eq!(list(Vec::<String>::new()), "");
    }

    #[test]
    fn what_would_end_a_line_or_turn_it_around_is_not_passed_on() {
        assert_eq!(cut("a\nb\u{202e}c\u{1b}[2J", 100), "a\u{fffd}b\u{fffd}c\u{fffd}[2J");
        let drop = Remedy::command("drop it", "DROP USER \"a\nb\"");
        assert_eq!(remedies(&[drop])[0].command, None);
    }

    #[test]
    fn remedies_are_counted_where_there_are_too_many() {
        let many: Vec<_> = (0..100).map(|n| Remedy::command("revoke it", format!("REVOKE {n}"))).collect();
        let brief = remedies(&many);
        assert_eq!(brief.len(), MOST_REMEDIES + 1);
        assert!(brief[MOST_REMEDIES].description.starts_with("76 more"), "{brief:?}");
    }

    proptest! {
        #[test]
        fn a_text_is_never_longer_than_it_may_be(text in ".*", bytes in 3_usize..200) {
            prop_assert!(cut(&text, bytes).len() <= bytes);
        }
    }
}
