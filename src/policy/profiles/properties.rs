//! What holds of whatever profiles, written in whichever format.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::read::read;
use super::{Digests, Held, Profile, difference};
use crate::api::ProfileFormat;

/// A text that may be a name: no blank at its ends, and among its characters those that formats write in their own way.
fn name() -> impl Strategy<Value = String> {
    "[a-zA-Zé東:\"',\\\\|{}\\[\\];=/@.][ a-z\"',;=\\\\é]{0,5}[a-zA-Z\"',;=\\\\]"
}

/// One that can be written in CSV.
fn name_for_csv() -> impl Strategy<Value = String> {
    name().prop_map(|name| name.replace([';', '='], "+"))
}

fn profile_of<S: Strategy<Value = String>>(name: fn() -> S) -> impl Strategy<Value = Profile> {
    let attributes = btree_map(name(), btree_set(name(), 1..4), 0..4);
    (name(), btree_set(name(), 0..5), attributes).prop_map(|(user, groups, attributes)| {
        let attributes = attributes.into_iter().map(|(name, values)| (name, values.into_iter().collect()));
        Profile::new(user, groups, attributes).unwrap()
    })
}

fn a_profile() -> impl Strategy<Value = Profile> {
    profile_of(name)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn as_csv(profiles: &[Profile]) -> String {
    let line = |profile: &Profile| {
        let groups = profile.groups().iter().cloned().collect::<Vec<_>>().join(";");
        let pairs =
            profile.attributes().iter().flat_map(|(name, all)| all.iter().map(move |one| format!("{name}={one}")));
        let attributes = pairs.collect::<Vec<_>>().join(";");
        format!("{},{},{}\r\n", quoted(profile.user()), quoted(&groups), quoted(&attributes))
    };
    profiles.iter().map(line).fold("user,groups,attributes\r\n".to_owned(), |text, line| text + &line)
}

fn as_json_lines(profiles: &[Profile]) -> String {
    let line = |profile: &Profile| {
        let object = serde_json::json!({
            "user": profile.user(), "groups": profile.groups(), "attributes": profile.attributes(),
        });
        format!("{object}\n")
    };
    profiles.iter().map(line).collect()
}

fn read_back(format: ProfileFormat, content: &str) -> Vec<Profile> {
    read(format, "hr", content.as_bytes()).map(|record| record.unwrap().profile.unwrap()).collect()
}

/// What the profile says, in another order and with some of it said twice.
fn said_otherwise(profile: &Profile, turn: Index) -> Profile {
    let mut groups: Vec<_> = profile.groups().iter().chain(profile.groups().first()).cloned().collect();
    let mut attributes: Vec<_> = profile
        .attributes()
        .iter()
        .flat_map(|(name, values)| values.iter().rev().map(move |value| (name.clone(), vec![value.clone()])))
        .collect();
    if !groups.is_empty() {
        let by = turn.index(groups.len());
        groups.rotate_left(by);
    }
    if !attributes.is_empty() {
        let by = turn.index(attributes.len());
        attributes.rotate_left(by);
    }
    Profile::new(profile.user().to_owned(), groups, attributes).unwrap()
}

/// A few users, each with one of a few states.
fn states() -> impl Strategy<Value = BTreeMap<String, Digests>> {
    let digests = |n: u8| Profile::new("anybody".to_owned(), [format!("g{n}")], []).unwrap().digests();
    btree_map("[a-d]{1,2} ?", (0..3_u8).prop_map(digests), 0..8)
        .prop_map(|all| all.into_iter().map(|(user, digests)| (user.trim_end().to_owned(), digests)).collect())
}

fn held() -> impl Strategy<Value = Vec<Held>> {
    let digests = (0..4_u8)
        .prop_map(|n| (n < 3).then(|| Profile::new("anybody".to_owned(), [format!("g{n}")], []).unwrap().digests()));
    vec(("[a-d]{1,2} ?", digests).prop_map(|(user, digests)| Held { user, digests }), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_in_either_format_is_read_as_it_was(
        any in vec(a_profile(), 1..6),
        for_csv in vec(profile_of(name_for_csv), 0..6),
    ) {
        prop_assert_eq!(read_back(ProfileFormat::JsonLines, &as_json_lines(&any)), any);
        prop_assert_eq!(read_back(ProfileFormat::Csv, &as_csv(&for_csv)), for_csv);
    }

    #[test]
    fn a_profile_said_in_another_order_is_the_same(profile in a_profile(), turn in any::<Index>()) {
        let other = said_otherwise(&profile, turn);
        prop_assert_eq!(other.groups_json(), profile.groups_json());
        prop_assert_eq!(other.attributes_json(), profile.attributes_json());
        prop_assert_eq!(other.digests(), profile.digests());
        prop_assert_eq!(other.checksum(), profile.checksum());
    }

    #[test]
    fn profiles_that_differ_in_anything_have_other_checksums(one in a_profile(), other in a_profile()) {
        prop_assert_eq!(one.checksum() == other.checksum(), one == other);
        let same_texts = one.groups() == other.groups() && one.attributes() == other.attributes();
        prop_assert_eq!(one.digests() == other.digests(), same_texts);
        let more = one.groups().iter().cloned().chain(["one more".to_owned()]);
        let attributes = one.attributes().iter().map(|(name, values)| (name.clone(), values.iter().cloned().collect()));
        let more = Profile::new(one.user().to_owned(), more, attributes).unwrap();
        prop_assert_ne!(more.checksum(), one.checksum());
    }

    #[test]
    fn the_difference_makes_what_is_wanted_of_whatever_is_held(held in held(), wanted in states()) {
        let difference = difference(held.clone(), &wanted);
        // As Redshift deletes: blanks at the end don't count.
        let bare = |user: &str| user.trim_end_matches(' ').to_owned();
        let hit: BTreeSet<_> = difference.removed.iter().chain(&difference.written).map(|user| bare(user)).collect();
        let mut rows: Vec<_> = held.into_iter().filter(|row| !hit.contains(&bare(&row.user))).collect();
        let kept: HashSet<_> = rows.iter().map(|row| row.user.clone()).collect();
        prop_assert_eq!(kept.len(), rows.len(), "nobody is left with two rows");
        prop_assert!(difference.written.iter().all(|user| !kept.contains(user)));
        rows.extend(difference.written.iter().map(|user| Held { user: user.clone(), digests: Some(wanted[user]) }));
        let after: BTreeMap<_, _> = rows.into_iter().map(|row| (row.user, row.digests.unwrap())).collect();
        prop_assert_eq!(after, wanted);
    }

    #[test]
    fn no_bytes_make_the_reader_do_more_than_say_what_is_wrong(content in vec(any::<u8>(), 0..200), text in "[a-c,;=\"\\r\\n\\{\\}:\\[\\] ]{0,80}") {
        for format in [ProfileFormat::Csv, ProfileFormat::JsonLines] {
            for content in [content.as_slice(), text.as_bytes(), format!("user,groups,attributes\n{text}").as_bytes()] {
                for file in ["hr", "hr.gz"] {
                    let records: Vec<_> = read(format, file, content).collect();
                    let last_is_error = records.iter().position(Result::is_err).is_none_or(|at| at + 1 == records.len());
                    prop_assert!(last_is_error);
                }
            }
        }
    }
}
