//! Many users' profiles from one file.
//!
//! Two kinds of mistakes are kept apart. Where a record's form is whole and its content isn't fit, one user has no profile
//! ([`Refused`]). Where the form is broken, it can't be told whose profile is meant, or what else was swallowed: then the
//! file counts for nothing ([`Unreadable`]), and nobody loses or gets anything by it.
//!
//! CSV: RFC 4180 with the columns `user`, `groups` and `attributes`, in any order; groups as `a;b`, attributes as
//! `region=EU;region=US`. UTF-8, with or without a byte order mark. What holds `;` or `=` can't be written in it. The last line
//! ends in a line break too, which the RFC leaves open: an export that was cut off could otherwise put somebody into the group
//! `fraud` who is in `fraud-readers`.
//!
//! JSON Lines: an object a line, `{"user":"bob","groups":["a"],"attributes":{"region":["EU"]}}`. Groups and attributes may be left
//! out.

mod content;
mod csv;
mod json_lines;
#[cfg(test)]
mod tests;
mod unreadable;

pub use content::{LONGEST_CONTENT, LONGEST_LINE};
pub use unreadable::{FormFlaw, Unreadable};

use super::flaw::{Flaw, Part};
use super::profile::Profile;
use super::text;
use crate::api::ProfileFormat;
use content::Lines;
use csv::Columns;

/// A record that gives nobody a profile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// Whose profile it would have been, exactly; `None` where what stands there can't be anybody's name.
    pub user: Option<String>,
    /// What stands there as the user's name, for people: on one line, cut, with what can't be seen written out.
    pub shown: String,
    /// The line, from 1.
    pub line: u64,
    /// Why.
    pub reason: Flaw,
}

/// What a record says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The line it stands in, from 1.
    pub line: u64,
    /// One user's profile, or why it is none.
    pub profile: Result<Profile, Refused>,
}

impl Record {
    /// Whom it names, if that can be anybody's name. One who is named by a record that is refused is named.
    pub fn user(&self) -> Option<&str> {
        match &self.profile {
            Ok(profile) => Some(profile.user()),
            Err(refused) => refused.user.as_deref(),
        }
    }
}

/// Reads a file's records, one after the other: what was read isn't kept. Content is decompressed if the name ends in
/// `.gz`.
///
/// The first error is the last that is read, and it takes back whatever was read before: the checksum of a compressed
/// file, for example, stands at its end. A file without any record names nobody, and is no error.
pub fn read<'a>(format: ProfileFormat, file: &str, content: &'a [u8]) -> Records<'a> {
    Records { format, file: text::shown(file), lines: Some(Lines::new(file, content)), columns: None }
}

/// The records of a file.
pub struct Records<'a> {
    format: ProfileFormat,
    file: String,
    /// `None` at the end.
    lines: Option<Result<Lines<'a>, FormFlaw>>,
    /// Where what stands, once the header of a CSV file was read.
    columns: Option<Columns>,
}

/// What a record says, and whose it would be.
struct Draft {
    user: String,
    profile: Result<Profile, Flaw>,
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut lines = match self.lines.take()? {
            Ok(lines) => lines,
            Err(reason) => return Some(Err(self.unreadable(0, reason))),
        };
        let draft = match self.format {
            ProfileFormat::Csv => self.next_of_csv(&mut lines),
            ProfileFormat::JsonLines => next_of_json_lines(&mut lines),
        };
        let line = lines.number();
        match draft {
            Ok(None) => None,
            Ok(Some(Draft { user, profile })) => {
                self.lines = Some(Ok(lines));
                Some(Ok(Record { line, profile: profile.map_err(|reason| refused(user, line, reason)) }))
            }
            Err(reason) => Some(Err(self.unreadable(line, reason))),
        }
    }
}

impl Records<'_> {
    fn next_of_csv(&mut self, lines: &mut Lines<'_>) -> Result<Option<Draft>, FormFlaw> {
        let columns = match self.columns {
            Some(columns) => columns,
            None => csv::columns(lines.next()?.ok_or(FormFlaw::EmptyCsv)?)?,
        };
        self.columns = Some(columns);
        lines.next()?.map(|line| csv::draft(columns, line)).transpose()
    }

    fn unreadable(&self, line: u64, reason: FormFlaw) -> Unreadable {
        let line = Some(line).filter(|_| reason.is_of_a_line());
        Unreadable { file: self.file.clone(), line, reason }
    }
}

fn next_of_json_lines(lines: &mut Lines<'_>) -> Result<Option<Draft>, FormFlaw> {
    let draft = lines.next()?.map(|line| json_lines::draft(line.text)).transpose()?;
    if draft.is_none() && lines.had_none() { Err(FormFlaw::EmptyJsonLines) } else { Ok(draft) }
}

fn refused(user: String, line: u64, reason: Flaw) -> Refused {
    let shown = text::shown(&user);
    Refused { user: text::check(Part::User, &user).is_ok().then_some(user), shown, line, reason }
}
