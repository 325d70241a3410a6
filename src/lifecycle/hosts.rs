//! Which hosts the operator may connect to.
//!
//! The operator stands inside the cluster's network, and whoever may create a resource could otherwise
//! make it knock on doors that are closed to himself: the metadata service, the node, its neighbours.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use thiserror::Error;

/// One entry of `--allowed-hosts`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HostPattern {
    /// One host name.
    Name(String),
    /// All names below a domain: `*.example.com`.
    Below(String),
    /// One address or a range of them.
    Network(IpNet),
}

/// An entry that is none of these.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{0}` is no host name, no `*.domain`, no IP address and no range of addresses such as 10.0.0.0/8")]
pub struct PatternError(String);

impl FromStr for HostPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(IpNet::from(address)));
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let (below, name) = match name.strip_prefix("*.") {
            Some(domain) => (true, domain.to_owned()),
            None => (false, name),
        };
        let valid = !name.is_empty()
            && name.split('.').all(|label| {
                !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            });
        match (valid, below) {
            (false, _) => Err(PatternError(text.to_owned())),
            (true, true) => Ok(Self::Below(name)),
            (true, false) => Ok(Self::Name(name)),
        }
    }
}

impl HostPattern {
    /// Whether a host, given as in a spec, is one that the pattern names.
    #[must_use]
    pub fn matches_host(&self, host: &str) -> bool {
        self.matches_name(host) || host.parse().is_ok_and(|address| self.matches_address(address))
    }

    fn matches_name(&self, host: &str) -> bool {
        match self {
            Self::Name(name) => name == host,
            Self::Below(domain) => host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Self::Network(_) => false,
        }
    }

    fn matches_address(&self, address: IpAddr) -> bool {
        matches!(self, Self::Network(network) if network.contains(&address))
    }
}

/// Which hosts and addresses may be connected to.
#[derive(Clone, Debug, Default)]
pub enum AddressPolicy {
    /// Everything but the machine itself and its link.
    #[default]
    Elsewhere,
    /// What is listed, and nothing else.
    Listed(Vec<HostPattern>),
    /// Everything: for somebody who can connect to it himself.
    Everything,
}

impl AddressPolicy {
    /// With a list, only what it names; without one, everything but the machine itself and its link.
    #[must_use]
    pub fn new(allowed: Vec<HostPattern>) -> Self {
        if allowed.is_empty() { Self::Elsewhere } else { Self::Listed(allowed) }
    }

    /// Whether a host may be connected to at the address that its name resolved to. The connection must
    /// then go to that very address: a second resolution could give another one.
    #[must_use]
    pub fn allows(&self, host: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Elsewhere => !is_local(address),
            Self::Listed(allowed) => {
                allowed.iter().any(|pattern| pattern.matches_name(host) || pattern.matches_address(address))
            }
            Self::Everything => true,
        }
    }

    /// Whether a host may be connected to whose name somebody else resolves: a proxy, which has a policy of its own.
    #[must_use]
    pub fn allows_name(&self, host: &str) -> bool {
        match self {
            Self::Elsewhere => host != "localhost" && !host.ends_with(".localhost"),
            Self::Listed(allowed) => allowed.iter().any(|pattern| pattern.matches_name(host)),
            Self::Everything => true,
        }
    }
}

/// Loopback, link-local (with the metadata service in it) and addresses that are no host's.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            // fd00:ec2::254 is AWS's metadata service in IPv6.
            v6.is_loopback()
                || v6.is_unicast_link_local()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.segments() == [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254]
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn policy(patterns: &[&str]) -> AddressPolicy {
        AddressPolicy::new(patterns.iter().map(|pattern| pattern.parse().unwrap()).collect())
    }

    #[test]
    fn without_a_list_the_machine_itself_and_its_link_are_out_of_reach() {
        let policy = policy(&[]);
        for address in [
            "127.0.0.1",
            "169.254.169.254",
            "::1",
            "fe80::1",
            "0.0.0.0",
            "::ffff:127.0.0.1",
            "fd00:ec2::254",
            "224.0.0.1",
        ] {
            assert!(!policy.allows("warehouse.example.com", address.parse().unwrap()), "{address}");
        }
        assert!(policy.allows("warehouse.example.com", "10.0.0.7".parse().unwrap()));
    }

    #[test]
    fn with_a_list_everything_else_is_out_of_reach() {
        let policy = policy(&["*.redshift.amazonaws.com", "localhost", "10.1.0.0/16"]);
        let address = "203.0.113.5".parse().unwrap();
        assert!(policy.allows("a.us-east-1.redshift.amazonaws.com", address));
        assert!(!policy.allows("redshift.amazonaws.com", address));
        assert!(!policy.allows("evilredshift.amazonaws.com", address));
        assert!(policy.allows("localhost", "127.0.0.1".parse().unwrap()));
        assert!(policy.allows("anything", "10.1.2.3".parse().unwrap()));
        assert!(!policy.allows("anything", "10.2.2.3".parse().unwrap()));
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        for text in ["", "*", "a b", "https://x", "*.", "a..b"] {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }
}
