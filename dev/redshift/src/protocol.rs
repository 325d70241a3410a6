//! The frames of the protocol: a type, a length that counts itself, a body.
//! <https://www.postgresql.org/docs/15/protocol-message-formats.html>

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest frame that is taken: a statement of 16 MB, and some room.
const LONGEST: usize = 64 * 1024 * 1024;

/// A message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its body.
    pub body: Vec<u8>,
}

impl Frame {
    /// A message.
    pub fn new(kind: u8, body: impl Into<Vec<u8>>) -> Self {
        Self { kind, body: body.into() }
    }

    /// The bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.body.len() + 4).unwrap_or(u32::MAX);
        [&[self.kind][..], &length.to_be_bytes(), &self.body].concat()
    }

    /// The text up to the first zero byte.
    pub fn text(&self) -> String {
        let end = self.body.iter().position(|byte| *byte == 0).unwrap_or(self.body.len());
        String::from_utf8_lossy(&self.body[..end]).into_owned()
    }

    /// The text that is all of the body, up to the zero byte at its end; `None` if there is something else.
    pub fn whole_text(&self) -> Option<&[u8]> {
        let (text, rest) = until_zero(&self.body)?;
        rest.is_empty().then_some(text)
    }

    /// A field of an error.
    pub fn field(&self, field: u8) -> Option<String> {
        self.body
            .split(|byte| *byte == 0)
            .find(|part| part.first() == Some(&field))
            .map(|part| String::from_utf8_lossy(&part[1..]).into_owned())
    }

    /// Reads one; `None` at the end of the stream, even in the middle of one.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Self>> {
        let mut head = [0; 5];
        if !fill(stream, &mut head).await? {
            return Ok(None);
        }
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if !(4..=LONGEST).contains(&length) {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "invalid message length"));
        }
        let mut body = vec![0; length - 4];
        Ok(fill(stream, &mut body).await?.then_some(Self { kind: head[0], body }))
    }
}

/// Reads as much as there is room for; `false` if the stream ends before.
async fn fill(stream: &mut (impl AsyncRead + Unpin), bytes: &mut [u8]) -> std::io::Result<bool> {
    match stream.read_exact(bytes).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A text that ends with a zero byte, and what is behind it.
pub fn until_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// What a client begins with.
#[derive(Debug)]
pub enum Startup {
    /// It asks for TLS.
    Tls,
    /// It asks for GSSAPI.
    Gss,
    /// It asks to cancel another's statement; the whole packet.
    Cancel(Vec<u8>),
    /// It begins a session with these parameters.
    Session(Vec<(String, String)>),
    /// It speaks another version of the protocol.
    Version(u32),
}

impl Startup {
    /// Reads one; `None` at the end of the stream, even in the middle of one.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Self>> {
        let mut head = [0; 8];
        if !fill(stream, &mut head).await? {
            return Ok(None);
        }
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let code = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let invalid = |what| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
        if !(8..=10_000).contains(&length) {
            return Err(invalid("invalid length of startup packet"));
        }
        let mut rest = vec![0; length - 8];
        if !fill(stream, &mut rest).await? {
            return Ok(None);
        }
        match code {
            80_877_103 => Ok(Some(Self::Tls)),
            80_877_104 => Ok(Some(Self::Gss)),
            80_877_102 => Ok(Some(Self::Cancel([&head[..], &rest].concat()))),
            196_608 => {
                let texts: Vec<_> =
                    rest.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
                let pairs = texts.chunks(2).filter(|pair| pair.len() == 2 && !pair[0].is_empty());
                Ok(Some(Self::Session(pairs.map(|pair| (pair[0].clone(), pair[1].clone())).collect())))
            }
            version => Ok(Some(Self::Version(version))),
        }
    }

    /// The packet that begins a session.
    pub fn packet(parameters: &[(String, String)]) -> Vec<u8> {
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        for (name, value) in parameters {
            body.extend(name.as_bytes());
            body.push(0);
            body.extend(value.as_bytes());
            body.push(0);
        }
        body.push(0);
        let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
        [&length.to_be_bytes()[..], &body].concat()
    }
}
