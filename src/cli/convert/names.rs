//! Names for what is written.

use crate::lifecycle::Endpoint;
use crate::lifecycle::digest;

/// Longest name that the resource can have.
const LONGEST: usize = 63;

/// How many hexadecimal digits are added to names that would be the same, and how many more where that isn't enough.
const DIGITS: usize = 8;

/// A name for each warehouse, all of them different: how its host's name begins, which for AWS's is the name of the cluster or
/// workgroup. Where several begin so, digits follow that come from the whole name and the port: each is named the same in
/// whatever order they come.
pub fn names(endpoints: &[Endpoint]) -> Vec<String> {
    let mut digits = vec![0; endpoints.len()];
    loop {
        let names: Vec<_> = endpoints.iter().zip(&digits).map(|(it, digits)| name(it, *digits)).collect();
        let is_shared = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
        let shared: Vec<_> =
            (0..names.len()).filter(|it| is_shared(&names[*it]) && digits[*it] < LONGEST - 1).collect();
        if shared.is_empty() {
            return names;
        }
        for it in shared {
            digits[it] = (digits[it] + DIGITS).min(LONGEST - 1);
        }
    }
}

fn name(endpoint: &Endpoint, digits: usize) -> String {
    let host = endpoint.host();
    let is_address = host.chars().all(|it| it.is_ascii_digit() || it == '.');
    let first = if is_address { host } else { host.split('.').next().unwrap_or_default() };
    let plain = |it: char| if it.is_ascii_alphanumeric() { it.to_ascii_lowercase() } else { '-' };
    let word: String = first.chars().map(plain).collect();
    let word = word.trim_matches('-');
    let word = if word.is_empty() { "redshift" } else { word };
    if digits == 0 {
        return cut(word, LONGEST).to_owned();
    }
    let digest = digest::of_parts([host, &endpoint.port().to_string()]);
    let end = cut(&digest, digits);
    format!("{}-{end}", cut(word, LONGEST - 1 - end.len())).trim_start_matches('-').to_owned()
}

/// Names are made of ASCII alone.
fn cut(text: &str, length: usize) -> &str {
    text[..text.len().min(length)].trim_end_matches('-')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn of(hosts: &[&str]) -> Vec<String> {
        names(&hosts.iter().map(|host| Endpoint::new(host, 5439)).collect::<Vec<_>>())
    }

    #[test]
    fn a_warehouse_is_called_as_its_cluster_or_workgroup_is() {
        assert_eq!(
            of(&[
                "Analytics.abc123.us-east-1.redshift.amazonaws.com",
                "sales.1.us-east-1.redshift-serverless.amazonaws.com"
            ]),
            ["analytics", "sales"]
        );
        assert_eq!(
            of(&["organization.aws.amazon.com.", "10.0.0.5", "localhost"]),
            ["organization", "10-0-0-5", "localhost"]
        );
    }

    #[test]
    fn those_that_begin_alike_are_told_apart_in_whatever_order() {
        let [one, other] =
            ["analytics.a.us-east-1.redshift.amazonaws.com", "analytics.b.eu-west-1.redshift.amazonaws.com"];
        let (mut names, mut turned) = (of(&[one, other]), of(&[other, one]));
        assert!(names.iter().all(|name| name.len() == 18 && name.starts_with("analytics-")), "{names:?}");
        names.sort();
        turned.sort();
        assert_eq!(names, turned);
        assert_ne!(names[0], names[1]);
    }

    proptest! {
        #[test]
        fn whatever_the_hosts_the_names_are_labels_and_differ(hosts in prop::collection::btree_set("[a-bA-Z.\\-]{0,4}|[a-z\\-]{60,70}[.][a-c]|\\PC{0,9}", 0..6)) {
            let endpoints: BTreeSet<_> = hosts.iter().map(|host| Endpoint::new(host, 5439)).collect();
            let names = names(&endpoints.iter().cloned().collect::<Vec<_>>());
            for name in &names {
                prop_assert!((1..=63).contains(&name.len()), "{}", name);
                prop_assert!(!name.starts_with('-') && !name.ends_with('-'), "{}", name);
                prop_assert!(name.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-'), "{}", name);
            }
            prop_assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), endpoints.len());
        }
    }
}
