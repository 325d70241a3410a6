//! What was meant by a misspelled word.

use strsim::damerau_levenshtein;

/// The one that was meant, if it is near enough and no other is as near; or else the only one that goes on as it begins, or the
/// other way around.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<_> = known.into_iter().collect();
    let mut near: Vec<_> = known.iter().filter_map(|word| Some((distance(written, word)?, *word))).collect();
    near.sort_unstable();
    match near.as_slice() {
        [] => {
            let mut alike = known.into_iter().filter(|word| begin_alike(written, word));
            alike.next().filter(|_| alike.next().is_none())
        }
        [(first, _), (second, _), ..] if first == second => None,
        [(_, word), ..] => Some(word),
    }
}

/// Whether one is the beginning of the other, as `user` of `username`.
fn begin_alike(written: &str, word: &str) -> bool {
    const SHORTEST: usize = 4;
    let is_short = written.len() <= 2 * word.len() + 8;
    let (written, word) = (letters(written), letters(word));
    is_short && written.len().min(word.len()) >= SHORTEST && (written.starts_with(&word) || word.starts_with(&written))
}

/// Whether one word may be the other, misspelled.
pub fn is_near(written: &str, word: &str) -> bool {
    distance(written, word).is_some()
}

/// How many letters differ, at most a third of them; nothing counts that is only between words.
fn distance(written: &str, word: &str) -> Option<usize> {
    // The comparison takes the product of both lengths.
    if written.len() > 2 * word.len() + 8 {
        return None;
    }
    let (written, word) = (letters(written), letters(word));
    let distance = damerau_levenshtein(&written, &word);
    (distance <= word.chars().count() / 3).then_some(distance)
}

fn letters(word: &str) -> String {
    word.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_by_letters_that_differ_little() {
        let fields = ["host", "port", "database", "initialDatabase", "databaseMode"];
        for (written, meant) in [
            ("initialdatabase", "initialDatabase"),
            ("initialDatabse", "initialDatabase"),
            ("initial_database", "initialDatabase"),
            ("Host", "host"),
            ("hsot", "host"),
            ("databsae", "database"),
            ("database-mode", "databaseMode"),
            ("hostname", "host"),
            ("initial", "initialDatabase"),
        ] {
            assert_eq!(nearest(written, fields), Some(meant), "{written}");
        }
        for written in ["", "x", "password", "hp", "🦀", &"host".repeat(10_000)] {
            assert_eq!(nearest(written, fields), None, "{written}");
        }
        // Either could be meant.
        assert_eq!(nearest("post", ["post1", "post2"]), None);
    }
}
