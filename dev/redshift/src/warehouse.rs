//! One of several warehouses that a stand-in plays with one server: its name for things, and who connects to it.
//!
//! What exists once in a warehouse (users, roles, databases) exists once in `PostgreSQL`, too, so that several
//! warehouses would see each other's. The names that a client is going to use are therefore given to the stand-in, and
//! each warehouse adds an ending of its own to them on the way in and takes it off on the way out. Everything between,
//! the rules and the journal included, knows the long names. A password in the clear, of which the server would make
//! a digest with the long name, is therefore none for such a user; a digest is.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::Frame;

/// A warehouse with a port of its own.
#[derive(Debug, Default)]
pub(crate) struct Warehouse {
    /// Its number, from 1; 0 for the only one.
    number: usize,
    names: Vec<String>,
    /// Clients that are connected, whether they have logged in or not.
    connected: AtomicU64,
    /// All that there ever were.
    total: AtomicU64,
}

impl Warehouse {
    /// One of several, which keeps these names to itself.
    pub(crate) fn of_several(number: usize, names: Vec<String>) -> Self {
        Self { number, names, ..Self::default() }
    }

    /// Clients that are connected, and all that there ever were.
    pub(crate) fn connections(&self) -> (u64, u64) {
        (self.connected.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    fn ending(&self) -> String {
        format!("_w{}", self.number)
    }

    /// A name or a text as the server knows it.
    pub(crate) fn inside(&self, text: &[u8]) -> Vec<u8> {
        let ending = self.ending();
        self.names.iter().fold(text.to_vec(), |text, name| replaced(&text, name, &format!("{name}{ending}")))
    }

    fn outside(&self, text: &[u8]) -> Vec<u8> {
        let ending = self.ending();
        self.names.iter().fold(text.to_vec(), |text, name| replaced(&text, &format!("{name}{ending}"), name))
    }

    /// A client's message, as the server is to see it. Its values in the extended protocol stay as they are.
    pub(crate) fn incoming(&self, frame: Frame) -> Frame {
        match frame.kind {
            b'Q' | b'P' if !self.names.is_empty() => Frame::new(frame.kind, self.inside(&frame.body)),
            _ => frame,
        }
    }

    /// A message of the server's, as the client is to see it.
    pub(crate) fn outgoing(&self, frame: &Frame) -> Vec<u8> {
        match frame.kind {
            _ if self.names.is_empty() => frame.bytes(),
            b'D' => Frame::new(b'D', self.row(&frame.body)).bytes(),
            b'E' | b'N' | b'S' => Frame::new(frame.kind, self.outside(&frame.body)).bytes(),
            _ => frame.bytes(),
        }
    }

    /// A row: each value has its length in front, and null has -1.
    fn row(&self, body: &[u8]) -> Vec<u8> {
        let Some((count, mut rest)) = body.split_at_checked(2) else { return body.to_vec() };
        let mut row = count.to_vec();
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let value =
                usize::try_from(i32::from_be_bytes(*length)).ok().and_then(|length| behind.split_at_checked(length));
            let Some((value, behind)) = value else {
                row.extend(length);
                rest = behind;
                continue;
            };
            let value = self.outside(value);
            row.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
            row.extend(value);
            rest = behind;
        }
        row
    }
}

/// Counts a client while it is connected.
pub(crate) struct Connected<'a>(&'a Warehouse);

impl<'a> Connected<'a> {
    pub(crate) fn to(warehouse: &'a Warehouse) -> Self {
        warehouse.total.fetch_add(1, Ordering::Relaxed);
        warehouse.connected.fetch_add(1, Ordering::Relaxed);
        Self(warehouse)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.connected.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Puts one name in the place of another, where it is the whole name.
fn replaced(text: &[u8], name: &str, with: &str) -> Vec<u8> {
    let name = name.as_bytes();
    let mut result = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let begins = at == 0 || !is_of_a_name(text[at - 1]);
        let ends = text.get(at + name.len()).is_none_or(|byte| !is_of_a_name(*byte));
        if begins && ends && text[at..].starts_with(name) {
            result.extend(with.as_bytes());
            at += name.len();
        } else {
            result.push(text[at]);
            at += 1;
        }
    }
    result
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn third() -> Warehouse {
        Warehouse::of_several(3, vec!["claim".to_owned(), "managed".to_owned()])
    }

    #[test]
    fn only_whole_names_get_the_ending() {
        let inside =
            third().inside(b"CREATE USER claim; GRANT x ON \"managed\".managed_schema TO 'claim', reclaim, claim2");
        let expected = "CREATE USER claim_w3; GRANT x ON \"managed_w3\".managed_schema TO 'claim_w3', reclaim, claim2";
        assert_eq!(String::from_utf8_lossy(&inside), expected);
    }

    #[test]
    fn an_error_field_with_a_name_alone_loses_its_ending() {
        let error = Frame::new(b'E', *b"SERROR\0Muser \"claim_w3\" exists\0\0");
        assert_eq!(third().outgoing(&error)[5..], *b"SERROR\0Muser \"claim\" exists\0\0");
    }

    #[test]
    fn values_of_a_row_lose_their_endings_and_keep_their_places() {
        let value = |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
        let null = (-1_i32).to_be_bytes().to_vec();
        let row = |first: &str, last: &str| [vec![0, 3], value(first), null.clone(), value(last)].concat();
        assert_eq!(third().row(&row("claim_w3", "claim_w4")), row("claim", "claim_w4"));
    }
}
