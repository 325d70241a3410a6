//! Reads patterns.

use super::{Place, commands};

/// A part of a pattern.
#[derive(Debug)]
pub(super) enum Item {
    /// A word or symbol that stands for itself.
    Word(&'static str),
    /// A place to be filled.
    Place { label: &'static str, place: Place, is_list: bool },
    /// A sequence that several patterns have.
    Shared { label: &'static str, items: &'static [Item] },
    /// One of several sequences.
    Choice { label: &'static str, options: Vec<Vec<Item>>, may_be_left_out: bool, is_repeated: bool },
}

/// A pattern, ready for use. Patterns are written in this crate, so a wrong one is a wrong program.
pub(super) fn read(pattern: &'static str) -> Vec<Item> {
    let mut reader = Reader { rest: pattern };
    let mut options = reader.options();
    assert!(reader.rest.is_empty() && options.len() == 1, "a wrong pattern: {pattern}");
    options.remove(0)
}

struct Reader {
    rest: &'static str,
}

impl Reader {
    /// Sequences with `|` in between, up to what closes them.
    fn options(&mut self) -> Vec<Vec<Item>> {
        let mut options = vec![Vec::new()];
        loop {
            self.rest = self.rest.trim_start();
            let Some(first) = self.rest.chars().next() else { return options };
            match first {
                ']' | '}' => return options,
                '|' => {
                    self.take(1);
                    options.push(Vec::new());
                }
                _ => {
                    let item = self.item(first);
                    if let Some(last) = options.last_mut() {
                        last.push(item);
                    }
                }
            }
        }
    }

    fn take(&mut self, length: usize) -> &'static str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn item(&mut self, first: char) -> Item {
        match first {
            '[' | '{' => self.choice(""),
            '<' => {
                let length = self.rest.find('>').unwrap_or(self.rest.len() - 1) + 1;
                place(self.take(length))
            }
            first if first.is_ascii_alphanumeric() || first == '_' => {
                let length =
                    self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
                let word = self.take(length);
                // A label stands right before what it is for.
                if self.rest.starts_with(['[', '{']) { self.choice(word) } else { Item::Word(word) }
            }
            _ => Item::Word(self.take(first.len_utf8())),
        }
    }

    fn choice(&mut self, label: &'static str) -> Item {
        let may_be_left_out = self.take(1) == "[";
        let options = self.options();
        let closing = self.take(1);
        assert_eq!(closing, if may_be_left_out { "]" } else { "}" }, "a wrong pattern, before {:?}", self.rest);
        let is_repeated = self.rest.starts_with('*');
        if is_repeated {
            self.take(1);
        }
        Item::Choice { label, options, may_be_left_out: may_be_left_out || is_repeated, is_repeated }
    }
}

/// `<label:place,>`; without a label it is called as the place is.
fn place(text: &'static str) -> Item {
    let inside = text.trim_matches(['<', '>']);
    let is_list = inside.ends_with(',');
    let inside = inside.trim_end_matches(',');
    let (label, kind) = inside.split_once(':').unwrap_or((inside, inside));
    let place = match kind {
        // A user's, group's or role's name keeps its case, so it is told from others.
        "name" | "user" => Place::Name,
        "object" => Place::Object,
        "word" => Place::Word,
        "text" => Place::Text,
        "number" => Place::Number,
        "parameter" => Place::Parameter,
        "value" => Place::Value,
        "block" => Place::Block,
        "columns" => Place::Columns,
        "type" => Place::Type,
        "expression" => Place::Expression,
        "body" => Place::Body,
        "rest" => Place::Rest,
        shared => return Item::Shared { label, items: commands::shared(shared) },
    };
    Item::Place { label, place, is_list }
}
