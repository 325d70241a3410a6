//! Which proxy is on the way to a server: for the API server, Okta and AWS in the same way. Warehouses are connected to directly.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use thiserror::Error;

/// Why a proxy can't be used. The text quotes nothing: its address may hold a password.
#[derive(Clone, Copy, Debug, Error)]
#[error("{0}")]
pub struct Unusable(pub(super) &'static str);

/// The proxy that the operator's environment names for a server.
pub(super) fn of_environment(server: &Uri) -> Result<Option<Uri>, Unusable> {
    Environment::of_process().proxy(server)
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
    fn proxy(&self, server: &Uri) -> Result<Option<Uri>, Unusable> {
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
        if matcher.intercept(server).is_some() { address(proxy).map(Some) } else { Ok(None) }
    }
}

/// A proxy's address, by default one of HTTP.
pub(super) fn address(text: &str) -> Result<Uri, Unusable> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: Option<Uri> = text.parse().ok();
    let unusable = Unusable("its address is no URL; write one such as http://proxy.example.com:3128");
    uri.filter(|uri| uri.host().is_some_and(|host| !host.is_empty())).ok_or(unusable)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

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
}
