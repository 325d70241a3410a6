//! The way to the API server: from a kubeconfig or a pod's service account, through a proxy where one is set.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioExecutor;
use kube::client::retry::RetryPolicy;
use kube::client::{ClientBuilder, ConfigExt};
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use thiserror::Error;
use tower::retry::RetryLayer;
use tower::{BoxError, ServiceBuilder};
use tracing::info;

use super::causes::chain;

/// How long the API server may take to accept a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// How long an open connection may be silent. Longer than a watch lasts (2 min), which may be: this ends what would wait for a
/// dead server for ever.
const LONGEST_SILENCE: Duration = Duration::from_mins(3);

/// Why there is no way to an API server. None of these texts quotes what stands in a kubeconfig, which holds credentials.
#[derive(Debug, Error)]
pub enum ClientError {
    /// There is neither a kubeconfig nor a service account.
    #[error("no cluster to work in: {0}; set KUBECONFIG to a kubeconfig, or run in a pod with a service account")]
    Nowhere(InClusterError),
    /// The kubeconfig can't be used.
    #[error("the kubeconfig {path} can't be used: {why}")]
    Kubeconfig {
        /// Where it is, or what KUBECONFIG says.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The proxy can't be used.
    #[error("the proxy for the API server can't be used: {0}")]
    Proxy(String),
    /// What the configuration names can't be used.
    #[error("the API server's client can't be set up: {0}")]
    Setup(String),
}

/// Which API server, where it isn't the usual one.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The kubeconfig.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it, where it isn't the current one.
    pub context: Option<String>,
}

/// A client for the API server that is chosen, or that KUBECONFIG names, or `~/.kube/config`, or else for that of the pod.
///
/// # Errors
///
/// If there is none, or what is set for it can't be used.
pub fn connect(choice: &Choice) -> Result<Client, ClientError> {
    let mut config = configuration(choice)?;
    config.connect_timeout = Some(CONNECT_DEADLINE);
    config.read_timeout = Some(LONGEST_SILENCE);
    // Else the time that a connection was idle would count.
    config.reset_reader_on_write = true;
    if let Some(proxy) = &config.proxy_url {
        // Without its user and password.
        info!(proxy = proxy.host(), port = proxy.port_u16(), "the API server is reached through a proxy");
    }
    // Through a proxy the way is longer anyway, and kube's own client knows each kind of them.
    let client = if config.proxy_url.is_some() { Client::try_from(config) } else { straight(&config) };
    client.map_err(|error| match error {
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => {
            ClientError::Proxy("its address begins with none of http://, https:// and socks5://".to_owned())
        }
        other => ClientError::Setup(chain(&other)),
    })
}

/// A client without a proxy: kube's own, but for how connections are made.
fn straight(config: &Config) -> Result<Client, kube::Error> {
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp())?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry())))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(legacy::Builder::new(TokioExecutor::new()).build(connector));
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}

/// Connections that hold nothing back: the first request would wait for the server to acknowledge the end of the TLS
/// handshake, which takes its time for it (40 ms).
fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector
}

fn configuration(choice: &Choice) -> Result<Config, ClientError> {
    let show = |path: &Path| path.display().to_string();
    let chosen = choice.kubeconfig.as_deref().map(show);
    let named = chosen.or_else(|| std::env::var("KUBECONFIG").ok().filter(|path| !path.is_empty()));
    let usual = || usual_place().filter(|path| path.exists() || choice.context.is_some());
    let Some(path) = named.or_else(|| usual().as_deref().map(show)) else {
        // Straight to the service's address, whatever proxy there is for the world outside.
        return Config::incluster().map_err(ClientError::Nowhere);
    };
    let refused = |why| ClientError::Kubeconfig { path: path.clone(), why };
    let read = match &choice.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let mut kubeconfig = read.map_err(|error| refused(said(&error)))?;
    if choice.context.is_some() {
        kubeconfig.current_context.clone_from(&choice.context);
    }
    let cluster = cluster(&mut kubeconfig);
    let server = cluster.as_ref().and_then(|cluster| cluster.server.as_deref()).map(str::parse::<Uri>);
    let proxy = match (&cluster, server) {
        // Its own proxy is meant for it, whatever the environment says.
        (Some(cluster), _) if cluster.proxy_url.as_ref().is_some_and(|proxy| !proxy.is_empty()) => {
            cluster.proxy_url.as_deref().map(uri).transpose()?
        }
        (_, Some(Ok(server))) => Environment::of_process().proxy(&server)?,
        _ => None,
    };
    let options = KubeConfigOptions::default();
    let config = futures::executor::block_on(Config::from_custom_kubeconfig(kubeconfig, &options));
    let mut config = config.map_err(|error| match error {
        KubeconfigError::ParseProxyUrl(_) => ClientError::Proxy("its address is no URL".to_owned()),
        KubeconfigError::ParseNoProxy(_) => ClientError::Proxy(
            "NO_PROXY has an entry that is no name, no address and no range; write them separated by single commas"
                .to_owned(),
        ),
        other => refused(said(&other)),
    })?;
    // The client's own choice compares NO_PROXY with the proxy's name instead of the server's.
    config.proxy_url = proxy;
    Ok(config)
}

fn usual_place() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".kube").join("config"))
}

/// The cluster of the current context.
fn cluster(kubeconfig: &mut Kubeconfig) -> Option<kube::config::Cluster> {
    let context = kubeconfig.current_context.as_ref()?;
    let context = kubeconfig.contexts.iter().find(|named| named.name == *context)?.context.as_ref()?;
    kubeconfig.clusters.iter().find(|named| named.name == context.cluster)?.cluster.clone()
}

/// What the environment says of proxies.
#[derive(Debug, Default)]
struct Environment {
    https: String,
    http: String,
    all: String,
    none: String,
}

impl Environment {
    fn of_process() -> Self {
        let first = |names: [&str; 2]| {
            let mut values = names.iter().filter_map(|name| std::env::var(name).ok());
            values.find(|value| !value.trim().is_empty()).unwrap_or_default().trim().to_owned()
        };
        Self {
            https: first(["HTTPS_PROXY", "https_proxy"]),
            http: first(["HTTP_PROXY", "http_proxy"]),
            all: first(["ALL_PROXY", "all_proxy"]),
            none: first(["NO_PROXY", "no_proxy"]),
        }
    }

    /// The proxy for a server.
    fn proxy(&self, server: &Uri) -> Result<Option<Uri>, ClientError> {
        let own = if server.scheme_str() == Some("http") { &self.http } else { &self.https };
        let proxy = if own.is_empty() { &self.all } else { own };
        if proxy.is_empty() {
            return Ok(None);
        }
        let entries: Vec<_> = self.none.split(',').map(str::trim).collect();
        // The matcher takes it for names alone, and the address of an API server is often none.
        if entries.contains(&"*") {
            return Ok(None);
        }
        // An entry may name the port, which the matcher doesn't know, or begin with an asterisk.
        let port = format!(":{}", server.port_u16().unwrap_or(443));
        let bare = entries.into_iter().map(|entry| {
            let host = entry.strip_suffix(&port).filter(|host| !host.contains(':') || host.ends_with(']'));
            host.unwrap_or(entry).trim_start_matches(['*', '[']).trim_end_matches(']')
        });
        let bare: Vec<_> = bare.collect();
        let matcher = Matcher::builder().all("http://any").no(bare.join(",")).build();
        if matcher.intercept(server).is_some() { uri(proxy).map(Some) } else { Ok(None) }
    }
}

/// A proxy's address, by default one of HTTP.
fn uri(text: &str) -> Result<Uri, ClientError> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: Option<Uri> = text.parse().ok();
    uri.filter(|uri| uri.host().is_some_and(|host| !host.is_empty())).ok_or_else(|| {
        ClientError::Proxy("its address is no URL; write one such as http://proxy.example.com:3128".to_owned())
    })
}

/// What is wrong with a kubeconfig; not in the words of who read it where those may quote it.
fn said(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(source, _) => source.to_string(),
        KubeconfigError::Parse(_) => "it is no valid YAML of a kubeconfig".to_owned(),
        KubeconfigError::LoadCertificateAuthority(_) | KubeconfigError::ParseCertificates(_) => {
            "its certificate authority can't be read".to_owned()
        }
        KubeconfigError::LoadClientCertificate(_) => "its client certificate can't be read".to_owned(),
        KubeconfigError::LoadClientKey(_) => "its client key can't be read".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn small_requests_are_not_held_back() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let connection = tcp().oneshot(server).await.unwrap();
        assert!(connection.inner().nodelay().unwrap());
    }

    fn through(environment: &Environment, server: &str) -> Option<String> {
        environment.proxy(&server.parse().unwrap()).unwrap().map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_environment_says_which_proxy_is_for_which_server() {
        let environment = |none: &str| Environment {
            https: "http://user:secret@proxy:3128".to_owned(),
            http: "plain:80".to_owned(),
            none: none.to_owned(),
            ..Environment::default()
        };
        let server = "https://api.example.com:6443";
        assert_eq!(through(&environment(""), server).unwrap(), "http://user:secret@proxy:3128/");
        assert_eq!(through(&environment(""), "http://api.example.com").unwrap(), "http://plain:80/");
        for none in [
            "api.example.com",
            "example.com",
            ".example.com",
            "*.example.com",
            "other,  api.example.com",
            "api.example.com:6443",
            "*",
        ] {
            assert_eq!(through(&environment(none), server), None, "{none}");
        }
        for none in ["proxy", "example.org", "api.example.com:443", "ample.com"] {
            assert!(through(&environment(none), server).is_some(), "{none}");
        }
        assert_eq!(through(&environment("10.0.0.0/8"), "https://10.1.2.3"), None);
        for none in ["127.0.0.1", "127.0.0.1:6443", "127.0.0.0/8", "a, *"] {
            assert_eq!(through(&environment(none), "https://127.0.0.1:6443"), None, "{none}");
        }
        for none in ["fd00::443", "[fd00::443]", "[fd00::443]:443", "fd00::/8", "*"] {
            assert_eq!(through(&environment(none), "https://[fd00::443]"), None, "{none}");
        }
        assert!(through(&environment("10.0.0.0/8"), "https://11.1.2.3").is_some());
        assert_eq!(through(&Environment::default(), server), None);
    }

    #[test]
    fn a_proxy_that_has_no_address_is_refused_and_not_quoted() {
        for proxy in ["http://", "http://user:secret@", "http://user:secret@a b"] {
            let environment = Environment { https: proxy.to_owned(), ..Environment::default() };
            let error = environment.proxy(&"https://api".parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains("http://proxy.example.com:3128") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_kubeconfig_that_cannot_be_read_is_not_quoted() {
        let error = Kubeconfig::from_yaml("users: [{name: a, user: {token: {Canary-7f3a}}}]").unwrap_err();
        assert!(!said(&error).contains("Canary"), "{error}");
    }
}
