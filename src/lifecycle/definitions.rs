//! What the server shows of our own objects. How it renders a view can't be predicted, so that it is recorded right
//! after the objects were made: a line for each in the registry, with a digest. A later difference is drift.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use super::contents::{Contents, SCHEMAS};
use crate::scripts::hex;

/// Something of ours that has a definition.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Defined {
    /// The columns of a table or view (`schema.name`): names, types, and whether they may be empty.
    Columns(String),
    /// The text of a view (`schema.name`).
    View(String),
    /// The text of one of the procedures, by its name.
    Procedure(String),
    /// What the system account will create in one of our schemas, and who may do what with it.
    DefaultPrivileges(String),
}

impl fmt::Display for Defined {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Columns(name) => write!(formatter, "columns {name}"),
            Self::View(name) => write!(formatter, "view {name}"),
            Self::Procedure(name) => write!(formatter, "procedure {name}"),
            Self::DefaultPrivileges(schema) => write!(formatter, "defaults {schema}"),
        }
    }
}

impl Defined {
    fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(' ')?;
        let name = name.to_owned();
        match kind {
            "columns" => Some(Self::Columns(name)),
            "view" => Some(Self::View(name)),
            "procedure" => Some(Self::Procedure(name)),
            "defaults" => Some(Self::DefaultPrivileges(name)),
            _ => None,
        }
    }
}

/// What is shown of each: its digest.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Definitions(BTreeMap<Defined, String>);

impl Definitions {
    /// Of what the server shows: of each column its relation (`schema.name`) and a line; of each view (`schema.name`) that is
    /// there, and of each procedure, by its name, the text; and of the default privileges who may do what. `account` is the name of the
    /// system account, which may be called something else later.
    #[must_use]
    pub fn of(
        columns: &[(String, String)],
        views: &[(&str, String)],
        procedures: &[(&str, String)],
        contents: &Contents,
        account: &str,
    ) -> Self {
        let mut shown: BTreeMap<Defined, String> = BTreeMap::new();
        for (relation, column) in columns {
            let text = shown.entry(Defined::Columns(relation.clone())).or_default();
            text.push_str(column);
            text.push('\n');
        }
        shown.extend(views.iter().map(|(name, text)| (Defined::View((*name).to_owned()), text.clone())));
        let procedure = |(name, text): &(&str, String)| (Defined::Procedure((*name).to_owned()), text.clone());
        shown.extend(procedures.iter().map(procedure));
        shown.extend(
            contents
                .our_default_privileges(account)
                .map(|(schema, acl)| (Defined::DefaultPrivileges(schema.to_owned()), acl)),
        );
        Self(shown.into_iter().map(|(what, text)| (what, hex(&Sha256::digest(text)))).collect())
    }

    /// As the registry holds them; nothing while nothing is recorded.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let line = |line: &str| {
            let (what, digest) = line.rsplit_once(' ')?;
            Some((Defined::parse(what)?, digest.to_owned()))
        };
        let definitions: BTreeMap<_, _> = text.lines().filter_map(line).collect();
        (!definitions.is_empty()).then_some(Self(definitions))
    }

    /// What is there with another definition than was recorded, and what appeared since. What isn't there any more is
    /// missing, which the contents tell.
    #[must_use]
    pub fn differences(&self, recorded: &Self) -> Vec<Defined> {
        let differs = |(what, digest): &(&Defined, &String)| recorded.0.get(*what) != Some(*digest);
        self.0.iter().filter(differs).map(|(what, _)| what.clone()).collect()
    }

    /// Default privileges that were recorded, and are there no more.
    #[must_use]
    pub fn lost_defaults(&self, recorded: &Self) -> Vec<String> {
        let lost = |what: &Defined| match what {
            Defined::DefaultPrivileges(schema) if !self.0.contains_key(what) => Some(schema.clone()),
            _ => None,
        };
        recorded.0.keys().filter_map(lost).collect()
    }
}

impl fmt::Display for Definitions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(|(what, digest)| format!("{what} {digest}")).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

impl Contents {
    /// The default privileges in our schemas: who may do what.
    fn our_default_privileges(&self, account: &str) -> impl Iterator<Item = (&'static str, String)> {
        SCHEMAS.into_iter().filter_map(move |schema| {
            let here = self.default_privileges.iter().filter(|it| it.schema.as_deref() == Some(schema));
            let held = |(holder, held): (&str, &str)| {
                let holder = if holder == account { "the system account" } else { holder };
                format!("{holder}={held}")
            };
            let lines = here.flat_map(|it| it.acl.holders().map(held).chain([format!("={}", it.acl.of_public())]));
            let mut lines: Vec<_> = lines.collect();
            lines.sort();
            (!lines.is_empty()).then(|| (schema, lines.join("\n")))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::lifecycle::contents::USER_PROFILE;

    fn definitions(column: &str, view: Option<&str>, procedure: &str) -> Definitions {
        let columns = [("immuta_system.profile".to_owned(), column.to_owned())];
        let views: Vec<_> = view.map(|text| (USER_PROFILE, text.to_owned())).into_iter().collect();
        Definitions::of(
            &columns,
            &views,
            &[("impersonate_user", procedure.to_owned())],
            &Contents::default(),
            "account",
        )
    }

    #[test]
    fn what_is_recorded_is_read_again_and_every_difference_is_named() {
        let recorded = definitions("userid varchar", Some("SELECT 1"), "BEGIN END");
        let read = Definitions::parse(&recorded.to_string()).unwrap();
        assert_eq!(read, recorded);
        assert_eq!(recorded.differences(&read), []);
        let columns = || Defined::Columns("immuta_system.profile".to_owned());
        let view = || Defined::View(USER_PROFILE.to_owned());
        let procedure = || Defined::Procedure("impersonate_user".to_owned());
        for (now, different) in [
            (definitions("userid text", Some("SELECT 1"), "BEGIN END"), vec![columns()]),
            (definitions("userid varchar", Some("SELECT 2"), "BEGIN END"), vec![view()]),
            (definitions("userid varchar", Some("SELECT 1"), "BEGIN NULL; END"), vec![procedure()]),
            (definitions("userid varchar", None, "BEGIN END"), vec![]),
            (definitions("", Some(""), ""), vec![columns(), view(), procedure()]),
        ] {
            assert_eq!(now.differences(&read), different);
        }
    }

    #[test]
    fn nothing_is_recorded_by_an_empty_text_or_one_that_is_not_ours() {
        for text in ["", "\n", "nonsense", "tables x 00"] {
            assert_eq!(Definitions::parse(text), None, "{text:?}");
        }
    }
}
