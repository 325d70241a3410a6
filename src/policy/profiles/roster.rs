//! Who is named where, over all sources: whoever is named twice has no profile.

use std::collections::HashMap;

/// Most places of one user that are kept to be told.
const MOST_PLACES: usize = 8;

/// Users, and the places that name them. A union of two places would let one raise what the other gave, so that a user has
/// a profile only if one place names him. Whether what stands there is fit for one doesn't matter: who is named by a
/// record that was refused is named.
///
/// `P`: a place, small, since there is one for each user: a source's number and a line, for example.
#[derive(Clone, Debug)]
pub struct Roster<P> {
    users: HashMap<String, Places<P>>,
}

/// The places that name one user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Places<P> {
    /// One, as it should be.
    One(P),
    /// Two or more.
    Several {
        /// The first of them, in the order in which they were entered.
        first: Vec<P>,
        /// How many there are.
        number: u64,
    },
}

impl<P> Default for Roster<P> {
    fn default() -> Self {
        Self { users: HashMap::new() }
    }
}

impl<P: Copy> Roster<P> {
    /// Enters a user with a place that names him.
    pub fn enter(&mut self, user: &str, place: P) {
        // Most users are new; a name is copied for those alone.
        let Some(places) = self.users.get_mut(user) else {
            self.users.insert(user.to_owned(), Places::One(place));
            return;
        };
        match places {
            Places::One(first) => *places = Places::Several { first: vec![*first, place], number: 2 },
            Places::Several { first, number } => {
                *number += 1;
                if first.len() < MOST_PLACES {
                    first.push(place);
                }
            }
        }
    }

    /// The only place that names a user.
    pub fn sole_place(&self, user: &str) -> Option<P> {
        match self.users.get(user) {
            Some(Places::One(place)) => Some(*place),
            _ => None,
        }
    }

    /// The users that one place names, in no order.
    pub fn sole(&self) -> impl Iterator<Item = (&str, P)> {
        self.users.iter().filter_map(|(user, places)| match places {
            Places::One(place) => Some((user.as_str(), *place)),
            Places::Several { .. } => None,
        })
    }

    /// The users that several places name, sorted, with the first of these places and how many there are.
    pub fn repeated(&self) -> Vec<(&str, &[P], u64)> {
        let mut repeated: Vec<_> = self
            .users
            .iter()
            .filter_map(|(user, places)| match places {
                Places::One(_) => None,
                Places::Several { first, number } => Some((user.as_str(), first.as_slice(), *number)),
            })
            .collect();
        repeated.sort_unstable_by_key(|(user, ..)| *user);
        repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_named_twice_has_no_place_and_both_are_told() {
        let mut roster = Roster::default();
        for (user, place) in
            [("bob", ("hr", 2)), ("eve", ("hr", 3)), ("bob", ("hr", 4)), ("ann", ("it", 2)), ("eve", ("it", 3))]
        {
            roster.enter(user, place);
        }
        roster.enter("Ann", ("it", 9));
        let mut sole: Vec<_> = roster.sole().collect();
        sole.sort_unstable();
        assert_eq!(sole, [("Ann", ("it", 9)), ("ann", ("it", 2))]);
        assert_eq!(roster.sole_place("ann"), Some(("it", 2)));
        assert_eq!((roster.sole_place("bob"), roster.sole_place("nobody")), (None, None));
        let expected: [(&str, &[_], u64); 2] =
            [("bob", &[("hr", 2), ("hr", 4)], 2), ("eve", &[("hr", 3), ("it", 3)], 2)];
        assert_eq!(roster.repeated(), expected);
    }

    #[test]
    fn a_user_who_is_named_a_hundred_thousand_times_costs_no_more_than_a_few_places() {
        let mut roster = Roster::default();
        for place in 0..100_000_u32 {
            roster.enter("bob", place);
        }
        assert_eq!(roster.repeated(), [("bob", [0, 1, 2, 3, 4, 5, 6, 7].as_slice(), 100_000)]);
    }
}
