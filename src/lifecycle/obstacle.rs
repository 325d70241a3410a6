//! What stands in the way of a deletion, and what a person's word can do about it.

use super::{AccountPower, Member, digest, word};
use crate::api::Remedy;
use crate::scripts::{quote_identifier, show_identifier};

/// Something of others' that a deletion would destroy or leave behind.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Obstacle {
    /// What it is, and where.
    pub text: String,
    /// What becomes of it when a person confirms the deletion.
    pub fate: Fate,
}

/// What becomes of an obstacle when a person confirms the deletion.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fate {
    /// It is lost with the managed database.
    Dropped,
    /// Privileges of one of our users or roles: they are revoked.
    Revoked(Vec<Grant>),
    /// What can't be seen stays unseen.
    Ignored,
    /// Nothing: it must be out of the way first.
    Stays,
}

/// A privilege that somebody gave one of our users or roles.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Grant {
    /// The database to revoke it in.
    pub database: String,
    /// On what.
    pub on: Grantable,
    /// Whose it is.
    pub grantee: Member,
    /// Who gave it: Redshift revokes only what the revoker granted.
    pub grantor: String,
}

/// What privileges can be given on.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Grantable {
    /// A database.
    Database(String),
    /// A schema.
    Schema(String),
    /// A table or view: its schema and name.
    Relation(String, String),
}

impl Grant {
    /// Whether a statement that revokes it can be written: there are names that we refuse to send.
    #[must_use]
    pub fn can_be_revoked(&self) -> bool {
        let on = match &self.on {
            Grantable::Database(name) | Grantable::Schema(name) => vec![name],
            Grantable::Relation(schema, name) => vec![schema, name],
        };
        on.into_iter().chain([&self.grantor]).all(|name| quote_identifier(name).is_ok())
    }

    /// The statement that its grantor or a superuser would run, for a person to read.
    #[must_use]
    pub fn revocation(&self) -> Remedy {
        let on = match &self.on {
            Grantable::Database(name) => format!("DATABASE {}", show_identifier(name)),
            Grantable::Schema(name) => format!("SCHEMA {}", show_identifier(name)),
            Grantable::Relation(schema, name) => format!("{}.{}", show_identifier(schema), show_identifier(name)),
        };
        let from = match &self.grantee {
            Member::User(name, _) => show_identifier(name),
            Member::Role(name) => format!("ROLE {}", show_identifier(name)),
        };
        let Self { database, grantor, .. } = self;
        let whoever = format!("in the database {database}, as {grantor} or a superuser");
        Remedy::command(whoever, format!("REVOKE ALL PRIVILEGES ON {on} FROM {from}"))
    }
}

/// What is revoked before a deletion drops our users and roles: what a person has confirmed, and what was
/// `given_by_another_admin`. Each is revoked in the place of whoever granted it, which only a superuser can
/// do; for others, the statements that are to be run first.
pub fn revocations(
    obstacles: &[Obstacle],
    given_by_another_admin: Vec<Grant>,
    power: AccountPower,
) -> Result<Vec<Grant>, Vec<Remedy>> {
    let confirmed = obstacles.iter().filter_map(|obstacle| match &obstacle.fate {
        Fate::Revoked(grants) => Some(grants.clone()),
        _ => None,
    });
    let grants: Vec<_> = confirmed.flatten().chain(given_by_another_admin).collect();
    if grants.is_empty() || power == AccountPower::Superuser {
        Ok(grants)
    } else {
        Err(grants.iter().map(Grant::revocation).collect())
    }
}

impl Obstacle {
    /// An obstacle.
    #[must_use]
    pub fn new(text: impl Into<String>, fate: Fate) -> Self {
        Self { text: text.into(), fate }
    }

    /// A short digest of it, by which it is known again.
    #[must_use]
    pub fn digest(&self) -> String {
        short_digest([self.text.as_str()])
    }
}

fn short_digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digits = digest::of_parts(texts);
    digits.truncate(16);
    digits
}

/// The value of the annotation that confirms a deletion in spite of a list of obstacles: it names the
/// database and fits this list alone, so that one which is kept in git arms nothing.
#[must_use]
pub fn confirmation(database: &str, obstacles: &[Obstacle]) -> String {
    format!("{database}/{}", short_digest(obstacles.iter().map(|obstacle| obstacle.text.as_str())))
}

/// Digests of the obstacles that a person has confirmed and that may still be there behind the point of no return. What
/// is lost with the managed database isn't.
#[must_use]
pub fn to_remember(obstacles: &[Obstacle]) -> Vec<String> {
    obstacles.iter().filter(|obstacle| obstacle.fate != Fate::Dropped).map(Obstacle::digest).collect()
}

/// Most obstacles outside of the managed database that one word confirms: each is remembered in the status.
pub const MOST_REMEMBERED: usize = 5_000;

/// The obstacles that a person's word doesn't move: all of them without it.
///
/// `given` is the annotation; `confirmed`, once the point of no return is behind us, the digests of
/// what was confirmed then: from there on the deletion only goes forward.
#[must_use]
pub fn in_the_way<'a>(
    database: &str,
    obstacles: &'a [Obstacle],
    given: Option<&str>,
    confirmed: &[String],
) -> Vec<&'a Obstacle> {
    let fits = given.is_some_and(|given| word::fits(given, &confirmation(database, obstacles)));
    obstacles
        .iter()
        .filter(|obstacle| obstacle.fate == Fate::Stays || !(fits || confirmed.contains(&obstacle.digest())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacles() -> Vec<Obstacle> {
        vec![Obstacle::new("immuta: relation public.orders", Fate::Dropped), Obstacle::new("dev: x", Fate::Ignored)]
    }

    #[test]
    fn a_confirmation_fits_one_list_and_one_database() {
        let obstacles = obstacles();
        let given = confirmation("immuta", &obstacles);
        assert!(in_the_way("immuta", &obstacles, Some(&given), &[]).is_empty());
        assert_eq!(in_the_way("other", &obstacles, Some(&given), &[]).len(), 2);
        assert_eq!(in_the_way("immuta", &obstacles[..1], Some(&given), &[]).len(), 1);
        assert_eq!(in_the_way("immuta", &obstacles, None, &[]).len(), 2);
    }

    #[test]
    fn behind_the_point_of_no_return_what_was_confirmed_stays_confirmed() {
        let obstacles = obstacles();
        let confirmed: Vec<_> = obstacles.iter().map(Obstacle::digest).collect();
        assert!(in_the_way("immuta", &obstacles[1..], None, &confirmed).is_empty());
        let newer = [Obstacle::new("dev: y", Fate::Ignored)];
        assert_eq!(in_the_way("immuta", &newer, None, &confirmed).len(), 1);
    }

    #[test]
    fn a_name_is_one_name_in_a_statement_that_somebody_pastes() {
        let grant = Grant {
            database: "dev".to_owned(),
            on: Grantable::Relation("public".to_owned(), "a\" FROM x; DROP DATABASE b; --".to_owned()),
            grantee: Member::User("account".to_owned(), false),
            grantor: "owner".to_owned(),
        };
        assert!(!grant.can_be_revoked());
        let statement = "REVOKE ALL PRIVILEGES ON \"public\".\"a\"\" FROM x; DROP DATABASE b; --\" FROM \"account\"";
        assert_eq!(grant.revocation().command.as_deref(), Some(statement));
    }

    #[test]
    fn some_obstacles_no_word_moves() {
        let obstacles = [Obstacle::new("lake: the view public.mine reads this integration's", Fate::Stays)];
        let given = confirmation("lake", &obstacles);
        assert_eq!(in_the_way("lake", &obstacles, Some(&given), &[]).len(), 1);
    }
}
