//! What people write into a Secret in the place of a user and a password: told from the shape of it, in words that show
//! none of it.

use std::fmt;

use super::brief;

/// Which of the two it is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Field {
    /// The user.
    Username,
    /// The password.
    Password,
}

/// A likely mistake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mistake {
    /// Blanks or tabs around it.
    Blanks,
    /// The mark of UTF-8 that some editors write in front.
    ByteOrderMark,
    /// Quotes around it.
    Quotes,
    /// A document of AWS Secrets Manager, or another one.
    Json,
    /// A placeholder that nobody has filled in.
    Placeholder,
    /// Text that was encoded before Kubernetes encoded it.
    Base64,
    /// The form in which servers store it.
    Digest,
    /// Capitals, which Redshift folds where they aren't quoted.
    Capitals,
}

/// A likely mistake in one of the two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hint {
    /// In which.
    pub field: Field,
    /// Which one.
    pub mistake: Mistake,
}

impl fmt::Display for Hint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = match self.field {
            Field::Username => "username",
            Field::Password => "password",
        };
        write!(
            formatter,
            "`{field}` {}",
            match self.mistake {
                Mistake::Blanks => "begins or ends with a blank or a tab",
                Mistake::ByteOrderMark => "begins with a byte order mark, which some editors write",
                Mistake::Quotes => "stands in quotes",
                Mistake::Json => "is a JSON document: spec.config.credentialsSecretRef.format json reads it",
                Mistake::Placeholder => "is a placeholder that was not filled in",
                Mistake::Base64 => "looks encoded in base64 twice: give it as it is under `stringData`",
                Mistake::Digest => "is the md5 form in which servers store it: give the password itself",
                Mistake::Capitals =>
                    "has capitals: Redshift folds names of users unless they were quoted when they were made",
            }
        )
    }
}

/// The likely mistakes in a user and a password that a server has refused.
#[must_use]
pub fn hints(username: &str, password: &str) -> Vec<Hint> {
    let of = |field, text| mistake(text).map(|mistake| Hint { field, mistake });
    let of_name = || {
        let is_mixed = username.chars().any(char::is_uppercase) && !username.contains(':');
        is_mixed.then_some(Hint { field: Field::Username, mistake: Mistake::Capitals })
    };
    let is_digest = password
        .strip_prefix("md5")
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let of_password = if is_digest {
        Some(Hint { field: Field::Password, mistake: Mistake::Digest })
    } else {
        of(Field::Password, password)
    };
    of(Field::Username, username).or_else(of_name).into_iter().chain(of_password).collect()
}

fn mistake(text: &str) -> Option<Mistake> {
    let is_in = |quote: char| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if text.starts_with('\u{feff}') {
        Some(Mistake::ByteOrderMark)
    } else if text.trim() != text {
        Some(Mistake::Blanks)
    } else if is_in('"') || is_in('\'') {
        Some(Mistake::Quotes)
    } else if text.starts_with('{') && serde_json::from_str::<serde_json::Value>(text).is_ok() {
        Some(Mistake::Json)
    } else if text == "…" || text == "..." || is_template(text) {
        Some(Mistake::Placeholder)
    } else if is_base64_of_text(text) {
        Some(Mistake::Base64)
    } else {
        None
    }
}

fn is_template(text: &str) -> bool {
    [("${", "}"), ("{{", "}}"), ("<", ">"), ("$(", ")")].iter().any(|(open, close)| {
        text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(|inside| !inside.is_empty())
    })
}

/// Shortest text that is taken for base64: four letters are as well a name.
const SHORTEST: usize = 8;

fn is_base64_of_text(text: &str) -> bool {
    use base64::Engine;
    let decoded = base64::engine::general_purpose::STANDARD.decode(text);
    // Random letters give bytes that are no printable text.
    text.len() >= SHORTEST
        && decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok()).is_some_and(|decoded| {
            let line = decoded.trim_end_matches('\n');
            brief::is_plain_text(line) && line.is_ascii()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(username: &str, password: &str) -> Vec<Mistake> {
        hints(username, password).into_iter().map(|hint| hint.mistake).collect()
    }

    #[test]
    fn likely_mistakes_are_told_from_the_shape() {
        for (password, mistake) in [
            ("Abcd1234 ", Mistake::Blanks),
            ("\tAbcd1234", Mistake::Blanks),
            ("\u{feff}Abcd1234", Mistake::ByteOrderMark),
            ("\"Abcd1234\"", Mistake::Quotes),
            ("'Abcd1234'", Mistake::Quotes),
            (r#"{"username": "awsuser", "password": "Abcd1234"}"#, Mistake::Json),
            ("${REDSHIFT_PASSWORD}", Mistake::Placeholder),
            ("{{ .Values.password }}", Mistake::Placeholder),
            ("<password>", Mistake::Placeholder),
            ("…", Mistake::Placeholder),
            ("SHVudGVyMi1hbmQtbW9yZQ==", Mistake::Base64),
            ("md50123456789abcdef0123456789abcdef", Mistake::Digest),
        ] {
            assert_eq!(mistakes("awsuser", password), [mistake], "{password}");
        }
        assert_eq!(mistakes("AwsUser", "Abcd1234"), [Mistake::Capitals]);
        assert_eq!(mistakes(" awsuser", "Abcd1234"), [Mistake::Blanks]);
    }

    #[test]
    fn an_ordinary_user_and_password_get_no_hint() {
        for (user, password) in [
            ("awsuser", "Abcd1234"),
            ("IAM:Alice", "Abcd1234"),
            ("awsuser", "correct horse battery staple"),
            ("awsuser", "{Ab}3$x'"),
            ("awsuser", "Qm9vbVRhbmdv!"),
        ] {
            assert_eq!(hints(user, password), [], "{user} {password}");
        }
    }

    #[test]
    fn no_hint_shows_what_it_is_about() {
        let shown: String = hints("\"Canary-1\"", " Canary-2").iter().map(ToString::to_string).collect();
        assert!(!shown.contains("Canary"), "{shown}");
    }
}
