//! Stands between a server and the client library: what a server sends is read here before the library acts on it.
//!
//! The library would send a password in the clear to whoever asks for it, reports a way of login that it doesn't know as
//! "error communicating with the server", and takes as much as a server likes to send. Whoever may write a resource may
//! name a server of his own, and all of them share the memory of one process.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::ports::Excess;

/// Longest message. A row of a look-up is its longest: ten values at most, each of at most 65,535 bytes, the longest
/// VARCHAR there is.
pub(super) const LONGEST_MESSAGE: usize = 1024 * 1024;

/// All that belongs to a login. It takes a few hundred bytes; an error with its DETAIL some thousands.
pub(super) const LONGEST_LOGIN: usize = 64 * 1024;

/// All that one connection may bring, which lives for one pass at most. A relation takes about 120 bytes in the look-up
/// that lists them all, so that this is a database of 100,000 of them.
pub(super) const MOST_RECEIVED: usize = 12 * 1024 * 1024;

/// What the server asked for and doesn't get.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum Refused {
    /// The password in the clear, on a connection that isn't fully verified.
    #[error("the server asks for the password in the clear")]
    ClearPassword,
    /// The digest of a password that is stored as SHA-256.
    #[error("the server asks for a SHA-256 digest")]
    Sha256Digest,
    /// Anything else; the code of the protocol.
    #[error(
        "the server asks for a way of login that Redshift doesn't have (code {0}); check spec.config.host and port"
    )]
    Unknown(u32),
    /// More than there is room for.
    #[error(transparent)]
    Excess(Excess),
}

/// How far the conversation is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Up to the server's first readiness for a statement.
    Login,
    /// After that.
    Statements,
}

/// Reads the heads of messages as they pass.
#[derive(Debug)]
struct Reader {
    clear_password: bool,
    phase: Phase,
    received: usize,
    head: Vec<u8>,
    to_skip: usize,
}

const TYPE_AND_LENGTH: usize = 5;
/// Requests of the login have a code behind their length.
const WITH_CODE: usize = 9;

impl Reader {
    fn new(clear_password: bool) -> Self {
        Self { clear_password, phase: Phase::Login, received: 0, head: Vec::with_capacity(WITH_CODE), to_skip: 0 }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<(), Refused> {
        self.received = self.received.saturating_add(bytes.len());
        while !bytes.is_empty() {
            let skipped = self.to_skip.min(bytes.len());
            self.to_skip -= skipped;
            bytes = &bytes[skipped..];
            if let Some((first, rest)) = bytes.split_first() {
                self.head.push(*first);
                bytes = rest;
                self.head_grew()?;
            }
        }
        match self.phase {
            Phase::Login if self.received > LONGEST_LOGIN => Err(Refused::Excess(Excess::Login)),
            Phase::Statements if self.received > MOST_RECEIVED => Err(Refused::Excess(Excess::Connection)),
            Phase::Login | Phase::Statements => Ok(()),
        }
    }

    fn head_grew(&mut self) -> Result<(), Refused> {
        let is_request = self.head[0] == b'R';
        if self.head.len() < if is_request { WITH_CODE } else { TYPE_AND_LENGTH } {
            return Ok(());
        }
        let number =
            |from: usize| self.head[from..from + 4].iter().fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        let length = usize::try_from(number(1)).unwrap_or(usize::MAX);
        if length > LONGEST_MESSAGE {
            return Err(Refused::Excess(Excess::Message));
        }
        if is_request {
            match number(TYPE_AND_LENGTH) {
                3 if !self.clear_password => return Err(Refused::ClearPassword),
                // Done; in clear text; MD5. SCRAM, which the library knows too, lets a server ask for days of work.
                0 | 3 | 5 => {}
                13 => return Err(Refused::Sha256Digest),
                other => return Err(Refused::Unknown(other)),
            }
        }
        if self.head[0] == b'Z' {
            self.phase = Phase::Statements;
        }
        // The length counts itself and all behind it, but not the type.
        self.to_skip = (length + 1).saturating_sub(self.head.len());
        self.head.clear();
        Ok(())
    }
}

/// Why a stream was ended, for whoever only learns that it was.
pub(super) type Ended = Arc<OnceLock<Excess>>;

/// A stream that is watched.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    reader: Reader,
    ended: Ended,
}

impl<S> Guarded<S> {
    /// `clear_password`: whether the server may have it.
    pub(super) fn new(stream: S, clear_password: bool, ended: Ended) -> Self {
        Self { stream, reader: Reader::new(clear_password), ended }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let this = &mut *self;
        std::task::ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        Poll::Ready(this.reader.read(&buffer.filled()[before..]).map_err(|refused| {
            if let Refused::Excess(excess) = refused {
                // The first one counts.
                let _ = this.ended.set(excess);
            }
            io::Error::other(refused)
        }))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(4 + body.len()).unwrap_or(u32::MAX);
        [&[tag][..], &length.to_be_bytes(), body].concat()
    }

    fn request(code: u32, rest: &[u8]) -> Vec<u8> {
        message(b'R', &[&code.to_be_bytes(), rest].concat())
    }

    fn read(clear_password: bool, bytes: &[u8], piece: usize) -> Result<(), Refused> {
        let mut reader = Reader::new(clear_password);
        bytes.chunks(piece).try_for_each(|piece| reader.read(piece))
    }

    #[test]
    fn a_password_in_the_clear_is_given_only_where_it_may_be() {
        for piece in 1..=9 {
            assert_eq!(read(false, &request(3, &[]), piece), Err(Refused::ClearPassword));
            assert_eq!(read(true, &request(3, &[]), piece), Ok(()));
        }
    }

    #[test]
    fn a_second_request_behind_others_is_seen_however_the_bytes_are_cut() {
        let bytes = [message(b'N', b"hello"), request(5, b"salt"), request(13, b"more")].concat();
        for piece in 1..=bytes.len() {
            assert_eq!(read(true, &bytes, piece), Err(Refused::Sha256Digest), "{piece}");
        }
    }

    #[test]
    fn a_way_of_login_that_redshift_does_not_have_is_refused() {
        for code in [2, 6, 7, 9, 10, 11, 12, 99] {
            assert_eq!(read(true, &request(code, &[]), 4), Err(Refused::Unknown(code)));
        }
    }

    #[test]
    fn a_message_beyond_all_bounds_is_refused_at_its_head() {
        let bytes = [request(0, &[]), message(b'Z', b"I"), vec![b'D', 0x7f, 0xff, 0xff, 0xff]].concat();
        for piece in 1..=bytes.len() {
            assert_eq!(read(true, &bytes, piece), Err(Refused::Excess(Excess::Message)), "{piece}");
        }
        assert_eq!(read(true, b"HTTP/1.1 400 Bad Request\r\n", 3), Err(Refused::Excess(Excess::Message)));
    }

    #[test]
    fn a_login_and_a_connection_bring_only_so_much() {
        let parameter = message(b'S', &[b'x'; 100]);
        assert_eq!(read(true, &parameter.repeat(1_000), 8_192), Err(Refused::Excess(Excess::Login)));
        let row = message(b'D', &[0; 1_000]);
        let login = [request(0, &[]), message(b'Z', b"I")].concat();
        assert_eq!(read(true, &[login.clone(), row.repeat(10_000)].concat(), 8_192), Ok(()));
        assert_eq!(read(true, &[login, row.repeat(13_000)].concat(), 8_192), Err(Refused::Excess(Excess::Connection)));
    }
}
