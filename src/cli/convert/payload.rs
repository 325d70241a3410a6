//! Reads what a payload says, attribute by attribute, and gathers what is to be said of it.

use secrecy::SecretString;

use super::attributes;
use crate::cli::input::{Content, Document, Mistake, Node, Place};
use crate::cli::schema::nearest;

/// What the API shows in place of what it doesn't tell.
const REDACTED: [&str; 2] = ["<REDACTED>", "REDACTED"];

/// How much something matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weight {
    /// Good to know.
    Note,
    /// Something is left to be done, or to be careful about.
    Warning,
}

/// What is said beside the manifests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Remark {
    pub weight: Weight,
    /// What, and of which place.
    pub about: Mistake,
    /// A command to copy.
    pub command: Option<String>,
}

/// What was found out about payloads.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// What must be corrected before anything is converted.
    pub mistakes: Vec<Mistake>,
    /// What else is said.
    pub remarks: Vec<Remark>,
}

/// Reads the attributes of one document.
pub struct Reader<'a> {
    pub document: &'a Document,
    pub findings: &'a mut Findings,
    /// Attributes that somebody meant to state, in full.
    pub misspelled: Vec<String>,
}

/// Something secret that a payload may state.
#[derive(Clone, Debug)]
pub enum Given {
    Value(SecretString),
    Redacted,
    Missing,
}

impl<'a> Reader<'a> {
    pub fn new(document: &'a Document, findings: &'a mut Findings) -> Self {
        Self { document, findings, misspelled: Vec::new() }
    }

    pub fn mistake(&mut self, place: Place, message: impl Into<String>) {
        self.findings.mistakes.push(self.document.mistake(place, message));
    }

    pub fn remark(&mut self, weight: Weight, place: Place, message: impl Into<String>) {
        let about = self.document.mistake(place, message);
        self.findings.remarks.push(Remark { weight, about, command: None });
    }

    /// Names what isn't known in a block; `ignored` are those that are spoken of elsewhere.
    pub fn refuse_unknown(&mut self, block: &Node, path: &str, known: &[&str], ignored: &[&str]) {
        for field in block.fields() {
            let name = field.name.as_str();
            if known.contains(&name) || ignored.contains(&name) {
                continue;
            }
            let is_off = |it: &Node| {
                it.fields().len() == 1 && it.at(&["enabled"]).is_some_and(|it| it.content == Content::Bool(false))
            };
            if attributes::is_of_others(name) && (field.value.content == Content::Null || is_off(&field.value)) {
                let message =
                    format!("`{name}` is switched off in the payload and isn't supported here: it is left out");
                self.remark(Weight::Note, field.place, message);
            } else {
                self.mistake(field.place, attributes::unknown(path, name));
                self.misspelled.extend(nearest(name, known.iter().copied()).map(|meant| full(path, meant)));
            }
        }
    }

    /// Whether something isn't stated, nor misspelled, of which people were told.
    pub fn is_missing(&self, block: &Node, path: &str, name: &str) -> bool {
        stated(block, name).is_none() && !self.misspelled.contains(&full(path, name))
    }

    /// A block within another.
    pub fn block<'n>(&mut self, block: &'n Node, path: &str, name: &str) -> Option<&'n Node> {
        let value = stated(block, name)?;
        if matches!(value.content, Content::Fields(_)) {
            return Some(value);
        }
        self.wrong_type(value, path, name, "it is a block with attributes of its own");
        None
    }

    /// A text that isn't empty.
    pub fn text(&mut self, block: &Node, path: &str, name: &str) -> Option<String> {
        let value = stated(block, name)?;
        match &value.content {
            Content::Text(text) if REDACTED.contains(&text.as_str()) => {
                let message = format!("`{}` isn't told by the API, but is needed; write its value", full(path, name));
                self.mistake(value.place, message);
                None
            }
            Content::Text(text) if text.is_empty() => {
                self.mistake(value.place, format!("`{}` is empty; write its value", full(path, name)));
                None
            }
            Content::Text(text) => Some(text.clone()),
            _ => {
                self.wrong_type(value, path, name, "write a text, in quotes");
                None
            }
        }
    }

    /// A text that must be there.
    pub fn needed_text(&mut self, block: &Node, path: &str, name: &str, such_as: &str) -> Option<String> {
        if self.is_missing(block, path, name) {
            let place = block.field(name).map_or(block.place, |field| field.place);
            self.mistake(place, format!("`{}` is missing; write {such_as}", full(path, name)));
        }
        self.text(block, path, name)
    }

    pub fn switch(&mut self, block: &Node, path: &str, name: &str) -> Option<bool> {
        let value = stated(block, name)?;
        if let Content::Bool(is_on) = value.content {
            return Some(is_on);
        }
        self.wrong_type(value, path, name, "write true or false, without quotes");
        None
    }

    pub fn port(&mut self, block: &Node, path: &str, name: &str) -> Option<u16> {
        let value = stated(block, name)?;
        let Content::Number(number) = &value.content else {
            self.wrong_type(value, path, name, "write a number, without quotes");
            return None;
        };
        let port = number.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
        if port.is_none() {
            self.mistake(value.place, format!("`{}` is no port; write a number from 1 to 65535", full(path, name)));
        }
        port
    }

    /// Something secret. No message has any of it.
    pub fn secret(&mut self, block: &Node, path: &str, name: &str) -> Given {
        let Some(value) = stated(block, name) else { return Given::Missing };
        match &value.content {
            Content::Text(text) if REDACTED.contains(&text.as_str()) => Given::Redacted,
            Content::Text(text) => Given::Value(SecretString::from(text.as_str())),
            _ => {
                self.wrong_type(value, path, name, "write a text, in quotes");
                Given::Missing
            }
        }
    }

    fn wrong_type(&mut self, value: &Node, path: &str, name: &str, write: &str) {
        let is = match value.content {
            Content::Null => "nothing",
            Content::Bool(_) => "true or false",
            Content::Number(_) => "a number",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Fields(_) => "a block",
        };
        self.mistake(value.place, format!("`{}` can't be {is}; {write}", full(path, name)));
    }
}

/// What stands under a name; what is `null` isn't stated.
pub fn stated<'n>(block: &'n Node, name: &str) -> Option<&'n Node> {
    block.field(name).map(|field| &field.value).filter(|value| value.content != Content::Null)
}

/// Name of an attribute with the blocks around it.
pub fn full(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
