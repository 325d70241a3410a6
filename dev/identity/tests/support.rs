//! A client that takes nothing for granted: bytes there, bytes back.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use identity_stand_in::{AccessKey, Identity, Options, Signed, sign};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

pub const USER: &str = "operator@example.com";
pub const ROLE: &str = "arn:aws:iam::123456789012:role/redshift-admin";
pub const PROVIDER: &str = "arn:aws:iam::123456789012:saml-provider/okta";
pub const PAGE: &str = "/home/amazon_aws_redshift/0oa1a2b3c4/272";

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// What stands in an element of that name.
    pub fn element(&self, name: &str) -> String {
        let inside = self.body.split(&format!("<{name}>")).nth(1).unwrap_or_else(|| panic!("{name}: {self:?}"));
        inside.split('<').next().unwrap().to_owned()
    }

    /// The status, and the code of AWS's error.
    pub fn error(&self) -> (u16, String) {
        let json = serde_json::from_str::<serde_json::Value>(&self.body);
        let code = json.map_or_else(|_| self.element("Code"), |body| body["__type"].as_str().unwrap().to_owned());
        (self.status, code)
    }
}

/// The fake, and what a client of it knows.
pub struct Known {
    pub identity: Identity,
    pub password: String,
    pub key: AccessKey,
    pub web_token: String,
    pub container_token: String,
}

pub async fn start_with(options: Options) -> Known {
    let password = options.users[USER].password.clone();
    let (key, web_token) = (options.access_keys[0].clone(), options.web_identity.token.clone());
    let container_token = options.container_token.clone();
    Known { identity: Identity::start(options).await.unwrap(), password, key, web_token, container_token }
}

pub async fn start() -> Known {
    start_with(Options::default()).await
}

impl Known {
    /// A request over TLS.
    pub async fn send(&self, head: &str, headers: &[(&str, &str)], body: &str) -> std::io::Result<Answer> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.identity.ca_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(("127.0.0.1", self.identity.port())).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        exchange(stream, &self.identity.host(), head, headers, body).await
    }

    pub async fn authenticate(&self, password: &str) -> Answer {
        let body = serde_json::json!({"username": USER, "password": password}).to_string();
        self.send("POST /api/v1/authn", &[("Content-Type", "application/json")], &body).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[], "").await.unwrap()
    }

    /// An action that isn't signed.
    pub async fn query(&self, form: &str) -> Answer {
        let headers = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")];
        self.send("POST /", &headers, form).await.unwrap()
    }

    /// An action that is signed.
    pub async fn signed(&self, key: &AccessKey, service: &str, target: Option<&str>, body: &str) -> Answer {
        let date = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        self.signed_for(key, ("us-east-1", service), &date, target, body).await
    }

    pub async fn signed_for(
        &self,
        key: &AccessKey,
        (region, service): (&str, &str),
        date: &str,
        target: Option<&str>,
        body: &str,
    ) -> Answer {
        let host = self.identity.host();
        let content_type =
            if target.is_some() { "application/x-amz-json-1.1" } else { "application/x-www-form-urlencoded" };
        let mut headers = vec![("content-type", content_type), ("host", host.as_str()), ("x-amz-date", date)];
        headers.extend(key.token.as_deref().map(|token| ("x-amz-security-token", token)));
        headers.extend(target.map(|target| ("x-amz-target", target)));
        let signed = Signed { date, region, service, headers: &headers, body: body.as_bytes() };
        let signature = sign(&key.secret, &signed);
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let day = &date[..8];
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{day}/{region}/{service}/aws4_request, SignedHeaders={names}, Signature={signature}",
            key.id
        );
        headers.retain(|(name, _)| *name != "host");
        headers.push(("authorization", &authorization));
        self.send("POST /", &headers, body).await.unwrap()
    }

    /// What the endpoint of EKS Pod Identity answers to a token.
    pub async fn container(&self, token: &str) -> Answer {
        let url = self.identity.container_url();
        let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
        let stream = TcpStream::connect(host).await.unwrap();
        exchange(stream, host, &format!("GET /{path}"), &[("Authorization", token)], "").await.unwrap()
    }

    /// A session token and the assertion that is had for it.
    pub async fn assertion(&self) -> String {
        let token = self.authenticate(&self.password).await.json()["sessionToken"].as_str().unwrap().to_owned();
        let page = self.get(&format!("{PAGE}?onetimetoken={token}")).await;
        assertion_in(&page.body).unwrap()
    }
}

/// The value of the field in a page.
pub fn assertion_in(page: &str) -> Option<String> {
    let value = page.split("name=\"SAMLResponse\" type=\"hidden\" value=\"").nth(1)?.split('"').next()?;
    Some(value.replace("&#x2b;", "+").replace("&#x3d;", "="))
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    head: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Answer> {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    read.map_err(|_| Error::from(ErrorKind::TimedOut))??;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Err(ErrorKind::UnexpectedEof.into()) };
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok()).unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Ok(Answer { status, headers, body: body.to_owned() })
}

/// As it stands in a form.
pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
