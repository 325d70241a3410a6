//! A warehouse that is far away: what is sent arrives later, and nothing else is different.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// What is under way in one direction, in reads.
const UNDER_WAY: usize = 1024;

/// The other end of a client's connection, a round trip away.
pub(crate) fn from_afar(client: TcpStream, round_trip: Duration) -> DuplexStream {
    let (here, there) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        // TCP's own handshake, which is over already, would have taken as long.
        sleep(round_trip).await;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = tokio::io::split(there);
        let one_way = round_trip / 2;
        tokio::join!(carry(from_client, to_server, one_way), carry(from_server, to_client, one_way));
    });
    here
}

/// Until one of the two ends is gone.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, one_way: Duration) {
    let (leave, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let leaves = async move {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            if leave.send((Instant::now() + one_way, bytes[..read].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let arrives = async move {
        while let Some((at, bytes)) = under_way.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(leaves, arrives);
}
