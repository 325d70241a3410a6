//! What others say, before it is passed on: a server's words may quote what came out of a Secret.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Longest text that is passed on, in characters: it stands in a status beside others.
const LONGEST: usize = 300;

/// So many characters in a row of something confidential are taken as a quotation: servers cut names off, and fold
/// capitals.
const FRAGMENT: usize = 8;

/// Stands for a text that isn't passed on.
const WITHHELD: &str = "its words are not shown, since they quote what is in the Secret";

/// A text of somebody else's that quotes nothing confidential: on one line, and bounded. There is no other way to make
/// one than [`Confidential::pass_on`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Words(Option<String>);

impl fmt::Display for Words {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_deref().unwrap_or(WITHHELD))
    }
}

impl Words {
    /// The words behind a colon; nothing where there are none, or they are withheld.
    pub(crate) fn behind_a_colon(&self) -> String {
        self.0.as_ref().filter(|words| !words.is_empty()).map(|words| format!(": {words}")).unwrap_or_default()
    }
}

/// What may show in nobody's words.
#[derive(Clone, Debug, Default)]
pub struct Confidential(Vec<SecretString>);

impl Confidential {
    /// These.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        Self(secrets.into_iter().collect())
    }

    /// These too.
    #[must_use]
    pub fn with(&self, more: &[SecretString]) -> Self {
        Self([self.0.as_slice(), more].concat())
    }

    /// The text, unless it quotes any of it. Then there is nothing of it left: what stands around a quotation would
    /// tell its length and place.
    #[must_use]
    pub fn pass_on(&self, text: &str) -> Words {
        self.pass_on_in_short(text, text)
    }

    /// `short`, which is made of the text, unless the text quotes any of it.
    #[must_use]
    pub fn pass_on_in_short(&self, text: &str, short: &str) -> Words {
        let folded = fold(text);
        if self.0.iter().any(|secret| quotes(&folded, &fold(secret.expose_secret()))) {
            return Words(None);
        }
        let line = |character: char| if character.is_control() { ' ' } else { character };
        let mut passed: String = short.chars().take(LONGEST).map(line).collect();
        if short.chars().nth(LONGEST).is_some() {
            passed.push('…');
        }
        Words(Some(passed))
    }
}

/// In small letters, each for itself: what stands beside one may not matter.
fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Whether a text holds all of a secret, or a good part of it.
fn quotes(text: &str, secret: &str) -> bool {
    let starts: Vec<_> = secret.char_indices().map(|(at, _)| at).chain([secret.len()]).collect();
    let length = FRAGMENT.min(starts.len() - 1);
    length > 0 && starts.windows(length + 1).any(|window| text.contains(&secret[window[0]..window[length]]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn confidential(secret: &str) -> Confidential {
        Confidential::new([SecretString::from(secret)])
    }

    #[test]
    fn a_text_that_quotes_a_secret_is_withheld_whole_also_if_it_is_cut_or_folded() {
        let secret = "Correct-Horse-Battery-Staple-2024-and-then-some-more-of-it-to-be-cut-off";
        for quoted in
            [secret, &secret.to_lowercase(), &secret.to_uppercase(), &secret[..63], &secret[..8], &secret[20..]]
        {
            let words = confidential(secret).pass_on(&format!("password authentication failed for user \"{quoted}\""));
            assert_eq!(words.to_string(), WITHHELD);
        }
        assert_eq!(confidential("x1").pass_on("user x1 is unknown").to_string(), WITHHELD);
        assert_eq!(confidential("Grün").pass_on("user GRÜN is unknown").to_string(), WITHHELD);
    }

    #[test]
    fn any_other_text_is_passed_on_in_one_line_and_bounded() {
        let passed = confidential("Correct-Horse").pass_on("database \"x\" does not exist\n\tat\0 all");
        assert_eq!(passed.to_string(), "database \"x\" does not exist  at  all");
        assert_eq!(confidential("").pass_on("all is well").to_string(), "all is well");
        let in_short =
            confidential("abcdef-123456-ghijkl").pass_on_in_short("x abcdef-123456-ghijkl", "x abcdef-…-ghijkl");
        assert_eq!(in_short.to_string(), WITHHELD);
        let long = Confidential::default().pass_on(&"é".repeat(100_000));
        assert_eq!(long.to_string().chars().count(), LONGEST + 1);
    }

    proptest! {
        #[test]
        fn no_secret_passes_wherever_it_stands(before in ".*", secret in ".{1,80}", behind in ".*") {
            let passed = confidential(&secret).pass_on(&format!("{before}{secret}{behind}"));
            prop_assert_eq!(passed.to_string(), WITHHELD);
        }
    }
}
