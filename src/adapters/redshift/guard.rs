//! Stands between a server and the client library: what a server sends is read here before the library acts on it.
//!
//! The library would send a password in the clear to whoever asks for it, reports a way of login that it doesn't know as
//! "error communicating with the server", and takes as much as a server likes to send. Whoever may write a resource may
//! name a server of his own, and all of them share the memory of one process.
//!
//! One way of login that the library doesn't know is taken here, so that the library sees only what comes behind it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use secrecy::SecretString;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::password_digest;
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
    /// A digest by an algorithm that isn't known; its number.
    #[error("the server asks for a digest by the algorithm {0}")]
    DigestAlgorithm(u32),
    /// A digest, in a request that can't be read, or for the second time.
    #[error("the server asks for a digest of the password, and not as Redshift does; check spec.config.host and port")]
    MalformedDigestRequest,
    /// A token of an identity provider.
    #[error("the server asks for a token of an identity provider")]
    IdentityProviderToken,
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

/// What a server may have of the password.
pub(super) struct Password {
    /// Whether it may have it in the clear.
    pub(super) in_the_clear: bool,
    /// What it may have a digest of, once: nobody needs two but for guesses.
    pub(super) for_a_digest: Option<SecretString>,
}

/// Reads the heads of messages as they pass.
struct Reader {
    password: Password,
    phase: Phase,
    received: usize,
    head: Vec<u8>,
    to_skip: usize,
    /// A request for a digest, behind its code, and how much of it is yet to come.
    request: Vec<u8>,
    request_left: usize,
    /// What the server is to get in the library's place.
    answer: Vec<u8>,
}

const TYPE_AND_LENGTH: usize = 5;
/// Requests of the login have a code behind their length.
const WITH_CODE: usize = 9;
/// What a length counts of that.
const LENGTH_AND_CODE: usize = 8;

impl Reader {
    fn new(password: Password) -> Self {
        Self {
            password,
            phase: Phase::Login,
            received: 0,
            head: Vec::with_capacity(WITH_CODE),
            to_skip: 0,
            request: Vec::new(),
            request_left: 0,
            answer: Vec::new(),
        }
    }

    /// Reads what came and passes on what the library may see: behind the login all of it, and before no head that isn't
    /// whole yet.
    fn read(&mut self, mut bytes: &[u8], mut pass_on: impl FnMut(&[u8])) -> Result<(), Refused> {
        self.received = self.received.saturating_add(bytes.len());
        while !bytes.is_empty() {
            let (skipped, rest) = bytes.split_at(self.to_skip.min(bytes.len()));
            self.to_skip -= skipped.len();
            pass_on(skipped);
            let (asked, rest) = rest.split_at(self.request_left.min(rest.len()));
            self.request_grew(asked)?;
            bytes = rest;
            if let Some((first, rest)) = bytes.split_first() {
                bytes = rest;
                self.head.push(*first);
                if self.phase == Phase::Statements {
                    pass_on(&[*first]);
                }
                self.head_grew(&mut pass_on)?;
            }
        }
        match self.phase {
            Phase::Login if self.received > LONGEST_LOGIN => Err(Refused::Excess(Excess::Login)),
            Phase::Statements if self.received > MOST_RECEIVED => Err(Refused::Excess(Excess::Connection)),
            Phase::Login | Phase::Statements => Ok(()),
        }
    }

    fn head_grew(&mut self, pass_on: &mut impl FnMut(&[u8])) -> Result<(), Refused> {
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
                3 if !self.password.in_the_clear => return Err(Refused::ClearPassword),
                // Done; in clear text; MD5. SCRAM, which the library knows too, lets a server ask for days of work.
                0 | 3 | 5 => {}
                13 => return self.digest_asked_for(length),
                14 => return Err(Refused::IdentityProviderToken),
                other => return Err(Refused::Unknown(other)),
            }
        }
        if self.phase == Phase::Login {
            pass_on(&self.head);
        }
        if self.head[0] == b'Z' {
            self.phase = Phase::Statements;
            self.password.for_a_digest = None;
        }
        // The length counts itself and all behind it, but not the type.
        self.to_skip = (length + 1).saturating_sub(self.head.len());
        self.head.clear();
        Ok(())
    }

    fn digest_asked_for(&mut self, length: usize) -> Result<(), Refused> {
        if self.password.for_a_digest.is_none() || !(LENGTH_AND_CODE + 1..=password_digest::LONGEST).contains(&length) {
            return Err(Refused::MalformedDigestRequest);
        }
        self.request_left = length - LENGTH_AND_CODE;
        self.head.clear();
        Ok(())
    }

    fn request_grew(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.request.extend_from_slice(bytes);
        self.request_left -= bytes.len();
        if self.request_left == 0 {
            let password = self.password.for_a_digest.take().ok_or(Refused::MalformedDigestRequest)?;
            self.answer = password_digest::answer(&std::mem::take(&mut self.request), &password)?;
        }
        Ok(())
    }
}

/// Why a stream was ended, for whoever only learns that it was.
pub(super) type Ended = Arc<OnceLock<Excess>>;

/// A stream that is watched.
pub(super) struct Guarded<S> {
    stream: S,
    reader: Reader,
    /// What was read in the login, and the library has no room for yet.
    for_library: Vec<u8>,
    is_flushed: bool,
    ended: Ended,
}

impl<S> Guarded<S> {
    /// A stream whose server may have so much of the password.
    pub(super) fn new(stream: S, password: Password, ended: Ended) -> Self {
        Self { stream, reader: Reader::new(password), for_library: Vec::new(), is_flushed: true, ended }
    }

    fn refused(ended: &Ended, refused: Refused) -> io::Error {
        if let Refused::Excess(excess) = refused {
            // The first one counts.
            let _ = ended.set(excess);
        }
        io::Error::other(refused)
    }
}

/// How much of a login is read at once.
const PIECE: usize = 4096;

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, reader, for_library, is_flushed, ended } = &mut *self;
        let mut stream = Pin::new(stream);
        loop {
            while !reader.answer.is_empty() {
                let written = std::task::ready!(stream.as_mut().poll_write(context, &reader.answer))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                reader.answer.drain(..written);
                *is_flushed = false;
            }
            if !*is_flushed {
                std::task::ready!(stream.as_mut().poll_flush(context))?;
                *is_flushed = true;
            }
            if !for_library.is_empty() || buffer.remaining() == 0 {
                let now = for_library.len().min(buffer.remaining());
                buffer.put_slice(&for_library[..now]);
                for_library.drain(..now);
                return Poll::Ready(Ok(()));
            }
            if reader.phase == Phase::Statements {
                let before = buffer.filled().len();
                std::task::ready!(stream.as_mut().poll_read(context, buffer))?;
                let read = reader.read(&buffer.filled()[before..], |_| {});
                return Poll::Ready(read.map_err(|refused| Self::refused(ended, refused)));
            }
            let mut piece = [0; PIECE];
            let mut piece = ReadBuf::new(&mut piece);
            std::task::ready!(stream.as_mut().poll_read(context, &mut piece))?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            reader
                .read(piece.filled(), |bytes| for_library.extend_from_slice(bytes))
                .map_err(|refused| Self::refused(ended, refused))?;
        }
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
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(4 + body.len()).unwrap_or(u32::MAX);
        [&[tag][..], &length.to_be_bytes(), body].concat()
    }

    fn request(code: u32, rest: &[u8]) -> Vec<u8> {
        message(b'R', &[&code.to_be_bytes(), rest].concat())
    }

    fn password(in_the_clear: bool) -> Password {
        Password { in_the_clear, for_a_digest: Some("Abcd1234".into()) }
    }

    fn read(clear_password: bool, bytes: &[u8], piece: usize) -> Result<(), Refused> {
        read_by(&mut Reader::new(password(clear_password)), bytes, piece).map(|_| ())
    }

    /// What the library sees of it.
    fn read_by(reader: &mut Reader, bytes: &[u8], piece: usize) -> Result<Vec<u8>, Refused> {
        let mut seen = Vec::new();
        bytes.chunks(piece).try_for_each(|piece| reader.read(piece, |bytes| seen.extend_from_slice(bytes)))?;
        Ok(seen)
    }

    /// A request for a digest, with salt and nonce of these lengths.
    fn digest_request(salt: usize, nonce: usize) -> Vec<u8> {
        let counted =
            |length: usize| [&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()[..], &vec![7; length]].concat();
        request(13, &[vec![0; 4], counted(salt), counted(nonce)].concat())
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
        let bytes = [message(b'N', b"hello"), request(5, b"salt"), request(14, b"more")].concat();
        for piece in 1..=bytes.len() {
            assert_eq!(read(true, &bytes, piece), Err(Refused::IdentityProviderToken), "{piece}");
        }
    }

    #[test]
    fn the_library_sees_all_but_the_request_for_a_digest_however_the_bytes_are_cut() {
        let before = [message(b'N', b"hello"), message(b'S', b"a\0b\0")].concat();
        let behind = [request(0, &[]), message(b'S', b""), message(b'Z', b"I"), message(b'D', b"row"), b"Dhe".to_vec()];
        let bytes = [before.clone(), digest_request(32, 32), behind.concat()].concat();
        for piece in 1..=bytes.len() {
            let mut reader = Reader::new(password(false));
            assert_eq!(read_by(&mut reader, &bytes, piece), Ok([before.clone(), behind.concat()].concat()), "{piece}");
            assert_eq!((reader.answer[0], reader.answer.len()), (b'd', 1 + 4 + 4 + 32 + 4 + 18));
            assert!(reader.password.for_a_digest.is_none());
        }
    }

    #[test]
    fn a_digest_is_given_once_and_in_a_login_alone() {
        let malformed = |bytes: &[Vec<u8>]| {
            assert_eq!(read(true, &bytes.concat(), 5), Err(Refused::MalformedDigestRequest));
        };
        malformed(&[digest_request(32, 32), digest_request(32, 32)]);
        malformed(&[request(0, &[]), message(b'Z', b"I"), digest_request(32, 32)]);
        malformed(&[request(13, &[])]);
        malformed(&[digest_request(600, 600)]);
        assert_eq!(read(true, &request(13, &[0, 0, 0, 1, 0]), 5), Err(Refused::DigestAlgorithm(1)));
    }

    #[tokio::test]
    async fn the_digest_goes_to_the_server_past_the_library() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (ours, mut servers) = tokio::io::duplex(16);
        let mut guarded = Guarded::new(ours, password(false), Ended::default());
        let server = tokio::spawn(async move {
            servers.write_all(&digest_request(32, 32)).await.unwrap();
            let mut answer = [0; 63];
            servers.read_exact(&mut answer).await.unwrap();
            servers
                .write_all(&[request(0, &[]), message(b'Z', b"I"), message(b'D', &[9; 100])].concat())
                .await
                .unwrap();
            answer
        });
        let mut seen = Vec::new();
        guarded.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, [request(0, &[]), message(b'Z', b"I"), message(b'D', &[9; 100])].concat());
        assert_eq!(server.await.unwrap()[..5], [b'd', 0, 0, 0, 62]);
    }

    #[test]
    fn a_way_of_login_that_redshift_does_not_have_is_refused() {
        for code in [2, 6, 7, 9, 10, 11, 12, 15, 99] {
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
