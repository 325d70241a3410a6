//! Stands between an operator and the API server, counts what the operator writes, and does to a chosen
//! write what networks, API servers and crashes do. Reads and watches pass through; so do events, which
//! nothing depends on.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use kube::config::{AuthInfo, KubeConfigOptions};
use kube::{Client, Config};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to a write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ApiAction {
    /// It gets an error for an answer, and isn't done.
    Answer(u16),
    /// The connection breaks, and it isn't done.
    BreakBefore,
    /// It is done, and the connection breaks.
    BreakAfter,
    /// It is done after a while, whether or not anybody waits for it.
    Late(Duration),
    /// It waits until its sender is gone, and isn't done.
    HoldBefore,
    /// It is done, and the answer waits until its receiver is gone.
    HoldAfter,
}

#[derive(Clone, Debug)]
struct Fault {
    write: String,
    occurrence: u64,
    action: ApiAction,
    seen: u64,
    fired: u64,
}

#[derive(Default)]
struct Book {
    writes: Vec<String>,
    fault: Option<Fault>,
    /// Each write of this name is done so much later.
    slow: Option<(String, Duration)>,
}

struct Shared {
    client: Client,
    book: Mutex<Book>,
    held: watch::Sender<usize>,
}

/// A running proxy; it ends when it is dropped.
pub struct ApiProxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// An answer that never comes: the connection is closed instead.
#[derive(Debug, thiserror::Error)]
#[error("broken on order")]
struct Broken;

impl ApiProxy {
    /// Starts one in front of the API server that the environment's kubeconfig names. Who asks proves it
    /// with a token of their own, which is passed on.
    pub async fn start() -> Self {
        let mut config = Config::from_kubeconfig(&KubeConfigOptions::default()).await.unwrap();
        config.auth_info = AuthInfo::default();
        let client = Client::try_from(config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { client, book: Mutex::default(), held: watch::Sender::new(0) });
        let task = tokio::spawn(accept(shared.clone(), listener));
        Self { shared, address, task }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All writes so far, as verb and resource, whatever came of them.
    pub fn writes(&self) -> Vec<String> {
        self.shared.book().writes.clone()
    }

    /// Sets the one fault: at the n-th (from 1) of the writes that are called so, once.
    pub fn set(&self, write: &str, occurrence: u64, action: ApiAction) {
        let fault = Fault { write: write.to_owned(), occurrence, action, seen: 0, fired: 0 };
        self.shared.book().fault = Some(fault);
    }

    /// From now on each write that is called so is done so much later.
    pub fn slow_down(&self, write: &str, by: Duration) {
        self.shared.book().slow = Some((write.to_owned(), by));
    }

    /// How often the fault has fired.
    pub fn fired(&self) -> u64 {
        self.shared.book().fault.as_ref().map_or(0, |fault| fault.fired)
    }

    /// Takes the fault back.
    pub fn clear(&self) {
        self.shared.book().fault = None;
    }

    /// Waits until a write is held.
    pub async fn held(&self) {
        let _ = self.shared.held.subscribe().wait_for(|count| *count > 0).await;
    }

    /// Waits until whoever sent what was held is known to be gone.
    pub async fn let_go(&self) {
        let _ = self.shared.held.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a write, and finds what is to happen to it.
    fn note(&self, write: String) -> Option<ApiAction> {
        let mut book = self.book();
        let slow = book.slow.as_ref().filter(|(name, _)| *name == write).map(|(_, by)| ApiAction::Late(*by));
        let fault = book.fault.as_mut().filter(|fault| fault.write == write && fault.fired == 0);
        let action = fault.and_then(|fault| {
            fault.seen += 1;
            (fault.seen == fault.occurrence).then(|| {
                fault.fired = 1;
                fault.action
            })
        });
        book.writes.push(write);
        action.or(slow)
    }

    /// Waits until the connection is closed, with which this future ends.
    async fn hold(&self) -> Infallible {
        self.held.send_modify(|count| *count += 1);
        let _counted = Counted(&self.held);
        std::future::pending().await
    }

    async fn pass_on(&self, parts: hyper::http::request::Parts, body: Vec<u8>) -> Result<Response<Body>, Broken> {
        let request = Request::from_parts(parts, Body::from(body));
        let mut response = self.client.send(request).await.map_err(|_| Broken)?;
        // Of the connection behind, not of the one in front.
        for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
            response.headers_mut().remove(name);
        }
        *response.version_mut() = hyper::Version::HTTP_11;
        Ok(response)
    }
}

struct Counted<'a>(&'a watch::Sender<usize>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(shared.clone(), stream));
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(shared.clone(), request));
    // Clients come and go.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Broken> {
    let action = write(request.method().as_str(), request.uri().path()).and_then(|write| shared.note(write));
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(axum::body::Body::new(body), usize::MAX).await.map_err(|_| Broken)?.to_vec();
    match action {
        None => shared.pass_on(parts, body).await,
        Some(ApiAction::Answer(code)) => Ok(refusal(code)),
        Some(ApiAction::BreakBefore) => Err(Broken),
        Some(ApiAction::BreakAfter) => {
            shared.pass_on(parts, body).await?;
            Err(Broken)
        }
        Some(ApiAction::Late(delay)) => {
            // A task of its own: the write comes even when nobody waits for the answer any more.
            let late = tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                shared.pass_on(parts, body).await
            });
            late.await.map_err(|_| Broken)?
        }
        Some(ApiAction::HoldBefore) => match shared.hold().await {},
        Some(ApiAction::HoldAfter) => {
            shared.pass_on(parts, body).await?;
            match shared.hold().await {}
        }
    }
}

/// What a request is called, if it writes something that matters.
fn write(method: &str, path: &str) -> Option<String> {
    let mut parts = path.trim_matches('/').split('/').skip_while(|part| *part != "namespaces").skip(2);
    let resource = parts.next()?;
    let part = parts.nth(1).map(|part| format!("/{part}")).unwrap_or_default();
    let writes = matches!(method, "POST" | "PUT" | "PATCH" | "DELETE") && resource != "events";
    writes.then(|| format!("{method} {resource}{part}"))
}

/// An error as the API server would put it.
fn refusal(code: u16) -> Response<Body> {
    let reason = if code == 409 { "Conflict" } else { "InternalError" };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {}, "message": "on order",
        "reason": reason, "code": code,
    });
    let mut response = Response::new(Body::from(status.to_string().into_bytes()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
