//! Stands between an operator and the API server as a network does: it passes bytes on, or doesn't.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of connections: those that are there, and those that come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Passage {
    /// They are passed on.
    Open,
    /// They are closed.
    Closed,
    /// They are kept open, and nothing comes back.
    Silent,
    /// A proxy answers with this status and makes none.
    Refused(u16),
}

/// A running relay; it ends when it is dropped.
pub struct Relay {
    address: SocketAddr,
    passage: watch::Sender<Passage>,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts one in front of a server.
    pub async fn to(server: &str) -> Self {
        Self::start(Some(server.to_owned())).await
    }

    /// Starts a proxy of HTTP, which connects to whatever it is asked for.
    pub async fn proxy() -> Self {
        Self::start(None).await
    }

    async fn start(server: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (passage, asked) = (watch::Sender::new(Passage::Open), Arc::new(Mutex::new(Vec::new())));
        let (open, heads) = (passage.clone(), asked.clone());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, server.clone(), open.subscribe(), heads.clone()));
            }
        });
        Self { address, passage, asked, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets connections pass, or not.
    pub fn set(&self, passage: Passage) {
        self.passage.send_replace(passage);
    }

    /// What a proxy was asked for: the heads of the requests.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut client: TcpStream,
    server: Option<String>,
    mut passage: watch::Receiver<Passage>,
    asked: Arc<Mutex<Vec<String>>>,
) {
    let now = *passage.borrow();
    if let Passage::Refused(status) = now {
        if head(&mut client, &asked).await.is_ok() {
            let _ = client.write_all(format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
        }
        return;
    }
    let passed_on = async {
        let server = match server {
            Some(server) => server,
            None => connect_request(&mut client, &asked).await?,
        };
        let mut server = TcpStream::connect(server).await?;
        copy_bidirectional(&mut client, &mut server).await
    };
    if now == Passage::Open {
        tokio::select! {
            _ = passed_on => return,
            _ = passage.wait_for(|passage| *passage != Passage::Open) => {}
        }
    }
    // Whoever fell silent stays so until connections are closed.
    let _ = passage.wait_for(|passage| *passage == Passage::Closed).await;
}

/// Reads the request for a tunnel and agrees to it; gives the server.
async fn connect_request(client: &mut TcpStream, asked: &Mutex<Vec<String>>) -> std::io::Result<String> {
    let server = head(client, asked).await?.split_whitespace().nth(1).unwrap_or_default().to_owned();
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    Ok(server)
}

/// Reads the request for a tunnel.
async fn head(client: &mut TcpStream, asked: &Mutex<Vec<String>>) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    asked.lock().unwrap().push(head.clone());
    Ok(head)
}
