//! JSON Lines: an object a line.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::error::Category;

use super::Draft;
use super::unreadable::FormFlaw;
use crate::lifecycle::brief;
use crate::policy::profiles::profile::Profile;

/// Longest quotation of the parser's words, in bytes: they quote what stands in the file.
const LONGEST_WORDS: usize = 120;

/// A line. Groups and attributes may be left out where there are none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    user: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    attributes: Attributes,
}

/// Names and values, each name once: of two the last would win elsewhere, and here nobody would know.
#[derive(Default)]
struct Attributes(Vec<(String, Vec<String>)>);

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Attributes;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of arrays, as in {\"region\":[\"EU\"]}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
                let mut names = std::collections::HashSet::new();
                let mut entries = Vec::new();
                while let Some((name, values)) = map.next_entry::<String, Vec<String>>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom(format_args!("the attribute `{name}` stands there twice")));
                    }
                    entries.push((name, values));
                }
                Ok(Attributes(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// One user's profile, from a line.
pub(super) fn draft(line: &str) -> Result<Draft, FormFlaw> {
    let line = line.trim_ascii();
    match line.as_bytes().first() {
        Some(b'{') => {}
        Some(b'[') => return Err(FormFlaw::Array),
        Some(b'<') => return Err(FormFlaw::Markup),
        _ if line.to_ascii_lowercase().starts_with("user,groups") => return Err(FormFlaw::LooksLikeCsv),
        _ => return Err(FormFlaw::NoObject { column: 1, words: "it begins with something else than `{`".to_owned() }),
    }
    let Object { user, groups, attributes } = serde_json::from_str(line).map_err(|error| flaw(&error))?;
    let profile = Profile::new(user.clone(), groups, attributes.0);
    Ok(Draft { user, profile })
}

fn flaw(error: &serde_json::Error) -> FormFlaw {
    let said = error.to_string();
    let column = error.column();
    let words = said.strip_suffix(&format!(" at line {} column {column}", error.line())).unwrap_or(&said);
    let words = brief::cut(words, LONGEST_WORDS);
    match error.classify() {
        Category::Eof => FormFlaw::OpenObject,
        Category::Data => FormFlaw::OtherForm { column, words },
        Category::Syntax | Category::Io => FormFlaw::NoObject { column, words },
    }
}
