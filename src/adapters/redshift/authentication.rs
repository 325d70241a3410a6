//! Watches the login: what the server asks for is read before the client library answers.
//!
//! The library would send a password in the clear to whoever asks for it, and reports a way of login
//! that it doesn't know as "error communicating with the server".

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the server asked for and doesn't get.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum AuthenticationRefused {
    /// The password in the clear, on a connection that isn't fully verified.
    #[error("the server asks for the password in the clear")]
    ClearPassword,
    /// The digest of a password that is stored as SHA-256.
    #[error("the server asks for a SHA-256 digest")]
    Sha256Digest,
    /// Anything else; the code of the protocol.
    #[error("the server asks for a way of login that the operator doesn't know (code {0})")]
    Unknown(u32),
}

/// Reads the messages of the login as they pass.
#[derive(Debug)]
struct Reader {
    clear_password: bool,
    header: Vec<u8>,
    to_skip: usize,
    done: bool,
}

const TYPE_AND_LENGTH: usize = 5;
const WITH_CODE: usize = 9;

impl Reader {
    fn new(clear_password: bool) -> Self {
        Self { clear_password, header: Vec::with_capacity(WITH_CODE), to_skip: 0, done: false }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<(), AuthenticationRefused> {
        while !self.done && !bytes.is_empty() {
            let skipped = self.to_skip.min(bytes.len());
            self.to_skip -= skipped;
            bytes = &bytes[skipped..];
            if let Some((first, rest)) = bytes.split_first() {
                self.header.push(*first);
                bytes = rest;
                self.header_grew()?;
            }
        }
        Ok(())
    }

    fn header_grew(&mut self) -> Result<(), AuthenticationRefused> {
        if self.header[0] != b'R' {
            // An error or whatever else: the login is over.
            self.done = true;
        } else if self.header.len() == WITH_CODE {
            let number = |from: usize| {
                u32::from_be_bytes([
                    self.header[from],
                    self.header[from + 1],
                    self.header[from + 2],
                    self.header[from + 3],
                ])
            };
            let length = usize::try_from(number(1)).unwrap_or(usize::MAX);
            match number(TYPE_AND_LENGTH) {
                0 => self.done = true,
                3 if !self.clear_password => return Err(AuthenticationRefused::ClearPassword),
                // Clear text, MD5 and SCRAM: the library knows them.
                3 | 5 | 10..=12 => {}
                13 => return Err(AuthenticationRefused::Sha256Digest),
                other => return Err(AuthenticationRefused::Unknown(other)),
            }
            // The length counts itself and the code, but not the type.
            self.to_skip = length.saturating_sub(WITH_CODE - 1);
            self.header.clear();
        }
        Ok(())
    }
}

/// A stream whose login is watched.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    reader: Reader,
}

impl<S> Guarded<S> {
    /// `clear_password`: whether the server may have it.
    pub(super) fn new(stream: S, clear_password: bool) -> Self {
        Self { stream, reader: Reader::new(clear_password) }
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
        Poll::Ready(this.reader.read(&buffer.filled()[before..]).map_err(io::Error::other))
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

    fn message(code: u32, rest: &[u8]) -> Vec<u8> {
        let length = u32::try_from(8 + rest.len()).unwrap_or(u32::MAX);
        [&b"R"[..], &length.to_be_bytes(), &code.to_be_bytes(), rest].concat()
    }

    fn read(clear_password: bool, bytes: &[u8], piece: usize) -> Result<(), AuthenticationRefused> {
        let mut reader = Reader::new(clear_password);
        bytes.chunks(piece).try_for_each(|piece| reader.read(piece))
    }

    #[test]
    fn a_password_in_the_clear_is_given_only_where_it_may_be() {
        for piece in 1..=9 {
            assert_eq!(read(false, &message(3, &[]), piece), Err(AuthenticationRefused::ClearPassword));
            assert_eq!(read(true, &message(3, &[]), piece), Ok(()));
        }
    }

    #[test]
    fn a_second_request_behind_the_first_is_seen_however_the_bytes_are_cut() {
        let bytes = [message(5, b"salt"), message(13, b"more"), message(0, &[])].concat();
        for piece in 1..=bytes.len() {
            assert_eq!(read(true, &bytes, piece), Err(AuthenticationRefused::Sha256Digest), "{piece}");
        }
    }

    #[test]
    fn after_the_login_nothing_is_read_any_more() {
        let bytes = [message(5, b"salt"), message(0, &[]), message(13, &[])].concat();
        assert_eq!(read(false, &bytes, 3), Ok(()));
    }

    #[test]
    fn an_unknown_way_of_login_is_named() {
        assert_eq!(read(true, &message(7, &[]), 4), Err(AuthenticationRefused::Unknown(7)));
    }
}
