//! What commands print, and with what they end.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// As it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Not as it must be.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Weaker than it should be, or not to be told.
pub const WARNING: Style = AnsiColor::Yellow.on_default();
/// What stands around the rest.
pub const FAINT: Style = Style::new().dimmed();
/// A heading.
pub const STRONG: Style = Style::new().bold();

/// With what a command ends; scripts rely on it. Of several the last in this order counts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Ending {
    /// All is as it should be: 0.
    Success,
    /// A test has failed, a manifest is wrong, something was refused: 1.
    Failure,
    /// The warehouse, or the API server, couldn't be reached: 3.
    Unreachable,
    /// The command line is wrong, or a file that it names can't be read: 2. The parser of command lines ends so too.
    Usage,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Success => 0,
            Ending::Failure => 1,
            Ending::Usage => 2,
            Ending::Unreachable => 3,
        })
    }
}

/// Text in a style, for [`print`] and [`say`].
pub fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints to standard output, with colours where somebody sees them: on a terminal, without `NO_COLOR`. Who reads it may have
/// seen enough and be gone, as `head` is.
pub fn print(text: impl Display) {
    let _ = write!(anstream::stdout().lock(), "{text}");
}

/// Tells a person something that isn't the result: a line on standard error.
pub fn say(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Says what is wrong.
pub fn error(message: impl Display) {
    say(format!("{}: {message}", styled(BAD, "error")));
}

/// Says what is doubtful.
pub fn warning(message: impl Display) {
    say(format!("{}: {message}", styled(WARNING, "warning")));
}

/// How many columns the terminal has; nothing where nobody looks at one, and lines stay whole for whoever searches them.
pub fn width() -> Option<usize> {
    terminal_size::terminal_size().filter(|_| std::io::stdout().is_terminal()).map(|(width, _)| width.0.into())
}

/// Begins a new picture: on a terminal in the place of the last one.
pub fn begin_screen() {
    print(if std::io::stdout().is_terminal() { "\u{1b}[2J\u{1b}[H" } else { "\n" });
}

/// A value as JSON, for programs and people.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("plain data can be written as JSON") + "\n"
}

/// The same as YAML.
pub fn yaml(value: &impl Serialize) -> String {
    serde_saphyr::to_string(value).expect("plain data can be written as YAML")
}

/// Rows, each cell as wide as the widest of its column. The last one of a row isn't filled up; where there is a width, it is cut
/// off there.
pub fn columns(rows: &[Vec<(Style, String)>], screen: Option<usize>) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.1.width()).max();
    let widths: Vec<_> = (0..count).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows {
        let last = row.iter().rposition(|(_, cell)| !cell.is_empty()).unwrap_or_default();
        for (column, (style, cell)) in row.iter().enumerate().take(last + 1) {
            if column < last {
                text += &styled(*style, cell);
                text += &" ".repeat(widths[column] - cell.width() + 2);
            } else {
                let before: usize = widths[..column].iter().map(|width| width + 2).sum();
                text += &styled(
                    *style,
                    cut(cell, screen.filter(|_| column + 1 == count).map(|screen| screen.saturating_sub(before))),
                );
            }
        }
        text.push('\n');
    }
    text
}

/// A text, cut off where there isn't room for all of it.
fn cut(text: &str, room: Option<usize>) -> String {
    let Some(room) = room.filter(|room| text.width() > *room && *room > 1) else { return text.to_owned() };
    let mut taken = 0;
    let fitting = text.chars().take_while(|character| {
        taken += character.width().unwrap_or_default();
        taken < room
    });
    fitting.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_column_ends_with_the_screen() {
        let cell = |text: &str| (Style::new(), text.to_owned());
        let rows =
            [vec![cell("NAME"), cell("WHAT")], vec![cell("é数"), cell("something longer")], vec![cell("a"), cell("")]];
        assert_eq!(columns(&rows, None), "NAME  WHAT\né数   something longer\na\n");
        assert_eq!(columns(&rows, Some(12)), "NAME  WHAT\né数   somet…\na\n");
    }
}
