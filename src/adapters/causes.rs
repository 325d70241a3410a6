//! What is behind the errors of libraries, whose own text is often only their kind.

use std::error::Error;

/// What is behind an error; one of input and output may hold another, of which it doesn't tell as its source.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// The error itself, and all that is behind it.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

/// An error of this type among the causes of another.
pub(super) fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    causes(error).find_map(|error| error.downcast_ref())
}

/// An error with all its causes, each said once.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .skip(1)
        .map(ToString::to_string)
        .fold(error.to_string(), |said, more| if said.contains(&more) { said } else { format!("{said}: {more}") })
}
