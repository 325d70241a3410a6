//! One user's groups and attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::flaw::{Flaw, Part};
use super::text;
use crate::scripts::hex;

/// Most groups and attribute values of one user.
pub const MOST_ENTITLEMENTS: usize = 2_000;

/// Most bytes of a column of `immuta_system.profile`.
pub const LONGEST_JSON: usize = 65_535;

/// One user's groups and attributes, checked: sorted by their bytes, and each once. An attribute without values isn't there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Profile {
    user: String,
    groups: BTreeSet<String>,
    attributes: BTreeMap<String, BTreeSet<String>>,
}

/// What a row of `immuta_system.entitlement` says.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// There is such a user.
    User,
    /// The user is in a group.
    Group,
    /// The user has a value of an attribute.
    Attribute,
}

impl Kind {
    /// As it stands in the column `kind`.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::User => "u",
            Self::Group => "g",
            Self::Attribute => "a",
        }
    }
}

/// A row of `immuta_system.entitlement`, beside the user's name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Entitlement<'a> {
    /// What it says.
    pub kind: Kind,
    /// An attribute's name; empty for users and groups.
    pub name: &'a str,
    /// The user, the group, or the attribute's value.
    pub value: &'a str,
}

impl Entitlement<'_> {
    /// The first 32 bits of the row's digest. Two steps keep name and value apart: the inner digest always has 64 digits.
    fn checksum(&self) -> i64 {
        let inner = hex(&Sha256::digest(format!("{}{}", self.kind.letter(), self.name)));
        let [first, second, third, fourth, ..] = <[u8; 32]>::from(Sha256::digest(inner + self.value));
        i64::from(u32::from_be_bytes([first, second, third, fourth]))
    }
}

/// A SHA-256.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Digest([u8; 32]);

impl Digest {
    fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// From 64 hexadecimal digits in small letters, as `sha2(…, 256)` of the warehouse gives them.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != 64 || !digits.bytes().all(is_digit) {
            return None;
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// What a profile is compared by with the warehouse's: `sha2(immuta__groups, 256)` and `sha2(immuta__attributes, 256)`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Digests {
    /// Of the groups.
    pub groups: Digest,
    /// Of the attributes.
    pub attributes: Digest,
}

impl Profile {
    /// Checks what a resource or a file says of one user.
    pub fn new(
        user: String,
        groups: impl IntoIterator<Item = String>,
        attributes: impl IntoIterator<Item = (String, Vec<String>)>,
    ) -> Result<Self, Flaw> {
        text::check(Part::User, &user)?;
        let mut profile = Self { user, groups: BTreeSet::new(), attributes: BTreeMap::new() };
        let mut entitlements = 0;
        for group in groups {
            text::check(Part::Group, &group)?;
            count(&mut entitlements, profile.groups.insert(group))?;
        }
        for (name, values) in attributes {
            text::check(Part::AttributeName, &name)?;
            if values.is_empty() {
                continue;
            }
            let all = profile.attributes.entry(name).or_default();
            for value in values {
                text::check(Part::AttributeValue, &value)?;
                count(&mut entitlements, all.insert(value))?;
            }
        }
        for (what, bytes) in [("groups", profile.groups_json().len()), ("attributes", profile.attributes_json().len())]
        {
            if bytes > LONGEST_JSON {
                return Err(Flaw::TooMuch { what, bytes });
            }
        }
        Ok(profile)
    }

    /// Whose it is, exactly as `current_user` gives it.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The user's groups.
    pub fn groups(&self) -> &BTreeSet<String> {
        &self.groups
    }

    /// The user's attributes, each with at least one value.
    pub fn attributes(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.attributes
    }

    /// The groups as a sorted JSON array: the column `immuta__groups`.
    pub fn groups_json(&self) -> String {
        json(&self.groups)
    }

    /// The attributes as a JSON object of sorted arrays: the column `immuta__attributes`.
    pub fn attributes_json(&self) -> String {
        json(&self.attributes)
    }

    /// What it is compared by with the warehouse's.
    pub fn digests(&self) -> Digests {
        Digests { groups: Digest::of(&self.groups_json()), attributes: Digest::of(&self.attributes_json()) }
    }

    /// The user's rows of `immuta_system.entitlement`, in a fixed order.
    pub fn entitlements(&self) -> impl Iterator<Item = Entitlement<'_>> {
        let user = Entitlement { kind: Kind::User, name: "", value: &self.user };
        let group = |value| Entitlement { kind: Kind::Group, name: "", value };
        let attributes =
            self.attributes.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        let attribute = |(name, value)| Entitlement { kind: Kind::Attribute, name, value };
        std::iter::once(user)
            .chain(self.groups.iter().map(String::as_str).map(group))
            .chain(attributes.map(|(name, value): (&String, &String)| (name.as_str(), value.as_str())).map(attribute))
    }

    /// How many rows these are, and a sum over them that doesn't depend on their order. In the warehouse, by user:
    ///
    /// ```sql
    /// SELECT immuta__userid, count(*),
    ///     CAST(sum(strtol(substring(sha2(sha2(kind || name, 256) || value, 256), 1, 8), 16)) AS BIGINT)
    /// FROM immuta_system.entitlement GROUP BY immuta__userid
    /// ```
    pub fn checksum(&self) -> (i64, i64) {
        self.entitlements().fold((0, 0), |(rows, sum), row| (rows + 1, sum + row.checksum()))
    }
}

/// One more, if it is one; none beyond the limit, so that a hostile list is given up early.
fn count(entitlements: &mut usize, is_new: bool) -> Result<(), Flaw> {
    *entitlements += usize::from(is_new);
    if *entitlements > MOST_ENTITLEMENTS { Err(Flaw::TooMany { most: MOST_ENTITLEMENTS }) } else { Ok(()) }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts, and lists and maps of texts, can always be written")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    fn bob() -> Profile {
        let attributes = [
            ("region".to_owned(), texts(&["US", "EU", "US"])),
            ("none".to_owned(), vec![]),
            ("a\"b".to_owned(), texts(&["x\\y"])),
            ("region".to_owned(), texts(&["APAC"])),
        ];
        Profile::new("IAM:bob@example.com".to_owned(), texts(&["staff", "Staff", "dept3", "staff"]), attributes)
            .unwrap()
    }

    #[test]
    fn what_people_read_is_sorted_and_each_thing_stands_there_once() {
        assert_eq!(bob().groups_json(), r#"["Staff","dept3","staff"]"#);
        assert_eq!(bob().attributes_json(), r#"{"a\"b":["x\\y"],"region":["APAC","EU","US"]}"#);
        let nobody = Profile::new("eve".to_owned(), [], []).unwrap();
        assert_eq!((nobody.groups_json().as_str(), nobody.attributes_json().as_str()), ("[]", "{}"));
    }

    #[test]
    fn rows_come_in_a_fixed_order_with_the_user_first() {
        let profile = bob();
        let rows: Vec<_> = profile.entitlements().map(|row| (row.kind.letter(), row.name, row.value)).collect();
        let expected = [
            ("u", "", "IAM:bob@example.com"),
            ("g", "", "Staff"),
            ("g", "", "dept3"),
            ("g", "", "staff"),
            ("a", "a\"b", "x\\y"),
            ("a", "region", "APAC"),
            ("a", "region", "EU"),
            ("a", "region", "US"),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn digests_and_checksums_are_those_that_the_warehouse_computes() {
        // By sha256sum, and by hand as the query beside `checksum` does.
        let profile = Profile::new("bob".to_owned(), texts(&["a"]), [("r".to_owned(), texts(&["é"]))]).unwrap();
        let Digests { groups, attributes } = profile.digests();
        assert_eq!(groups.to_string(), "0eb5b8d6f81bc677da8a08567cc4fa9a06a57e9ec8da85ed73a7f62727996002");
        assert_eq!(attributes.to_string(), "fb8827ee7781ef8153546398ef3e2d3bfbc30740adf45f5337c366a0067a16a4");
        assert_eq!(Digest::from_hex(&groups.to_string()), Some(groups));
        assert_eq!(profile.checksum(), (3, 7_780_609_802));
        for none in ["", &"g".repeat(64), &"A".repeat(64), &"0".repeat(63), &"é".repeat(32)] {
            assert_eq!(Digest::from_hex(none), None);
        }
    }

    #[test]
    fn a_profile_at_a_limit_is_taken_and_one_beyond_is_refused_whole() {
        let groups = |number: usize, bytes: usize| (0..number).map(move |n| format!("{n:0bytes$}"));
        let of = |number, bytes| Profile::new("bob".to_owned(), groups(number, bytes), []);
        assert_eq!(of(2_000, 4).unwrap().entitlements().count(), 2_001);
        assert_eq!(of(2_001, 4), Err(Flaw::TooMany { most: 2_000 }));
        assert_eq!(of(1_000_000, 4), Err(Flaw::TooMany { most: 2_000 }));
        // `["…","…"]`: three bytes beside each group, and one more.
        assert_eq!(of(64, 1_020).unwrap().groups_json().len(), 64 * 1_023 + 1);
        assert_eq!(of(64, 1_021), Err(Flaw::TooMuch { what: "groups", bytes: 64 * 1_024 + 1 }));
        let values = || groups(64, 1_021).collect();
        let told = Profile::new("bob".to_owned(), [], [("a".to_owned(), values())]).unwrap_err();
        assert!(told.to_string().starts_with("the attributes have 655"), "{told}");
        // Groups and values count together, and what is named twice once.
        let both = Profile::new("bob".to_owned(), groups(1_999, 4), [("a".to_owned(), texts(&["1", "1"]))]);
        assert!(both.is_ok());
        let both = Profile::new("bob".to_owned(), groups(1_999, 4), [("a".to_owned(), texts(&["1", "2"]))]);
        assert_eq!(both, Err(Flaw::TooMany { most: 2_000 }));
    }

    #[test]
    fn each_part_is_checked_also_where_it_has_no_effect() {
        let flaw = |user: &str, group: &str, name: &str, values: &[&str]| {
            let attributes = [(name.to_owned(), texts(values))];
            Profile::new(user.to_owned(), [group.to_owned()], attributes).unwrap_err().to_string()
        };
        assert!(flaw("bob ", "a", "b", &["c"]).starts_with("the user's name `bob ` ends in a blank"));
        assert!(flaw("bob", "", "b", &["c"]).starts_with("the group is empty"));
        assert!(flaw("bob", "a", " b", &[]).starts_with("the attribute's name ` b` begins with a blank"));
        assert!(flaw("bob", "a", "b", &["c", "d\n"]).starts_with("the attribute's value `d\\u{a}` holds a control"));
    }
}
