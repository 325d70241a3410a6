//! What is wrong with one user's profile, told to who wrote it.

use std::fmt;

use thiserror::Error;

/// What a text stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The user, as `current_user` gives it.
    User,
    /// A group.
    Group,
    /// The name of an attribute.
    AttributeName,
    /// One value of an attribute.
    AttributeValue,
}

impl Part {
    /// Most bytes that it may have: those of its column in `immuta_system.entitlement`.
    pub const fn most_bytes(self) -> usize {
        match self {
            Self::User => 128,
            Self::AttributeName => 256,
            Self::Group | Self::AttributeValue => 1024,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "the user's name",
            Self::Group => "the group",
            Self::AttributeName => "the attribute's name",
            Self::AttributeValue => "the attribute's value",
        })
    }
}

/// What is wrong with one text.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Fault {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// It doesn't fit into its column.
    #[error("has {bytes} bytes")]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// A character that isn't text.
    #[error("holds a control character ({})", code(*.0))]
    Control(char),
    /// A character that a reviewer doesn't see, or that turns around what stands beside it.
    #[error("holds a character that can't be seen ({})", code(*.0))]
    Invisible(char),
    /// What stands for a character that a conversion lost.
    #[error("holds U+FFFD, which stands for a character that got lost")]
    Lost,
    /// Redshift wouldn't tell it from the same text without.
    #[error("ends in a blank")]
    EndsInBlank,
    /// As of `a; b`.
    #[error("begins with a blank")]
    BeginsWithBlank,
}

impl Fault {
    fn instead(&self, part: Part) -> String {
        match self {
            Self::Empty if part == Part::User => {
                "write it as current_user gives it, prefix included, as in IAM:bob@example.com".to_owned()
            }
            Self::Empty => "write it, or leave it out with what separates it".to_owned(),
            Self::TooLong { .. } => format!("and {} is the most that it may have", part.most_bytes()),
            Self::Control(_) | Self::Invisible(_) => "take it out".to_owned(),
            Self::Lost => "export the data again, as UTF-8 all the way".to_owned(),
            Self::EndsInBlank | Self::BeginsWithBlank => {
                "write it without: nothing is trimmed, since names compare exactly".to_owned()
            }
        }
    }
}

/// As in `U+0009`.
fn code(character: char) -> String {
    let name = if character == '\0' { ", NUL" } else { "" };
    format!("U+{:04X}{name}", u32::from(character))
}

/// Why a user has no profile.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Flaw {
    /// Of a name or a value.
    #[error("{}", told(*.part, .text, .fault))]
    Text {
        /// What it stands for.
        part: Part,
        /// The text, for people: on one line, and cut.
        text: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// More rows than one user may have.
    #[error(
        "there are more than {most} groups and attribute values, the most that one user may have; leave out those that no \
         policy names"
    )]
    TooMany {
        /// How many there may be.
        most: usize,
    },
    /// What people read of it doesn't fit into its column.
    #[error(
        "the {what} have {bytes} bytes as JSON, and 65535 is the most that the warehouse takes; leave out those that no policy \
         names"
    )]
    TooMuch {
        /// `groups` or `attributes`.
        what: &'static str,
        /// How many bytes they have.
        bytes: usize,
    },
    /// Something between two `;` in a CSV file is missing.
    #[error("there is a `;` too many in {column} (`{text}`); write `a;b`, without one at the end")]
    EmptyItem {
        /// Name of the column.
        column: &'static str,
        /// What stands there, shown.
        text: String,
    },
    /// An attribute in a CSV file has no value.
    #[error(
        "the attribute `{item}` has no `=`; write name=value, as in region=EU (a value that holds `;` needs the format \
         JSONLines)"
    )]
    NoValue {
        /// What stands there, shown.
        item: String,
    },
    /// It can't be told where an attribute's name ends.
    #[error(
        "the attribute `{item}` has more than one `=`; separate attributes with `;`, or use the format JSONLines for what holds \
         a `=`"
    )]
    SeveralEquals {
        /// What stands there, shown.
        item: String,
    },
    /// A group that is an attribute, or can't be written in CSV.
    #[error(
        "the group `{item}` has a `=`; write attributes into the column `attributes`, or use the format JSONLines for a group \
         that holds a `=`"
    )]
    GroupWithEquals {
        /// What stands there, shown.
        item: String,
    },
}

fn told(part: Part, text: &str, fault: &Fault) -> String {
    let quoted = if text.is_empty() { String::new() } else { format!(" `{text}`") };
    let separator = if matches!(fault, Fault::TooLong { .. }) { "," } else { ";" };
    format!("{part}{quoted} {fault}{separator} {}", fault.instead(part))
}
