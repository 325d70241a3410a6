//! What may be written behind the options of `run`. Whatever can't be meant is refused, with what to write instead: a
//! value that is taken and means nothing is found out when it is too late.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::lifecycle::hosts::HostPattern;

/// A label of a domain name, as the names of namespaces are.
fn is_label(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&text.len()) && text.chars().all(is_inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// The name of a namespace.
pub fn namespace(text: &str) -> Result<String, String> {
    if is_label(text) {
        return Ok(text.to_owned());
    }
    Err("a namespace's name has 1 to 63 characters: lower-case letters, digits and hyphens within, such as data-platform"
        .to_owned())
}

/// The name of one of the namespaces to watch; an empty one only where it stands alone, for all of them.
pub fn watched_namespace(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    namespace(text).map_err(|error| format!("{error}; write several as one,two, and nothing for all of them"))
}

/// The name of a Secret.
pub fn secret_name(text: &str) -> Result<String, String> {
    if text.len() <= 253 && text.split('.').all(is_label) {
        return Ok(text.to_owned());
    }
    Err("a Secret's name has 1 to 253 characters: lower-case letters, digits, and hyphens and dots within, such as redshift-admin"
        .to_owned())
}

/// The name of a Lease.
pub fn lease_name(text: &str) -> Result<String, String> {
    if text.len() <= 253 && text.split('.').all(is_label) {
        return Ok(text.to_owned());
    }
    Err("a Lease's name has 1 to 253 characters: lower-case letters, digits, and hyphens and dots within, such as \
         redshift-integration-operator"
        .to_owned())
}

/// A pattern of hosts, if there are hosts that it can match.
pub fn host_pattern(text: &str) -> Result<HostPattern, String> {
    const WRITE: &str = "write a host name such as analytics.example.com, *.example.com, an address, or a range such as \
                         10.0.0.0/8; several separated by commas";
    if text.trim().is_empty() {
        return Err(format!("an empty entry names no host; leave the option out to allow every host, or {WRITE}"));
    }
    let pattern: HostPattern = text.parse().map_err(|error| format!("{error}; {WRITE}"))?;
    match &pattern {
        HostPattern::Name(name) | HostPattern::Below(name) => {
            let is_label = |label: &str| {
                (1..=63).contains(&label.len())
                    && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            };
            if name.len() > 253 || !name.split('.').all(is_label) {
                return Err(format!("no host has such a name; {WRITE}"));
            }
            // What ends in digits is taken for an address by whoever resolves it.
            if name.rsplit('.').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit())) {
                return Err(format!("it ends in digits as an address does, and is none; {WRITE}"));
            }
        }
        HostPattern::Network(network) => {
            let mapped = match network {
                IpNet::V6(network) => Some(network.network()).filter(|first| is_mapped(*first)),
                IpNet::V4(_) => None,
            };
            if let Some(mapped) = mapped {
                let plain = IpAddr::V6(mapped).to_canonical();
                return Err(format!("addresses of IPv4 are compared as such; write {plain}, with the length for IPv4"));
            }
        }
    }
    Ok(pattern)
}

fn is_mapped(address: Ipv6Addr) -> bool {
    address.to_ipv4_mapped().is_some()
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What is logged.
pub fn log_filter(text: &str) -> Result<String, String> {
    const WRITE: &str = "write one of off, error, warn, info, debug and trace, or directives such as \
                         info,redshift_integration_operator=debug";
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    // Commas within {} belong to the fields of a span.
    let mut depth = 0_usize;
    let directives = text.split(|c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    for directive in directives.map(str::trim) {
        match directive.rsplit_once('=') {
            _ if is_level(directive) => {}
            Some((target, level)) if is_level(level) && !target.is_empty() => {
                let of_crate = target.split(['[', ':']).next().unwrap_or_default();
                if of_crate.contains('-') {
                    return Err(format!("names of modules have underscores, so `{of_crate}` is none; {WRITE}"));
                }
            }
            _ => return Err(format!("`{directive}` is no level; {WRITE}")),
        }
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_meant_is_taken() {
        for text in ["data-platform", "a", "0a"] {
            assert!(namespace(text).is_ok() && watched_namespace(text).is_ok(), "{text}");
        }
        assert_eq!(watched_namespace(""), Ok(String::new()));
        assert!(lease_name("operator.example.com").is_ok());
        for text in [
            "localhost",
            "*.redshift.amazonaws.com",
            "Analytics.Example.com.",
            "10.0.0.0/8",
            "10.1.2.3",
            "::1",
            "fd00::/8",
            "::/0",
            "0.0.0.0/0",
        ] {
            assert!(host_pattern(text).is_ok(), "{text}: {:?}", host_pattern(text));
        }
        for text in
            ["info", "DEBUG", "off", "info,redshift_integration_operator=debug", "warn, kube=trace", "a[b{c=1,d}]=info"]
        {
            assert!(log_filter(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in ["A_B", "-a", "a-", "a.b", " a", "a b", "*", "ä", &"a".repeat(64)] {
            assert!(namespace(text).is_err() && watched_namespace(text).is_err(), "{text}");
        }
        for text in ["", ".", "a..b", "A", "a/b", &"a.".repeat(200)] {
            assert!(lease_name(text).is_err(), "{text}");
        }
        for text in [
            "",
            " ",
            "*",
            "a*",
            "a_b",
            "-a.b",
            "a-.b",
            "host:5439",
            "http://x",
            "10.0.0",
            "999.1.1.1",
            "*.10",
            "10.0.0.0/33",
            "::ffff:10.0.0.0/104",
            "::ffff:10.0.0.1",
            "bücher.example",
            &format!("{}.com", "a".repeat(64)),
        ] {
            assert!(host_pattern(text).is_err(), "{text}");
        }
        for text in
            ["", "loud", "info,loud", "info,", "a=loud", "=info", "redshift-integration-operator=debug", "a=b=c"]
        {
            assert!(log_filter(text).is_err(), "{text}");
        }
    }
}
