//! What commands print, and with what they end.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

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

/// With what a command ends; scripts rely on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// All is as it should be.
    Success = 0,
    /// A test has failed, a manifest is wrong, something was refused.
    Failure = 1,
    /// The command line is wrong, or a file that it names can't be read. The parser of command lines ends so too.
    Usage = 2,
    /// The warehouse, or the API server, couldn't be reached.
    Unreachable = 3,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending as u8)
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
