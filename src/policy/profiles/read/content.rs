//! A file's lines, of bounded length and number, whatever it is compressed to.

use std::io::{BufRead, BufReader, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;

use super::unreadable::FormFlaw;

/// Most bytes of a file's content, decompressed.
pub const LONGEST_CONTENT: u64 = 64 * 1024 * 1024;

/// Most bytes of a line: far more than the longest profile that could be kept.
pub const LONGEST_LINE: u64 = 1024 * 1024;

/// How a compressed file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How a file begins that is in fact an archive, as a workbook is.
const ZIP: &[u8] = b"PK\x03\x04";

/// What an editor on Windows puts before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file's lines, one at a time.
pub(super) struct Lines<'a> {
    reader: Box<dyn BufRead + Send + 'a>,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
    had_none: bool,
}

/// A line that says something.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// Whether a line break follows it.
    pub(super) is_ended: bool,
}

impl<'a> Lines<'a> {
    /// Of a file with this name.
    pub(super) fn new(file: &str, content: &'a [u8]) -> Result<Self, FormFlaw> {
        let is_named_gz = file.len() > 3 && file.to_ascii_lowercase().ends_with(".gz");
        let reader: Box<dyn BufRead + Send + 'a> = match (is_named_gz, content.starts_with(&GZIP)) {
            (true, true) => Box::new(BufReader::new(MultiGzDecoder::new(content))),
            (false, false) => Box::new(content),
            (true, false) => return Err(FormFlaw::NotGzip),
            (false, true) => return Err(FormFlaw::Gzip),
        };
        Ok(Self { reader, line: Vec::new(), number: 0, bytes: 0, had_none: true })
    }

    /// The number of the last line that was read, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether no line said anything.
    pub(super) fn had_none(&self) -> bool {
        self.had_none
    }

    /// The next line that isn't blank, without its line break.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, FormFlaw> {
        loop {
            if !self.read()? {
                return Ok(None);
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        self.had_none = false;
        let line = self.line.as_slice();
        let is_ended = line.ends_with(b"\n");
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = if is_ended { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        let text = std::str::from_utf8(line).map_err(|_| FormFlaw::NotUtf8)?;
        Ok(Some(Line { text, is_ended }))
    }

    /// Whether there was another line.
    fn read(&mut self) -> Result<bool, FormFlaw> {
        self.line.clear();
        let mut bounded = self.reader.by_ref().take(LONGEST_LINE + 1);
        let read = bounded.read_until(b'\n', &mut self.line).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => FormFlaw::GzipCutOff,
            _ => FormFlaw::GzipBroken,
        })?;
        let length = read as u64;
        self.number += u64::from(length > 0);
        self.bytes += length;
        if self.number == 1 {
            self.begin()?;
        }
        if length > LONGEST_LINE {
            return Err(FormFlaw::LongLine);
        }
        if self.bytes > LONGEST_CONTENT {
            return Err(FormFlaw::TooLarge);
        }
        Ok(length > 0)
    }

    /// Looks at the first line for what the file is.
    fn begin(&mut self) -> Result<(), FormFlaw> {
        let is_utf_16 = self.line.starts_with(b"\xff\xfe") || self.line.starts_with(b"\xfe\xff");
        if is_utf_16 || self.line.iter().take(4).any(|byte| *byte == 0) {
            return Err(FormFlaw::Utf16);
        }
        if self.line.starts_with(ZIP) {
            return Err(FormFlaw::Archive);
        }
        if self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(())
    }
}
