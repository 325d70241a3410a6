//! Values in command lines that a person copies.

/// A value as one word of a command line: a database that was there before can have any name.
#[must_use]
pub fn word(value: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/_-.".contains(character);
    if !value.is_empty() && value.chars().all(is_plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

/// Makes a Secret; what is a secret in it stands as `…` in the place of a value.
#[must_use]
pub fn create_secret(namespace: Option<&str>, name: &str, values: &[(&str, &str)]) -> String {
    let namespace = namespace.map(|namespace| format!(" -n {}", word(namespace))).unwrap_or_default();
    let literals: Vec<_> = values.iter().map(|(key, value)| format!("--from-literal={key}={value}")).collect();
    format!("kubectl{namespace} create secret generic {} {}", word(name), literals.join(" "))
}

/// The value that a word stands for, where a command line that we have written goes on with it.
#[must_use]
pub fn read_word(command: &str) -> Option<String> {
    let Some(mut rest) = command.strip_prefix('\'') else {
        let word = command.split_whitespace().next()?;
        return command.starts_with(word).then(|| word.to_owned());
    };
    let mut value = String::new();
    loop {
        let (part, after) = rest.split_once('\'')?;
        value.push_str(part);
        let Some(more) = after.strip_prefix(r"\''") else { return Some(value) };
        value.push('\'');
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_word_is_read_as_it_was_written(value in ".*", after in "( .*)?") {
            prop_assert_eq!(read_word(&format!("{}{after}", word(&value))), Some(value));
        }
    }

    #[test]
    fn a_name_is_one_word_for_a_shell() {
        assert_eq!(word("immuta/5e1d0a7c93b24f68"), "immuta/5e1d0a7c93b24f68");
        assert_eq!(word("$(rm -rf ~)/1"), "'$(rm -rf ~)/1'");
        assert_eq!(word("it's/1"), r"'it'\''s/1'");
        assert_eq!(word(""), "''");
    }
}
