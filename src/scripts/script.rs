//! Reading the `.sql` files and putting values into them.
//!
//! The files are plain SQL with comments. Three kinds of comment mean something:
//! `--= section`, `--! statement`, and `--? fact` right behind a statement's name, which leaves the
//! statement out unless that fact holds. `{{name}}` stands for a value.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::{ObjectName, QuoteError, Statement, quote_identifier, quote_literal};

/// What a statement's presence may depend on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fact {
    /// The account that sets things up is a superuser.
    Superuser,
    /// It isn't, but has the privileges that are needed.
    LesserAdmin,
    /// The managed database is created, and is the integration's alone.
    CreateMode,
    /// The member of a role is a user.
    MemberIsUser,
    /// The member of a role is a user who may grant it to others.
    MemberIsAdministrator,
    /// The member of a role is a role.
    MemberIsRole,
    /// Who gets or loses something is a group.
    MemberIsGroup,
    /// Who gets or loses something is everybody.
    MemberIsPublic,
}

impl Fact {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "superuser" => Self::Superuser,
            "lesser-admin" => Self::LesserAdmin,
            "create" => Self::CreateMode,
            "user" => Self::MemberIsUser,
            "administrator" => Self::MemberIsAdministrator,
            "role" => Self::MemberIsRole,
            "group" => Self::MemberIsGroup,
            "public" => Self::MemberIsPublic,
            _ => return None,
        })
    }
}

/// Why a section can't be rendered. Every one of them is a mistake in this program or an impossible
/// value, and is found before anything is sent.
#[derive(Debug, Error)]
pub enum RenderError {
    /// A statement asks for a value that wasn't given.
    #[error("the statement {statement} needs a value for {parameter}, and none was given")]
    MissingParameter {
        /// Name of the statement.
        statement: &'static str,
        /// Name of the value.
        parameter: String,
    },
    /// A value can't be put into SQL.
    #[error("the value of {parameter} can't be used in the statement {statement}")]
    Quote {
        /// Name of the statement.
        statement: &'static str,
        /// Name of the value.
        parameter: String,
        /// Why not.
        source: QuoteError,
    },
}

#[derive(Clone, Debug)]
enum Value {
    Identifier(String),
    Literal(String),
    Secret(SecretString),
    Integer(i64),
    Fragment(Fragment),
}

/// SQL that was put together from quoted parts: what has no fixed number of values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fragment(String);

impl Fragment {
    /// Of SQL whose values went through the quoting layer.
    #[must_use]
    pub fn new(sql: String) -> Self {
        Self(sql)
    }

    /// A list of literals.
    ///
    /// # Errors
    ///
    /// If one of them can't stand in SQL.
    pub fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, QuoteError> {
        let literals: Vec<_> = texts.into_iter().map(quote_literal).collect::<Result<_, _>>()?;
        Ok(Self(literals.join(", ")))
    }

    /// The SQL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The values of one rendering, by the names that stand in the files.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    values: BTreeMap<&'static str, Value>,
    facts: Vec<Fact>,
}

impl Parameters {
    /// No values yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the name of an object that the operator creates.
    #[must_use]
    pub fn object(self, name: &'static str, value: &ObjectName) -> Self {
        self.identifier(name, value.as_str())
    }

    /// Adds the name of something that was there before.
    #[must_use]
    pub fn identifier(mut self, name: &'static str, value: &str) -> Self {
        self.values.insert(name, Value::Identifier(value.to_owned()));
        self
    }

    /// Adds a text.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: &str) -> Self {
        self.values.insert(name, Value::Literal(value.to_owned()));
        self
    }

    /// Adds a text that may not show anywhere.
    #[must_use]
    pub fn secret(mut self, name: &'static str, value: SecretString) -> Self {
        self.values.insert(name, Value::Secret(value));
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn integer(mut self, name: &'static str, value: i64) -> Self {
        self.values.insert(name, Value::Integer(value));
        self
    }

    /// SQL that was put together from quoted parts.
    #[must_use]
    pub fn fragment(mut self, name: &'static str, value: Fragment) -> Self {
        self.values.insert(name, Value::Fragment(value));
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }
}

#[derive(Debug)]
struct Template {
    section: &'static str,
    name: &'static str,
    only_if: Option<Fact>,
    comment: String,
    text: String,
}

/// One `.sql` file, taken apart.
#[derive(Debug)]
pub(super) struct Script {
    templates: Vec<Template>,
}

impl Script {
    /// Takes a file apart.
    ///
    /// # Panics
    /// If the file doesn't have the form described above: the files are part of the program, and a
    /// test reads them all.
    pub(super) fn parse(source: &'static str) -> Self {
        let mut section = None;
        let mut templates: Vec<Template> = Vec::new();
        for line in source.lines() {
            if let Some(name) = line.strip_prefix("--= ") {
                section = Some(name.trim());
            } else if let Some(name) = line.strip_prefix("--! ") {
                let section = section.expect("a statement stands in a section");
                templates.push(Template {
                    section,
                    name: name.trim(),
                    only_if: None,
                    comment: String::new(),
                    text: String::new(),
                });
            } else if let Some(fact) = line.strip_prefix("--? ") {
                let template = templates.last_mut().expect("a fact stands behind a statement's name");
                template.only_if = Some(Fact::named(fact.trim()).expect("a fact has one of the names above"));
            } else if let Some(template) = templates.last_mut() {
                let is_comment = line.starts_with("--");
                let is_about_it = template.text.is_empty();
                match (is_comment, is_about_it) {
                    (false, _) => template.text.extend([line, "\n"]),
                    (true, true) => template.comment.extend([line, "\n"]),
                    // About what follows.
                    (true, false) => {}
                }
            }
        }
        for template in &mut templates {
            let text = template.text.trim();
            let text = text.strip_suffix(';').expect("a statement ends with a semicolon");
            // The body of a procedure is one literal, whatever stands in it.
            let outside_of_bodies: String = text.split("$$").step_by(2).collect();
            assert!(!outside_of_bodies.contains(';'), "{} is one statement", template.name);
            template.text = text.to_owned();
        }
        Self { templates }
    }

    /// The statements of one section, with all values in them.
    pub(super) fn render(&self, section: &str, parameters: &Parameters) -> Result<Vec<Statement>, RenderError> {
        self.templates
            .iter()
            .filter(|template| template.section == section)
            .filter(|template| template.only_if.is_none_or(|fact| parameters.facts.contains(&fact)))
            .map(|template| template.render(parameters))
            .collect()
    }

    /// One statement, with all values in it.
    ///
    /// # Panics
    /// If the file doesn't hold it: the names are checked when the program is compiled.
    pub(super) fn render_one(&self, name: &str, parameters: &Parameters) -> Result<Statement, RenderError> {
        let template = self.templates.iter().find(|template| template.name == name);
        template.expect("the file holds the statement").render(parameters)
    }

    #[cfg(test)]
    pub(super) fn sections(&self) -> Vec<&'static str> {
        let mut sections: Vec<_> = self.templates.iter().map(|template| template.section).collect();
        sections.dedup();
        sections
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.templates.iter().map(|template| template.name).collect()
    }
}

impl Template {
    fn render(&self, parameters: &Parameters) -> Result<Statement, RenderError> {
        let mut text = String::new();
        let mut secrets = Vec::new();
        let mut rest = self.text.as_str();
        while let Some((before, placeholder_on)) = rest.split_once("{{") {
            let (name, after) = placeholder_on.split_once("}}").expect("a placeholder ends with }}");
            text.push_str(before);
            let value = parameters
                .values
                .get(name)
                .ok_or_else(|| RenderError::MissingParameter { statement: self.name, parameter: name.to_owned() })?;
            let quoted = match value {
                Value::Identifier(value) => quote_identifier(value),
                Value::Literal(value) => quote_literal(value),
                Value::Secret(value) => {
                    secrets.push(value.clone());
                    quote_literal(value.expose_secret())
                }
                Value::Integer(value) => Ok(value.to_string()),
                Value::Fragment(Fragment(sql)) => Ok(sql.clone()),
            };
            text.push_str(&quoted.map_err(|source| RenderError::Quote {
                statement: self.name,
                parameter: name.to_owned(),
                source,
            })?);
            rest = after;
        }
        text.push_str(rest);
        Ok(Statement::new(self.name, text, secrets).with_comment(&self.comment))
    }
}
