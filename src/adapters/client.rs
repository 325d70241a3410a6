//! The way to the API server: from a kubeconfig or a pod's service account, through a proxy where one is set.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
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
use super::proxy::{self, Unusable};

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
    Proxy(#[from] Unusable),
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
            ClientError::Proxy(Unusable("its address begins with none of http://, https:// and socks5://"))
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
            cluster.proxy_url.as_deref().map(proxy::address).transpose()?
        }
        (_, Some(Ok(server))) => proxy::of_environment(&server)?,
        _ => None,
    };
    let options = KubeConfigOptions::default();
    let config = futures::executor::block_on(Config::from_custom_kubeconfig(kubeconfig, &options));
    let mut config = config.map_err(|error| match error {
        KubeconfigError::ParseProxyUrl(_) => ClientError::Proxy(Unusable("its address is no URL")),
        KubeconfigError::ParseNoProxy(_) => ClientError::Proxy(Unusable(
            "NO_PROXY has an entry that is no name, no address and no range; write them separated by single commas",
        )),
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

    #[test]
    fn a_kubeconfig_that_cannot_be_read_is_not_quoted() {
        let error = Kubeconfig::from_yaml("users: [{name: a, user: {token: {Canary-7f3a}}}]").unwrap_err();
        assert!(!said(&error).contains("Canary"), "{error}");
    }
}
