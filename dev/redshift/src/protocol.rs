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

    /// An error, in the fields that clients read.
    pub fn error(sqlstate: &str, message: &str, hint: Option<&str>) -> Self {
        let mut body = Vec::new();
        let fields = [(b'S', "ERROR"), (b'V', "ERROR"), (b'C', sqlstate), (b'M', message)];
        for (field, text) in fields.into_iter().chain(hint.map(|hint| (b'H', hint))) {
            body.push(field);
            body.extend(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        Self::new(b'E', body)
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

    /// A field of an error.
    pub fn field(&self, field: u8) -> Option<String> {
        self.body
            .split(|byte| *byte == 0)
            .find(|part| part.first() == Some(&field))
            .map(|part| String::from_utf8_lossy(&part[1..]).into_owned())
    }

    /// Reads one; `None` at the end of the stream.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Self>> {
        let mut head = [0; 5];
        if let Err(error) = stream.read_exact(&mut head).await {
            return if error.kind() == std::io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
        }
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if !(4..=LONGEST).contains(&length) {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "a frame of an impossible length"));
        }
        let mut body = vec![0; length - 4];
        stream.read_exact(&mut body).await?;
        Ok(Some(Self { kind: head[0], body }))
    }
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
}

impl Startup {
    /// Reads one; `None` at the end of the stream.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Self>> {
        let mut head = [0; 8];
        if stream.read_exact(&mut head).await.is_err() {
            return Ok(None);
        }
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let code = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let invalid = |what| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
        if !(8..=10_000).contains(&length) {
            return Err(invalid("a startup packet of an impossible length"));
        }
        let mut rest = vec![0; length - 8];
        stream.read_exact(&mut rest).await?;
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
            _ => Err(invalid("a protocol version that is not spoken here")),
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
