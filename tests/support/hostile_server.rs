//! A server that means no good, or is broken: it does what a script says, to everybody who connects.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// What a server does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads the first message of a client, which has no type.
    ReadFirst,
    /// Reads a message.
    Read,
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends them again and again.
    SendForever(Vec<u8>),
    /// Sends them again and again, a byte at a time.
    Drip(Vec<u8>),
    /// Answers so many statements with one row, as if all was well.
    Answer(usize),
    /// Says nothing more, and reads nothing.
    Silence,
}

/// A running server; it ends when it is dropped.
pub struct HostileServer {
    port: u16,
    accepting: JoinHandle<()>,
}

impl HostileServer {
    /// Starts one. It closes each connection at the end of its script.
    pub async fn start(script: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Arc::new(script);
        let accepting = tokio::spawn(async move {
            let mut clients = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let script = script.clone();
                clients.spawn(async move { play(client, &script).await });
            }
        });
        Self { port, accepting }
    }

    /// Starts one that no connection comes through to, as if the network swallowed what is sent: its queue is full, and it
    /// takes nobody out of it.
    pub async fn unreachable() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        // Whoever comes through late is only one more in the queue.
        while let Ok(Ok(client)) = tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address)).await {
            queue.push(client);
        }
        let accepting = tokio::spawn(async move {
            let _kept = (listener, queue);
            std::future::pending::<()>().await;
        });
        Self { port: address.port(), accepting }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn play(mut client: TcpStream, script: &[Step]) -> std::io::Result<()> {
    for step in script {
        match step {
            Step::ReadFirst => read(&mut client, 0).await?,
            Step::Read => read(&mut client, 1).await?,
            Step::Send(bytes) => client.write_all(bytes).await?,
            Step::SendForever(bytes) => loop {
                client.write_all(bytes).await?;
            },
            Step::Drip(bytes) => {
                for byte in bytes.iter().cycle() {
                    client.write_all(&[*byte]).await?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Step::Answer(times) => {
                for _ in 0..*times {
                    read(&mut client, 1).await?;
                    let row = row(&[b"x", b"1", b"1", b"", b"", b"", b""]);
                    client.write_all(&[columns(7), row, done(), ready()].concat()).await?;
                }
            }
            Step::Silence => std::future::pending().await,
        }
    }
    Ok(())
}

/// Reads a message behind so many bytes of its type.
async fn read(client: &mut TcpStream, type_length: usize) -> std::io::Result<()> {
    let mut head = vec![0; type_length + 4];
    client.read_exact(&mut head).await?;
    let length = u32::from_be_bytes(head[type_length..].try_into().unwrap());
    let mut body = vec![0; (length as usize).saturating_sub(4).min(1 << 20)];
    client.read_exact(&mut body).await.map(|_| ())
}

/// A message.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

/// A request for a login, or that it is done.
pub fn request(code: u32, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes(), rest].concat())
}

/// That a statement may be sent.
pub fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// That a statement is done.
pub fn done() -> Vec<u8> {
    message(b'C', b"SELECT\0")
}

/// The description of so many columns.
pub fn columns(count: u16) -> Vec<u8> {
    let column = [&b"c\0"[..], &[0; 18]].concat();
    message(b'T', &[&count.to_be_bytes()[..], &column.repeat(count.into())].concat())
}

/// A row.
pub fn row(values: &[&[u8]]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend_from_slice(value);
    }
    message(b'D', &body)
}

/// An error with its fields, each a type and its text.
pub fn error(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let fields: Vec<_> = fields.iter().flat_map(|(tag, text)| [&[*tag], *text, &[0]].concat()).collect();
    message(b'E', &[fields, vec![0]].concat())
}

/// A login that asks for no password, up to the point where a statement may be sent.
pub fn login() -> Vec<Step> {
    let parameter = message(b'S', b"server_version\x008.0.2\0");
    vec![Step::ReadFirst, Step::Send([request(0, &[]), parameter, message(b'K', &[0; 8]), ready()].concat())]
}
