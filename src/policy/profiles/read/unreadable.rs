//! Why a whole file counts for nothing, told to who wrote it.

use std::fmt;

use thiserror::Error;

/// A file that counts for nothing. As in `hr.csv, line 3: …`.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub struct Unreadable {
    /// The file's name, for people.
    pub file: String,
    /// The line, from 1, where it is one line's.
    pub line: Option<u64>,
    /// Why.
    pub reason: FormFlaw,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, reason } = self;
        match line {
            Some(line) => write!(formatter, "{file}, line {line}: {reason}"),
            None => write!(formatter, "{file}: {reason}"),
        }
    }
}

/// What is wrong with a file's form. What of it is quoted was made fit for a line.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum FormFlaw {
    /// Nothing, or blank lines alone.
    #[error("it is empty; its first line is to be `user,groups,attributes`, also where it names nobody")]
    EmptyCsv,
    /// The same. Nothing says that this was meant.
    #[error(
        "it is empty, which an export that failed is too; if it is to name nobody, take the file out, or write it as CSV with \
         a header alone"
    )]
    EmptyJsonLines,
    /// Named `.gz`, and not compressed.
    #[error("its name ends in .gz and its content isn't compressed with gzip; name it without .gz, or compress it")]
    NotGzip,
    /// Compressed, and not named so.
    #[error("its content is compressed with gzip; give it a name that ends in .gz")]
    Gzip,
    /// The end is missing.
    #[error("the compressed content ends too early; compress it and put it there again, whole")]
    GzipCutOff,
    /// Something in it is wrong.
    #[error("the compressed content is damaged, or something stands behind it; compress it and put it there again")]
    GzipBroken,
    /// Larger than anybody's users.
    #[error("it has more than 64 MiB, decompressed; divide it into several files")]
    TooLarge,
    /// Longer than anybody's profile.
    #[error("the line has more than 1 MiB, and no profile is that long; a line break may be missing")]
    LongLine,
    /// As of Excel's "Unicode text".
    #[error("it is UTF-16, or not text at all; save it as UTF-8 (in Excel: \"CSV UTF-8\")")]
    Utf16,
    /// Another encoding.
    #[error("the line isn't UTF-8; save the file as UTF-8 (what Excel calls \"CSV UTF-8\", not \"CSV\")")]
    NotUtf8,
    /// A workbook.
    #[error("it is an Excel workbook or another archive; save it as \"CSV UTF-8\"")]
    Archive,
    /// Of a login, most often.
    #[error("it is an HTML or XML document, perhaps a page that asks to log in; put the export itself there")]
    Markup,
    /// The other format.
    #[error("it looks like JSON; for a JSON object a line set the source's `format: JSONLines`")]
    LooksLikeJson,
    /// The other format.
    #[error("it looks like CSV; set the source's `format: CSV`")]
    LooksLikeCsv,
    /// As of an old Macintosh.
    #[error("lines end in CR alone; save the file with line breaks as Unix (LF) or Windows (CR LF) has them")]
    CarriageReturn,
    /// Where a CSV file breaks off, half a name can stand.
    #[error(
        "the last line has no line break, so the file may have been cut off in the middle of a name; put it there whole, with a \
         line break at its end"
    )]
    CutOff,
    /// As where Excel's language writes a decimal comma.
    #[error("columns are separated by {0}; separate them by commas, as in `user,groups,attributes`")]
    Separator(&'static str),
    /// What Excel alone understands.
    #[error("`sep=` is understood by Excel alone; begin with the line `user,groups,attributes`")]
    SeparatorLine,
    /// Capitals, blanks, quotes.
    #[error("the header is `{0}`; write `user,groups,attributes`, in small letters and without blanks")]
    HeaderSpelling(String),
    /// The first line names somebody.
    #[error("the header is missing: the first line is `{0}`; put the line `user,groups,attributes` before it")]
    HeaderMissing(String),
    /// Other columns.
    #[error("the header is `{0}`; write these three columns and no others: `user,groups,attributes`")]
    Header(String),
    /// It can't be told which column is missing, or where a comma is one too many.
    #[error(
        "the line has {0}, and three are expected: user, groups, attributes; put quotes around what holds a comma, and leave \
         what is empty empty, as in `bob,,`"
    )]
    Fields(String),
    /// It may swallow the next lines.
    #[error(
        "a quote is opened and not closed in this line; close it, and write a quote within quotes twice, as in `\"a \"\"b\"\" c\"`"
    )]
    OpenQuote,
    /// It can't be told where the field ends.
    #[error(
        "a quote stands within a field or beside one; put quotes around the whole field, without blanks, and write a quote \
         within quotes twice, as in `\"a \"\"b\"\" c\"`"
    )]
    StrayQuote,
    /// All users in one array.
    #[error("it is a JSON array; write an object a line instead, without brackets and commas (`jq -c '.[]'` does)")]
    Array,
    /// An object over several lines, or half of one.
    #[error(
        "the JSON object doesn't end in this line; write each object in one line (`jq -c .` does), and see that the file wasn't \
         cut off"
    )]
    OpenObject,
    /// Something that isn't JSON.
    #[error(
        "the line isn't one JSON object (column {column}: {words}); write it as in \
         {{\"user\":\"bob\",\"groups\":[\"a\"],\"attributes\":{{\"region\":[\"EU\"]}}}}"
    )]
    NoObject {
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        words: String,
    },
    /// JSON of another form.
    #[error(
        "the object has another form (column {column}: {words}); write it as in \
         {{\"user\":\"bob\",\"groups\":[\"a\"],\"attributes\":{{\"region\":[\"EU\"]}}}}"
    )]
    OtherForm {
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        words: String,
    },
}

impl FormFlaw {
    /// Whether it is one line's, rather than the whole file's.
    pub(super) fn is_of_a_line(&self) -> bool {
        !matches!(
            self,
            Self::EmptyCsv
                | Self::EmptyJsonLines
                | Self::NotGzip
                | Self::Gzip
                | Self::GzipCutOff
                | Self::GzipBroken
                | Self::TooLarge
                | Self::Utf16
                | Self::Archive
                | Self::Markup
                | Self::Array
                | Self::LooksLikeJson
                | Self::LooksLikeCsv
        )
    }
}
