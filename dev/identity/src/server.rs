//! The listeners, and how an answer goes out, be it right or on order.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use axum::body::Body;
use futures::stream;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::faults::Fault;
use crate::recorded::{Request, Step};
use crate::{Shared, aws, container, okta};

/// Longest body of a request.
const LONGEST: usize = 4 * 1024 * 1024;

/// A certificate authority; cheap to clone, so that several fakes may have the same one.
#[derive(Clone)]
pub struct Authority {
    issuer: Arc<Issuer<'static, KeyPair>>,
    pem: String,
}

impl Authority {
    /// A new one.
    pub fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::new(Vec::new())?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Each has a name of its own, as authorities have: else one would be looked for under the name of another.
        let name = format!("Okta and AWS, for tests ({})", crate::random_hex(4));
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        let pem = parameters.self_signed(&key)?.pem();
        Ok(Self { issuer: Arc::new(Issuer::new(parameters, key)), pem })
    }

    /// Its certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let key = KeyPair::generate()?;
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names)?.signed_by(&key, &*self.issuer)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| anyhow!("the key: {error}"))?;
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// An answer, before it goes out.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: body.into() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn response(self) -> anyhow::Result<Response<Body>> {
        let Self { status, headers, body } = self;
        head(status, headers, Body::from(body))
    }
}

fn head(status: u16, headers: Vec<(String, String)>, body: Body) -> anyhow::Result<Response<Body>> {
    let start = Response::builder().status(status);
    let response = headers.into_iter().fold(start, |response, (name, value)| response.header(name, value));
    Ok(response.body(body)?)
}

/// Takes connections, until it is dropped.
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        let (shared, tls) = (shared.clone(), tls.clone());
        connections.spawn(async move {
            match tls {
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(shared, stream, true).await;
                    }
                }
                None => serve(shared, stream, false).await,
            }
        });
    }
}

async fn serve(shared: Arc<Shared>, stream: impl AsyncRead + AsyncWrite + Unpin, is_encrypted: bool) {
    let service = service_fn(|request| answer(&shared, request, is_encrypted));
    // An error is what a client gets that goes away, or a fault.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(shared: &Shared, request: HttpRequest<Incoming>, is_encrypted: bool) -> anyhow::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(Body::new(body), LONGEST).await?;
    let request = Request::new(&parts, &bytes, is_encrypted);
    shared.requests().push(request.clone());
    let Some(fault) = shared.faults.next(request.step) else { return right(shared, &request).await.response() };
    match fault {
        Fault::Status { code, headers, body } => Answer { status: code, headers, body: body.into() }.response(),
        Fault::Body { content_type, body } => Answer::new(200, &content_type, body).response(),
        Fault::AwsError { code, message, status } => {
            aws::Error { code, message, status }.answer(aws::Protocol::of(request.step)).response()
        }
        Fault::Silence => shared.faults.silence().await,
        Fault::SilenceAfter => {
            right(shared, &request).await;
            shared.faults.silence().await
        }
        // Whatever error: the server hangs up.
        Fault::Close => Err(anyhow!("closed on order")),
        Fault::CloseAfter => {
            right(shared, &request).await;
            Err(anyhow!("closed on order, and done"))
        }
        Fault::Delay { milliseconds } => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            right(shared, &request).await.response()
        }
        Fault::Drip { bytes, milliseconds } => {
            let Answer { status, mut headers, body } = right(shared, &request).await;
            headers.push(("Content-Length".to_owned(), body.len().to_string()));
            head(status, headers, in_pieces(&body, bytes, Duration::from_millis(milliseconds)))
        }
        Fault::Huge { bytes } => {
            let headers = vec![("Content-Type".to_owned(), "text/html".to_owned())];
            head(200, headers, spaces(bytes))
        }
        Fault::Redirect { to } => Answer::new(302, "text/html", "").with("Location", &to).response(),
    }
}

async fn right(shared: &Shared, request: &Request) -> Answer {
    match request.step {
        Step::OktaAuthentication => okta::authenticate(shared, request),
        Step::OktaApplication => okta::application(shared, request),
        Step::ContainerCredentials => container::credentials(shared, request),
        Step::Unknown if request.path != "/" => Answer::new(404, "text/plain", "not found"),
        _ => aws::answer(shared, request).await,
    }
}

fn in_pieces(body: &[u8], bytes: usize, pause: Duration) -> Body {
    let pieces: Vec<Vec<u8>> = body.chunks(bytes.max(1)).map(<[u8]>::to_vec).collect();
    Body::from_stream(stream::unfold(pieces.into_iter(), move |mut pieces| async move {
        let piece = pieces.next()?;
        tokio::time::sleep(pause).await;
        Some((Ok::<_, Infallible>(piece), pieces))
    }))
}

/// Made as they are taken: nobody holds them all.
fn spaces(bytes: usize) -> Body {
    const PIECE: usize = 64 * 1024;
    Body::from_stream(stream::unfold(bytes, |left| async move {
        let piece = left.min(PIECE);
        (piece > 0).then(|| (Ok::<_, Infallible>(vec![b' '; piece]), left - piece))
    }))
}
