//! What is to be done about one data source: from what is wanted, what the registry says and what is there.

use std::collections::BTreeSet;

use thiserror::Error;

use super::source::{DataSource, Granted, TableName, ViewName};

/// A row of `immuta_system.data_source`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// UID of the resource.
    pub source_uid: String,
    /// Its namespace and name.
    pub resource: String,
    /// The view.
    pub view: ViewName,
    /// The table, as it is displayed.
    pub table: String,
    /// Whether the resource is gone and the view was to stay.
    pub retained: Retained,
    /// SHA-256 (hex) of the text that was applied.
    pub applied_hash: String,
    /// The same of the names and types of its columns.
    pub columns_hash: String,
    /// The same of what the server showed as its text right after it was made.
    pub shown_hash: String,
    /// The same of who could do what with it then.
    pub shown_acl_hash: String,
    /// Whether its schema was made for it.
    pub schema_is_ours: bool,
    /// To whom it is granted.
    pub granted: BTreeSet<Granted>,
}

/// Whether a view is anybody's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retained {
    /// A resource keeps it.
    No,
    /// Its resource is gone, and it was to stay.
    Yes,
}

impl Retained {
    /// As the registry writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "applied",
            Self::Yes => "retained",
        }
    }
}

/// What is there under the view's name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// Who owns the schema, if it is there.
    pub schema_owner: Option<String>,
    /// Who owns the relation of that name, if there is one.
    pub owner: Option<String>,
    /// SHA-256 (hex) of who may do what with it.
    pub acl_hash: String,
    /// The same of what the server shows as its text, if it was asked.
    pub shown_hash: Option<String>,
    /// How many other relations there are in the schema.
    pub neighbours: usize,
}

/// The other views of data sources in the schema: to whom each is granted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Neighbours<'a>(pub Vec<&'a BTreeSet<Granted>>);

impl Neighbours<'_> {
    fn need(&self, granted: &Granted) -> bool {
        self.0.iter().any(|of_one| of_one.contains(granted))
    }
}

/// Why there is no view, or it isn't as it is to be. Each says what to do.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Obstacle {
    /// Another data source has the name.
    #[error(
        "the view {view} belongs to the data source {holder}; choose another name in spec.view, or delete that one"
    )]
    NameTaken {
        /// The view.
        view: ViewName,
        /// Namespace and name of the other one.
        holder: String,
    },
    /// It was left behind.
    #[error(
        "the view {view} was left by the data source {holder}, whose deletionPolicy was Retain; choose another name in spec.view, or drop \
         the view, if nobody needs it"
    )]
    Left {
        /// The view.
        view: ViewName,
        /// Namespace and name of the data source that is gone.
        holder: String,
    },
    /// A relation of that name is others'.
    #[error(
        "there is a relation {view} already, which no data source has made; choose another name in spec.view, or drop it, if nobody \
         needs it"
    )]
    ForeignRelation {
        /// Its name.
        view: ViewName,
    },
    /// The schema is others'.
    #[error(
        "the schema {schema} belongs to {owner}, and views are put into schemas of the system account alone; choose another one in \
         spec.view.schema"
    )]
    ForeignSchema {
        /// Its name.
        schema: String,
        /// Its owner.
        owner: String,
    },
    /// Somebody has given the view away.
    #[error("the view {view} was made for this data source and belongs to {owner} now; it is left alone")]
    ForeignOwner {
        /// The view.
        view: ViewName,
        /// Its owner.
        owner: String,
    },
    /// It isn't a table of the warehouse's own.
    #[error(
        "{table} is an {kind}: a view over it could be walked around, so that only tables of the warehouse itself can be data sources"
    )]
    NotATable {
        /// The table.
        table: TableName,
        /// What it is.
        kind: String,
    },
    /// Nothing of it is to be shown.
    #[error(
        "{table} has none of the columns in spec.columns; list those that are meant, or set spec.unlistedColumns to MakeNull or Show"
    )]
    NoColumns {
        /// The table.
        table: TableName,
    },
    /// It is too large.
    #[error("the view would have {what}; list fewer columns, and set spec.unlistedColumns to LeaveOut")]
    TooLarge {
        /// What is too much.
        what: String,
    },
}

/// Something that is done, in the order of a list, in one transaction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Act {
    /// The schema is created.
    CreateSchema,
    /// The view is created.
    Create,
    /// The view gets another text; owner and grants stay.
    Replace,
    /// The view is dropped.
    Drop,
    /// Somebody may read it.
    Grant(Granted),
    /// Somebody may not read it any more.
    Revoke(Granted),
    /// Somebody has no view in the schema any more.
    RevokeSchema(Granted),
    /// The schema is dropped.
    DropSchema,
}

/// What is to be done about one data source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Nothing: it is as it is to be.
    Nothing,
    /// This, and what was applied is written down.
    Apply {
        /// What is done.
        acts: Vec<Act>,
        /// What others had changed, if it is that.
        drift: Option<&'static str>,
    },
}

/// What is wanted of one view.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// UID of the resource.
    pub uid: &'a str,
    /// Its namespace and name.
    pub resource: &'a str,
    /// What it says.
    pub source: &'a DataSource,
    /// Hash of the text.
    pub applied_hash: &'a str,
    /// Hash of names and types of the columns.
    pub columns_hash: &'a str,
}

/// Whether a row is this resource's: its own, one that it had under another UID before a restore, or one that was left for whoever
/// registers the table again.
#[must_use]
pub fn is_ours(held: &Held, uid: &str, resource: &str, table: &TableName) -> bool {
    held.source_uid == uid
        || held.resource == resource && held.table == table.to_string()
        || held.retained == Retained::Yes && held.table == table.to_string()
}

/// Plans what is to be done. `held` is the row of the view's name, if there is one.
///
/// # Errors
///
/// What is in the way.
pub fn plan(
    wanted: &Wanted<'_>,
    held: Option<&Held>,
    place: &Place,
    neighbours: &Neighbours<'_>,
    account: &str,
) -> Result<Step, Obstacle> {
    let Wanted { uid, resource, source, applied_hash, columns_hash } = *wanted;
    let view = &source.view;
    let former = held.filter(|held| !is_ours(held, uid, resource, &source.table));
    // Whoever drops a view that was left gives its name free.
    if let Some(former) = former.filter(|former| former.retained == Retained::No || place.owner.is_some()) {
        let (view, holder) = (view.clone(), former.resource.clone());
        return Err(match former.retained {
            Retained::No => Obstacle::NameTaken { view, holder },
            Retained::Yes => Obstacle::Left { view, holder },
        });
    }
    if let Some(owner) = place.schema_owner.as_ref().filter(|owner| *owner != account) {
        return Err(Obstacle::ForeignSchema { schema: view.schema.clone(), owner: owner.clone() });
    }
    let all: Vec<_> = source.granted.iter().cloned().map(Act::Grant).collect();
    let gone = held.into_iter().flat_map(|held| held.granted.difference(&source.granted));
    let gone = gone.filter(|granted| !neighbours.need(granted)).cloned().map(Act::RevokeSchema);
    let (Some(held), Some(owner)) = (held, &place.owner) else {
        if place.owner.is_some() {
            return Err(Obstacle::ForeignRelation { view: view.clone() });
        }
        let is_new = place.schema_owner.is_none();
        let schema = is_new.then_some(Act::CreateSchema);
        // A schema that is made anew is open to nobody yet.
        let gone = gone.filter(|_| !is_new);
        let acts = schema.into_iter().chain([Act::Create]).chain(all).chain(gone).collect();
        let was_dropped = held.is_some() && former.is_none();
        return Ok(Step::Apply { acts, drift: was_dropped.then_some("the view was dropped") });
    };
    if owner != account {
        return Err(Obstacle::ForeignOwner { view: view.clone(), owner: owner.clone() });
    }
    let has_other_text = place.shown_hash.as_ref().is_some_and(|shown| *shown != held.shown_hash);
    let has_other_acl = place.acl_hash != held.shown_acl_hash;
    let drift = match (has_other_text, has_other_acl) {
        (true, _) => Some("the view had another text"),
        (false, true) => Some("others had been given, or had lost, privileges on the view"),
        (false, false) => None,
    };
    let mut acts = Vec::new();
    if held.columns_hash != columns_hash || drift.is_some() {
        // What others gave goes with it.
        acts.extend([Act::Drop, Act::Create]);
        acts.extend(all);
    } else {
        if held.applied_hash != applied_hash {
            acts.push(Act::Replace);
        }
        acts.extend(source.granted.difference(&held.granted).cloned().map(Act::Grant));
        acts.extend(held.granted.difference(&source.granted).cloned().map(Act::Revoke));
    }
    acts.extend(gone);
    let is_written = held.source_uid == uid && held.resource == resource && held.retained == Retained::No;
    if acts.is_empty() && is_written {
        return Ok(Step::Nothing);
    }
    Ok(Step::Apply { acts, drift })
}

/// Plans a removal of what is there; the row goes with it. Nothing where the view isn't ours any more.
#[must_use]
pub fn removal(held: &Held, place: &Place, neighbours: &Neighbours<'_>, account: &str) -> Vec<Act> {
    let is_here = place.owner.as_deref() == Some(account);
    let mut acts = Vec::new();
    if is_here {
        acts.push(Act::Drop);
    }
    if place.schema_owner.as_deref() != Some(account) {
        return acts;
    }
    if held.schema_is_ours && neighbours.0.is_empty() && place.neighbours == 0 && (is_here || place.owner.is_none()) {
        acts.push(Act::DropSchema);
        return acts;
    }
    let gone = held.granted.iter().filter(|granted| !neighbours.need(granted));
    acts.extend(gone.cloned().map(Act::RevokeSchema));
    acts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    const ACCOUNT: &str = "immuta_system_account";

    fn source(granted: &[&str]) -> DataSource {
        let granted: Vec<_> = granted.iter().map(|role| json!({"role": role})).collect();
        let spec = json!({
            "integrationRef": {"name": "analytics"}, "table": {"schema": "sales", "name": "orders"}, "grantSelectTo": granted,
        });
        DataSource::read(&serde_json::from_value(spec).unwrap(), "immuta", "dev").unwrap()
    }

    fn held(granted: &[&str]) -> Held {
        Held {
            source_uid: "uid".to_owned(),
            resource: "data/orders".to_owned(),
            view: ViewName { schema: "sales".to_owned(), name: "orders".to_owned() },
            table: "dev.sales.orders".to_owned(),
            retained: Retained::No,
            applied_hash: "text".to_owned(),
            columns_hash: "columns".to_owned(),
            shown_hash: "shown".to_owned(),
            shown_acl_hash: "acl".to_owned(),
            schema_is_ours: true,
            granted: granted.iter().map(|role| Granted::Role((*role).to_owned())).collect(),
        }
    }

    fn there() -> Place {
        Place {
            schema_owner: Some(ACCOUNT.to_owned()),
            owner: Some(ACCOUNT.to_owned()),
            acl_hash: "acl".to_owned(),
            shown_hash: Some("shown".to_owned()),
            neighbours: 0,
        }
    }

    fn role(name: &str) -> Granted {
        Granted::Role(name.to_owned())
    }

    fn planned(granted: &[&str], hashes: [&str; 2], held: Option<&Held>, place: &Place) -> Result<Step, Obstacle> {
        let source = source(granted);
        let [applied_hash, columns_hash] = hashes;
        let wanted = Wanted { uid: "uid", resource: "data/orders", source: &source, applied_hash, columns_hash };
        plan(&wanted, held, place, &Neighbours::default(), ACCOUNT)
    }

    const SAME: [&str; 2] = ["text", "columns"];

    fn acts(step: Result<Step, Obstacle>) -> Vec<Act> {
        match step.unwrap() {
            Step::Apply { acts, .. } => acts,
            Step::Nothing => panic!("there is something to do"),
        }
    }

    #[test]
    fn what_is_as_it_is_to_be_is_left_alone() {
        assert_eq!(planned(&["a"], SAME, Some(&held(&["a"])), &there()), Ok(Step::Nothing));
    }

    #[test]
    fn a_view_is_made_with_its_schema_and_all_grants() {
        let made = acts(planned(&["a"], SAME, None, &Place::default()));
        assert_eq!(made, [Act::CreateSchema, Act::Create, Act::Grant(role("a"))]);
        let in_its_schema = Place { schema_owner: Some(ACCOUNT.to_owned()), ..Place::default() };
        assert_eq!(acts(planned(&[], SAME, None, &in_its_schema)), [Act::Create]);
    }

    #[test]
    fn a_text_is_replaced_as_long_as_the_columns_stay_and_nobody_else_has_changed_anything() {
        assert_eq!(acts(planned(&["a"], ["new", "columns"], Some(&held(&["a"])), &there())), [Act::Replace]);
        let anew = [Act::Drop, Act::Create, Act::Grant(role("a"))];
        assert_eq!(acts(planned(&["a"], ["new", "new"], Some(&held(&["a"])), &there())), anew);
        for place in [
            Place { shown_hash: Some("other".to_owned()), ..there() },
            Place { acl_hash: "other".to_owned(), ..there() },
        ] {
            let step = planned(&["a"], SAME, Some(&held(&["a"])), &place).unwrap();
            assert!(matches!(&step, Step::Apply { acts, drift: Some(_) } if *acts == anew), "{step:?}");
        }
    }

    #[test]
    fn grants_come_and_go_without_the_view() {
        let changed = acts(planned(&["b"], SAME, Some(&held(&["a"])), &there()));
        assert_eq!(changed, [Act::Grant(role("b")), Act::Revoke(role("a")), Act::RevokeSchema(role("a"))]);
    }

    #[test]
    fn nothing_of_others_is_touched() {
        let place = there();
        assert!(matches!(planned(&[], SAME, None, &place), Err(Obstacle::ForeignRelation { .. })));
        let schema = Place { schema_owner: Some("somebody".to_owned()), ..Place::default() };
        assert!(matches!(planned(&[], SAME, None, &schema), Err(Obstacle::ForeignSchema { .. })));
        let given_away = Place { owner: Some("somebody".to_owned()), ..there() };
        assert!(matches!(planned(&[], SAME, Some(&held(&[])), &given_away), Err(Obstacle::ForeignOwner { .. })));
        let other = Held { source_uid: "other".to_owned(), resource: "data/other".to_owned(), ..held(&[]) };
        assert!(matches!(planned(&[], SAME, Some(&other), &place), Err(Obstacle::NameTaken { .. })));
        assert_eq!(removal(&held(&[]), &given_away, &Neighbours::default(), ACCOUNT), []);
    }

    #[test]
    fn what_was_left_or_comes_from_a_backup_is_taken_up_again() {
        let retained = Held { source_uid: "other".to_owned(), retained: Retained::Yes, ..held(&[]) };
        assert_eq!(acts(planned(&[], SAME, Some(&retained), &there())), []);
        let restored = Held { source_uid: "other".to_owned(), ..held(&[]) };
        assert_eq!(acts(planned(&[], SAME, Some(&restored), &there())), []);
    }

    #[test]
    fn what_was_left_keeps_its_name_until_somebody_drops_it() {
        let left = Held {
            source_uid: "other".to_owned(),
            resource: "data/other".to_owned(),
            table: "dev.sales.others".to_owned(),
            retained: Retained::Yes,
            ..held(&[])
        };
        assert!(matches!(planned(&[], SAME, Some(&left), &there()), Err(Obstacle::Left { .. })));
        let dropped = Place { owner: None, ..there() };
        let made = Step::Apply { acts: vec![Act::Create], drift: None };
        assert_eq!(planned(&[], SAME, Some(&left), &dropped), Ok(made));
    }

    #[test]
    fn the_last_view_takes_its_schema_along_unless_others_use_it() {
        let alone = Neighbours::default();
        assert_eq!(removal(&held(&["a"]), &there(), &alone, ACCOUNT), [Act::Drop, Act::DropSchema]);
        let used = Place { neighbours: 1, ..there() };
        let revoked = [Act::Drop, Act::RevokeSchema(role("a"))];
        assert_eq!(removal(&held(&["a"]), &used, &alone, ACCOUNT), revoked);
        let found = Held { schema_is_ours: false, ..held(&["a"]) };
        assert_eq!(removal(&found, &there(), &alone, ACCOUNT), revoked);
        let to_a = BTreeSet::from([role("a")]);
        let shared = Neighbours(vec![&to_a]);
        assert_eq!(removal(&held(&["a"]), &there(), &shared, ACCOUNT), [Act::Drop]);
    }
}
