//! A client that knows the frames of the protocol and nothing more: it can send what no well-behaved client does.

use std::sync::Arc;
use std::time::Duration;

use md5::{Digest, Md5};
use redshift_stand_in::StandIn;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Only what hangs takes this long.
pub const BOUND: Duration = Duration::from_mins(1);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A message of the server's.
pub type Answer = (u8, Vec<u8>);

pub struct Wire {
    stream: Box<dyn Stream>,
    /// What the server said of itself.
    pub parameters: Vec<(String, String)>,
    /// The body of `BackendKeyData`.
    pub key: Vec<u8>,
}

pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind], length.to_be_bytes().as_slice(), body].concat()
}

/// Parse, Bind, Describe, Execute of the unnamed statement; no Sync.
pub fn extended(sql: &[u8]) -> Vec<u8> {
    [
        message(b'P', &[&[0], sql, &[0, 0, 0]].concat()),
        message(b'B', &[0; 8]),
        message(b'D', b"P\0"),
        message(b'E', &[0; 5]),
    ]
    .concat()
}

pub fn sync() -> Vec<u8> {
    message(b'S', b"")
}

pub fn simple(sql: &[u8]) -> Vec<u8> {
    message(b'Q', &[sql, &[0]].concat())
}

/// A field of an error or a notice.
pub fn field(body: &[u8], field: u8) -> String {
    let found = body.split(|byte| *byte == 0).find(|part| part.first() == Some(&field));
    found.map(|part| String::from_utf8_lossy(&part[1..]).into_owned()).unwrap_or_default()
}

/// The code of the first error, `ok`, or `lost` if the answer doesn't end as one does.
pub fn outcome(answers: &[Answer]) -> String {
    if let Some((_, body)) = answers.iter().find(|(kind, _)| *kind == b'E') {
        return field(body, b'C');
    }
    if answers.last().is_some_and(|(kind, _)| *kind == b'Z') { "ok".to_owned() } else { "lost".to_owned() }
}

pub fn count(answers: &[Answer], kind: u8) -> usize {
    answers.iter().filter(|(is, _)| *is == kind).count()
}

impl Wire {
    /// A connection, before anything is said on it.
    pub async fn open(stand_in: &StandIn, tls: bool) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", stand_in.port())).await.unwrap();
        stream.set_nodelay(true).unwrap();
        if !tls {
            return Self { stream: Box::new(stream), parameters: Vec::new(), key: Vec::new() };
        }
        stream.write_all(&[0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F]).await.unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *b"S");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(stand_in.ca_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        Self { stream: Box::new(stream), parameters: Vec::new(), key: Vec::new() }
    }

    /// The first user's session in `dev`.
    pub async fn admin(stand_in: &StandIn, tls: bool) -> Self {
        let mut wire = Self::open(stand_in, tls).await;
        let answers = wire.log_in(stand_in.admin_user(), stand_in.admin_password(), "dev").await;
        assert_eq!(outcome(&answers), "ok", "{answers:?}");
        wire
    }

    pub async fn start_up(&mut self, parameters: &[(&str, &str)]) {
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        for text in parameters.iter().flat_map(|(name, value)| [name, value]) {
            body.extend(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        let length = u32::try_from(body.len() + 4).unwrap();
        self.raw(&[length.to_be_bytes().to_vec(), body].concat()).await;
    }

    pub async fn log_in(&mut self, user: &str, password: &str, database: &str) -> Vec<Answer> {
        self.start_up(&[("user", user), ("database", database)]).await;
        let mut answers = Vec::new();
        while let Some((kind, body)) = self.frame().await {
            match kind {
                b'R' if body.starts_with(&[0, 0, 0, 5]) => {
                    let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                    let inner = hex(&Md5::digest(format!("{password}{user}")));
                    let outer = hex(&Md5::digest([inner.as_bytes(), &body[4..]].concat()));
                    self.raw(&message(b'p', format!("md5{outer}\0").as_bytes())).await;
                }
                b'S' => {
                    let texts: Vec<_> =
                        body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
                    self.parameters.push((texts[0].clone(), texts[1].clone()));
                }
                b'K' => self.key.clone_from(&body),
                _ => {}
            }
            answers.push((kind, body));
            if kind == b'Z' {
                break;
            }
        }
        answers
    }

    /// Sends bytes; that nobody reads them any more shows in the answer.
    pub async fn raw(&mut self, bytes: &[u8]) {
        let sent = async {
            let _ = self.stream.write_all(bytes).await;
            let _ = self.stream.flush().await;
        };
        tokio::time::timeout(BOUND, sent).await.expect("the stand-in hangs: it reads nothing");
    }

    /// No more will be sent.
    pub async fn half_close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// The next message; `None` if the connection has ended.
    pub async fn frame(&mut self) -> Option<Answer> {
        let read = async {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            let mut body = vec![0; length - 4];
            self.stream.read_exact(&mut body).await.ok()?;
            Some((head[0], body))
        };
        tokio::time::timeout(BOUND, read).await.expect("the stand-in hangs: no answer")
    }

    /// All messages up to `ReadyForQuery` or the end.
    pub async fn answers(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some(answer) = self.frame().await {
            let is_last = answer.0 == b'Z';
            answers.push(answer);
            if is_last {
                break;
            }
        }
        answers
    }

    pub async fn simple(&mut self, sql: &str) -> Vec<Answer> {
        self.raw(&simple(sql.as_bytes())).await;
        self.answers().await
    }

    pub async fn extended(&mut self, sql: &str) -> Vec<Answer> {
        self.raw(&[extended(sql.as_bytes()), sync()].concat()).await;
        self.answers().await
    }
}
