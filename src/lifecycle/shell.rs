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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_for_a_shell() {
        assert_eq!(word("immuta/5e1d0a7c93b24f68"), "immuta/5e1d0a7c93b24f68");
        assert_eq!(word("$(rm -rf ~)/1"), "'$(rm -rf ~)/1'");
        assert_eq!(word("it's/1"), r"'it'\''s/1'");
        assert_eq!(word(""), "''");
    }
}
