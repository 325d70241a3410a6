//! CSV, as strict as RFC 4180 writes it: a file that can be read in two ways could give somebody what is another's.

use std::sync::LazyLock;

use csv_core::{ReadRecordResult, Reader};
use regex::Regex;

use super::Draft;
use super::content::Line;
use super::unreadable::FormFlaw;
use crate::policy::profiles::flaw::Flaw;
use crate::policy::profiles::profile::Profile;
use crate::policy::profiles::text::shown;

/// The columns, as the header names them.
const NAMES: [&str; 3] = ["user", "groups", "attributes"];

/// Most fields that are told apart; a line with more is wrong in any case.
const MOST_FIELDS: usize = 32;

/// Which field is which column.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    user: usize,
    groups: usize,
    attributes: usize,
}

/// The columns that a header names.
pub(super) fn columns(header: Line<'_>) -> Result<Columns, FormFlaw> {
    if let Some(flaw) = other_format(header.text) {
        return Err(flaw);
    }
    let fields = fields(header)?;
    let place = |name: &str| fields.iter().position(|field| field == name);
    match NAMES.map(place) {
        [Some(user), Some(groups), Some(attributes)] if fields.len() == NAMES.len() => {
            Ok(Columns { user, groups, attributes })
        }
        _ => Err(wrong_header(header.text, &fields)),
    }
}

/// What a file is that isn't CSV at all, or not with commas.
fn other_format(header: &str) -> Option<FormFlaw> {
    let bare = header.trim();
    if bare.starts_with('<') {
        return Some(FormFlaw::Markup);
    }
    if bare.starts_with(['{', '[']) {
        return Some(FormFlaw::LooksLikeJson);
    }
    if bare.to_ascii_lowercase().starts_with("sep=") {
        return Some(FormFlaw::SeparatorLine);
    }
    let separators = [(';', "`;`"), ('\t', "tabs"), ('|', "`|`")];
    let separates = |separator: char| are_names(header.split(separator).map(|field| field.trim_matches('"')));
    separators.into_iter().find(|(separator, _)| separates(*separator)).map(|(_, name)| FormFlaw::Separator(name))
}

/// Whether these are the columns, in whichever spelling and order.
fn are_names<'a>(fields: impl Iterator<Item = &'a str>) -> bool {
    let mut found: Vec<_> = fields.map(|field| field.trim().to_ascii_lowercase()).collect();
    found.sort_unstable();
    found == ["attributes", "groups", "user"]
}

fn wrong_header(header: &str, fields: &[String]) -> FormFlaw {
    let is_name = |field: &String| NAMES.iter().any(|name| field.trim().eq_ignore_ascii_case(name));
    if are_names(fields.iter().map(String::as_str)) {
        FormFlaw::HeaderSpelling(shown(header))
    } else if fields.len() == NAMES.len() && !fields.iter().any(is_name) {
        FormFlaw::HeaderMissing(shown(header))
    } else {
        FormFlaw::Header(shown(header))
    }
}

/// One user's profile, from a line.
pub(super) fn draft(columns: Columns, line: Line<'_>) -> Result<Draft, FormFlaw> {
    let mut fields = fields(line)?;
    if fields.len() != NAMES.len() {
        let more = if fields.len() > MOST_FIELDS { "more than " } else { "" };
        let number = fields.len().min(MOST_FIELDS);
        let noun = if number == 1 { "field" } else { "fields" };
        return Err(FormFlaw::Fields(format!("{more}{number} {noun}")));
    }
    let user = std::mem::take(&mut fields[columns.user]);
    let profile = profile(&user, &fields[columns.groups], &fields[columns.attributes]);
    Ok(Draft { user, profile })
}

fn profile(user: &str, groups: &str, attributes: &str) -> Result<Profile, Flaw> {
    let groups = items("groups", groups)?;
    if let Some(group) = groups.iter().find(|group| group.contains('=')) {
        return Err(Flaw::GroupWithEquals { item: shown(group) });
    }
    let attributes = items("attributes", attributes)?.into_iter().map(attribute).collect::<Result<Vec<_>, _>>()?;
    Profile::new(user.to_owned(), groups.into_iter().map(str::to_owned), attributes)
}

/// What a field holds, divided at each `;`.
fn items<'a>(column: &'static str, field: &'a str) -> Result<Vec<&'a str>, Flaw> {
    if field.is_empty() {
        return Ok(Vec::new());
    }
    let items: Vec<_> = field.split(';').collect();
    if items.iter().any(|item| item.trim().is_empty()) {
        return Err(Flaw::EmptyItem { column, text: shown(field) });
    }
    Ok(items)
}

fn attribute(item: &str) -> Result<(String, Vec<String>), Flaw> {
    match item.split_once('=') {
        None => Err(Flaw::NoValue { item: shown(item) }),
        Some((_, value)) if value.contains('=') => Err(Flaw::SeveralEquals { item: shown(item) }),
        Some((name, value)) => Ok((name.to_owned(), vec![value.to_owned()])),
    }
}

/// The fields of a line; more than [`MOST_FIELDS`] where it has more. No name holds a line break, so that a quoted field
/// over several lines is one whose closing quote is missing.
fn fields(line: Line<'_>) -> Result<Vec<String>, FormFlaw> {
    /// RFC 4180's grammar of a record.
    static RECORD: LazyLock<Regex> = LazyLock::new(|| {
        let field = r#"(?:"(?:[^"]|"")*"|[^",]*)"#;
        Regex::new(&format!("^{field}(?:,{field})*$")).expect("it is an expression")
    });
    let Line { text, is_ended } = line;
    if text.contains('\r') {
        return Err(FormFlaw::CarriageReturn);
    }
    if text.contains('"') && !RECORD.is_match(text) {
        let is_open = text.matches('"').count() % 2 == 1;
        return Err(if is_open { FormFlaw::OpenQuote } else { FormFlaw::StrayQuote });
    }
    if !is_ended {
        return Err(FormFlaw::CutOff);
    }
    let mut unquoted = vec![0; text.len() + 1];
    let mut ends = [0; MOST_FIELDS + 1];
    let mut reader = Reader::new();
    let (mut written, mut ended) = (0, 0);
    // The line break before it, which is passed over, keeps the reader from taking off a byte order mark within a file: it
    // would be part of a name. The end behind it ends the last field.
    for input in [b"\n".as_slice(), text.as_bytes(), b""] {
        let (result, _, bytes, fields) = reader.read_record(input, &mut unquoted[written..], &mut ends[ended..]);
        (written, ended) = (written + bytes, ended + fields);
        if matches!(result, ReadRecordResult::OutputEndsFull) {
            break;
        }
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let pieces = starts.zip(&ends[..ended]).map(|(start, end)| &unquoted[start..*end]);
    pieces.map(|piece| std::str::from_utf8(piece).map(str::to_owned).map_err(|_| FormFlaw::NotUtf8)).collect()
}
