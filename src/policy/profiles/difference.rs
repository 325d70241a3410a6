//! From the profiles that the warehouse holds to those that are wanted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::profile::Digests;

/// A row of `immuta_system.profile`, as far as it is compared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// Whose it is.
    pub user: String,
    /// Of what it says; `None` where the warehouse gave no digests, as of NULL.
    pub digests: Option<Digests>,
}

/// What is to be done. All rows of all these users are deleted, and those of the written ones inserted, in one transaction.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Difference {
    /// Who has a profile and is to have none.
    pub removed: BTreeSet<String>,
    /// Who is to have one, and has none or another.
    pub written: BTreeSet<String>,
}

impl Difference {
    /// Whether the warehouse holds what is wanted.
    pub fn is_nothing(&self) -> bool {
        self.removed.is_empty() && self.written.is_empty()
    }
}

/// The difference from what the warehouse holds. No key is enforced there: a user who has two rows is written anew, however
/// alike they are.
pub fn difference(held: impl IntoIterator<Item = Held>, wanted: &BTreeMap<String, Digests>) -> Difference {
    let mut of: HashMap<String, Option<Digests>> = HashMap::new();
    let mut also_hit = BTreeSet::new();
    for Held { user, digests } in held {
        // Redshift takes no notice of blanks at the end: deleting this user's rows deletes the other's too.
        let bare = user.trim_end_matches(' ');
        if bare != user && wanted.contains_key(bare) {
            also_hit.insert(bare.to_owned());
        }
        of.entry(user).and_modify(|first| *first = None).or_insert(digests);
    }
    let is_held = |user: &str, digests: Digests| of.get(user).copied().flatten() == Some(digests);
    let written = wanted.iter().filter(|(user, digests)| !is_held(user, **digests) || also_hit.contains(*user));
    let written = written.map(|(user, _)| user.clone()).collect();
    let removed = of.into_keys().filter(|user| !wanted.contains_key(user)).collect();
    Difference { removed, written }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::policy::profiles::Profile;

    fn digests(group: &str) -> Digests {
        Profile::new("anybody".to_owned(), [group.to_owned()], []).unwrap().digests()
    }

    fn held(user: &str, group: &str) -> Held {
        Held { user: user.to_owned(), digests: Some(digests(group)) }
    }

    fn users(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|user| (*user).to_owned()).collect()
    }

    #[test]
    fn who_is_gone_is_removed_and_who_is_new_or_other_is_written() {
        let wanted: BTreeMap<_, _> = ["same", "changed", "new", "twice", "null", "blank", "Case"]
            .map(|user| (user.to_owned(), digests("a")))
            .into();
        let null = Held { user: "null".to_owned(), digests: None };
        let held = vec![
            held("same", "a"),
            held("changed", "b"),
            held("gone", "a"),
            held("twice", "a"),
            held("twice", "a"),
            null,
            held("blank", "a"),
            held("blank  ", "a"),
            held("case", "a"),
            held("Case", "a"),
        ];
        let difference = difference(held, &wanted);
        assert_eq!(difference.removed, users(&["gone", "blank  ", "case"]));
        assert_eq!(difference.written, users(&["changed", "new", "twice", "null", "blank"]));
    }

    #[test]
    fn where_all_is_as_wanted_there_is_nothing_to_do() {
        let wanted = BTreeMap::from([("bob".to_owned(), digests("a"))]);
        assert!(difference([held("bob", "a")], &wanted).is_nothing());
        assert!(!difference([held("bob", "b")], &wanted).is_nothing());
        assert!(!difference([], &wanted).is_nothing());
        assert!(!difference([held("bob", "a")], &BTreeMap::new()).is_nothing());
        assert!(difference([], &BTreeMap::new()).is_nothing());
    }
}
