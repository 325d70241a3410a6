//! Which warehouse: its host and port.

use std::fmt;

/// Host and port of a warehouse, the host compared as DNS does: case and a trailing dot don't matter.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// An endpoint.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        Self { host, port }
    }

    /// The host, lower-cased and without a trailing dot.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_a_trailing_dot_do_not_make_another_warehouse() {
        assert_eq!(Endpoint::new("Analytics.Example.COM.", 5439), Endpoint::new("analytics.example.com", 5439));
        assert_ne!(Endpoint::new("analytics.example.com", 5439), Endpoint::new("analytics.example.com", 5440));
    }
}
