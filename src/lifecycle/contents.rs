//! What is in a database, and whose it is.

use std::fmt;

use super::obstacle::Grantable;
use super::{Registry, Setup, UserId};

/// The schemas that are set up.
pub const SCHEMAS: [&str; 3] = ["immuta_system", "immuta_functions", "immuta_procedures"];

/// What tokens of impersonation are made with; for the system account alone.
pub const IMPERSONATION_KEY: &str = "immuta_system.impersonation_key";

/// The caller's own row of it.
pub const USER_PROFILE: &str = "immuta_system.user_profile";

/// The tables and views that are set up.
const RELATIONS: [(&str, &str); 5] = [
    ("immuta_system", "registry_lock"),
    ("immuta_system", "registry"),
    ("immuta_system", "profile"),
    ("immuta_system", "impersonation_key"),
    ("immuta_system", "user_profile"),
];

/// The reader's own entitlements: what policy-enforced views read.
pub const USER_ENTITLEMENTS: &str = "immuta_system.user_entitlements";

/// What policy-enforced views stand on; there once the spec has asked for it.
const POLICY_RELATIONS: [(&str, &str); 4] = [
    ("immuta_system", "entitlement"),
    ("immuta_system", "masking_key"),
    ("immuta_system", "data_source"),
    ("immuta_system", "user_entitlements"),
];

/// The tables that are set up, in the order in which they are dropped: the lock last.
pub const TABLES: [&str; 4] = ["profile", "impersonation_key", "registry", "registry_lock"];

/// The procedures that are set up while impersonation is on.
pub const PROCEDURES: [&str; 3] = ["impersonate_user", "grant_impersonation", "revoke_impersonation"];

/// Their schema.
pub const PROCEDURES_SCHEMA: &str = "immuta_procedures";

/// A schema.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Schema {
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: UserId,
    /// Who may do what with it.
    pub acl: Acl,
}

/// A table, view or other relation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Relation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: UserId,
    /// Who may do what with it.
    pub acl: Acl,
}

/// A function or procedure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Routine {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: UserId,
    /// Who may do what with it.
    pub acl: Acl,
}

/// Default privileges of one user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DefaultPrivileges {
    /// Whose they are.
    pub owner: UserId,
    /// The schema that they are for; all schemas without it.
    pub schema: Option<String>,
    /// Who may do what with what that user will create.
    pub acl: Acl,
}

/// All that users made in one database; what belongs to the system is left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Contents {
    /// Schemas, `public` included.
    pub schemas: Vec<Schema>,
    /// Tables, views and other relations.
    pub relations: Vec<Relation>,
    /// Functions and procedures.
    pub routines: Vec<Routine>,
    /// Default privileges.
    pub default_privileges: Vec<DefaultPrivileges>,
}

/// A kind of object that is set up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OwnKind {
    /// A schema; its objects' names are empty.
    Schema,
    /// A table or view.
    Relation,
    /// A procedure.
    Procedure,
}

/// One of our objects, as it is.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// What it is.
    pub kind: OwnKind,
    /// Its schema.
    pub schema: &'static str,
    /// Its name; a schema's is empty.
    pub name: &'static str,
    /// Its owner.
    pub owner: &'a UserId,
    /// Who may do what with it.
    pub acl: &'a Acl,
}

impl Own<'_> {
    /// Whether it is the view that everybody reads.
    #[must_use]
    pub fn is_user_profile(&self) -> bool {
        is_user_profile(self.schema, self.name)
    }
}

/// All tables and views that can be ours.
fn our_relations() -> impl Iterator<Item = (&'static str, &'static str)> {
    RELATIONS.into_iter().chain(POLICY_RELATIONS)
}

/// Whether that is the view that everybody reads.
#[must_use]
pub fn is_user_profile(schema: &str, name: &str) -> bool {
    USER_PROFILE.split_once('.') == Some((schema, name))
}

impl fmt::Display for Own<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, schema, name, .. } = self;
        match kind {
            OwnKind::Schema => write!(formatter, "the schema {schema}"),
            OwnKind::Relation => write!(formatter, "{schema}.{name}"),
            OwnKind::Procedure => write!(formatter, "the procedure {schema}.{name}"),
        }
    }
}

/// Who may do what: the access control list of one object, as the catalogue prints it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Acl(Vec<AclItem>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct AclItem {
    /// Empty for PUBLIC.
    grantee: String,
    privileges: String,
    grantor: String,
}

/// What ties a user to an object of others'.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Tie {
    /// It owns it.
    Owns(String),
    /// It was given privileges on it.
    Holds {
        /// On what, in words.
        what: String,
        /// On what; unknown for kinds of object on which nothing is revoked.
        on: Option<Grantable>,
        /// By whom.
        grantors: Vec<String>,
    },
}

impl fmt::Display for Tie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owns(what) => write!(formatter, "owns {what}"),
            Self::Holds { what, .. } => write!(formatter, "has privileges on {what}"),
        }
    }
}

impl Acl {
    /// Reads what `array_to_string(acl, '|')` gives: `grantee=privileges/grantor`, the names quoted where
    /// they must be, groups and roles marked by a word in front.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(split_outside_quotes(text, '|').into_iter().filter_map(AclItem::parse).collect())
    }

    fn public(&self) -> Option<&AclItem> {
        self.0.iter().find(|item| item.grantee.is_empty())
    }

    /// Whoever holds anything here, other than PUBLIC, and what, by the letters of the catalogue.
    pub fn holders(&self) -> impl Iterator<Item = (&str, &str)> {
        let holders = self.0.iter().filter(|item| !item.grantee.is_empty());
        holders.map(|item| (item.grantee.as_str(), item.privileges.as_str()))
    }

    /// The privileges that PUBLIC holds here, by their letters.
    #[must_use]
    pub fn of_public(&self) -> &str {
        self.public().map_or("", |item| item.privileges.as_str())
    }

    /// Whether a user holds anything here.
    #[must_use]
    pub fn names(&self, user: &str) -> bool {
        self.0.iter().any(|item| item.grantee == user)
    }

    /// Who gave a user something here.
    #[must_use]
    pub fn grantors_to(&self, user: &str) -> Vec<String> {
        let mut grantors: Vec<_> =
            self.0.iter().filter(|item| item.grantee == user).map(|item| item.grantor.clone()).collect();
        grantors.sort();
        grantors.dedup();
        grantors
    }
}

impl AclItem {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = split_outside_quotes(text, '=').into_iter();
        let (grantee, rest) = (parts.next()?, parts.next()?);
        let (privileges, grantor) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Self { grantee: unquoted(grantee), privileges: privileges.to_owned(), grantor: unquoted(grantor) })
    }
}

fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, character) in text.char_indices() {
        if character == '"' {
            quoted = !quoted;
        } else if character == separator && !quoted {
            parts.push(&text[start..at]);
            start = at + separator.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Whether a schema is part of every Redshift database.
///
/// `public` is there from the start; names that begin with `pg_` are reserved for the system.
fn is_system_schema(name: &str) -> bool {
    name.starts_with("pg_") || name == "information_schema" || name == "catalog_history"
}

/// As far as a deletion goes by it.
fn of_nobody((schema, name): (&str, &str)) -> Relation {
    Relation { schema: schema.to_owned(), name: name.to_owned(), owner: UserId::new(""), acl: Acl::default() }
}

fn is_our_procedure(routine: &Routine) -> bool {
    routine.schema == PROCEDURES_SCHEMA && PROCEDURES.contains(&routine.name.as_str())
}

impl Contents {
    /// What is there right after a creation, as far as a deletion goes by it.
    #[must_use]
    pub fn of(setup: &Setup) -> Self {
        let routines = if setup.impersonation_role.is_some() { &PROCEDURES[..] } else { &[] };
        Self {
            schemas: SCHEMAS
                .into_iter()
                .map(|name| Schema { name: name.to_owned(), owner: UserId::new(""), acl: Acl::default() })
                .collect(),
            relations: RELATIONS.into_iter().map(of_nobody).collect(),
            routines: routines
                .iter()
                .map(|name| Routine {
                    schema: PROCEDURES_SCHEMA.to_owned(),
                    name: (*name).to_owned(),
                    owner: UserId::new(""),
                    acl: Acl::default(),
                })
                .collect(),
            default_privileges: Vec::new(),
        }
    }

    /// The same, with what policy-enforced views stand on.
    #[must_use]
    pub fn with_policy_views(mut self) -> Self {
        self.relations.extend(POLICY_RELATIONS.into_iter().map(of_nobody));
        self
    }

    /// Whether anything is there that policy-enforced views stand on.
    #[must_use]
    pub fn has_policy_relations(&self) -> bool {
        POLICY_RELATIONS.into_iter().any(|(schema, name)| self.relation(schema, name).is_some())
    }

    /// What is there of a creation that has come as far as the registry: what follows is one transaction.
    #[must_use]
    pub fn begun(setup: &Setup) -> Self {
        let mut begun = Self::of(setup);
        begun.schemas.retain(|schema| schema.name == "immuta_system");
        begun.relations.retain(|relation| ["registry_lock", "registry"].contains(&relation.name.as_str()));
        begun.routines.clear();
        begun
    }

    /// Whether nothing at all was made here by users.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.user_schemas().all(|schema| schema.name == "public")
            && self.user_relations().next().is_none()
            && self.user_routines().next().is_none()
    }

    /// Whether there is a registry.
    #[must_use]
    pub fn has_registry(&self) -> bool {
        self.relation("immuta_system", "registry").is_some()
    }

    /// Who owns the registry: the system account, whatever its name is by now.
    #[must_use]
    pub fn registry_owner(&self) -> Option<&UserId> {
        Some(&self.relation("immuta_system", "registry")?.owner)
    }

    fn user_schemas(&self) -> impl Iterator<Item = &Schema> {
        self.schemas.iter().filter(|schema| !is_system_schema(&schema.name))
    }

    fn user_relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|relation| !is_system_schema(&relation.schema))
    }

    fn user_routines(&self) -> impl Iterator<Item = &Routine> {
        self.routines.iter().filter(|routine| !is_system_schema(&routine.schema))
    }

    /// What is in the managed database and was not set up by us: others' work, which a deletion would
    /// destroy.
    #[must_use]
    pub fn foreign(&self) -> Vec<String> {
        let schemas = self
            .user_schemas()
            .filter(|schema| schema.name != "public" && !SCHEMAS.contains(&schema.name.as_str()))
            .map(|schema| format!("schema {}", schema.name));
        let relations = self
            .user_relations()
            .filter(|relation| our_relations().all(|ours| ours != (relation.schema.as_str(), relation.name.as_str())))
            .map(|relation| format!("relation {}.{}", relation.schema, relation.name));
        let routines = self
            .user_routines()
            .filter(|routine| !is_our_procedure(routine))
            .map(|routine| format!("function or procedure {}.{}", routine.schema, routine.name));
        let mut foreign: Vec<_> = schemas.chain(relations).chain(routines).collect();
        foreign.sort();
        foreign
    }

    /// Whether one of our schemas is there.
    #[must_use]
    pub fn has_schema_of_ours(&self) -> Option<&'static str> {
        SCHEMAS.into_iter().find(|name| self.has_schema(name))
    }

    /// Whether a schema is there.
    #[must_use]
    pub fn has_schema(&self, name: &str) -> bool {
        self.schemas.iter().any(|schema| schema.name == name)
    }

    /// Whether one of our relations (`schema.name`) is there.
    #[must_use]
    pub fn has_relation(&self, qualified: &str) -> bool {
        qualified.split_once('.').is_some_and(|(schema, name)| self.relation(schema, name).is_some())
    }

    /// What others made inside our schemas: what stands elsewhere in a database that was there before is
    /// none of our business.
    #[must_use]
    pub fn foreign_in_our_schemas(&self) -> Vec<String> {
        let ours = |schema: &str| SCHEMAS.contains(&schema);
        let inside = Self {
            schemas: Vec::new(),
            relations: self.relations.iter().filter(|relation| ours(&relation.schema)).cloned().collect(),
            routines: self.routines.iter().filter(|routine| ours(&routine.schema)).cloned().collect(),
            default_privileges: Vec::new(),
        };
        inside.foreign()
    }

    /// Those of our procedures that are there.
    #[must_use]
    pub fn procedures(&self) -> Vec<&'static str> {
        PROCEDURES
            .into_iter()
            .filter(|name| {
                self.routines.iter().any(|routine| routine.schema == PROCEDURES_SCHEMA && routine.name == *name)
            })
            .collect()
    }

    /// What a user owns in this database, or holds on others' objects. Dropping the user would leave the
    /// one without an owner and the other without a name, since Redshift looks in one database only.
    #[must_use]
    pub fn ties_of(&self, user: &str, id: &UserId) -> Vec<Tie> {
        let tie = |what: String, on: Option<Grantable>, owner: &UserId, acl: &Acl| {
            if owner == id {
                Some(Tie::Owns(what))
            } else if acl.names(user) {
                Some(Tie::Holds { what, on, grantors: acl.grantors_to(user) })
            } else {
                None
            }
        };
        let schemas = self.schemas.iter().filter_map(|s| {
            tie(format!("schema {}", s.name), Some(Grantable::Schema(s.name.clone())), &s.owner, &s.acl)
        });
        let relations = self.relations.iter().filter_map(|r| {
            let on = Grantable::Relation(r.schema.clone(), r.name.clone());
            tie(format!("relation {}.{}", r.schema, r.name), Some(on), &r.owner, &r.acl)
        });
        let routines = self
            .routines
            .iter()
            .filter_map(|r| tie(format!("function or procedure {}.{}", r.schema, r.name), None, &r.owner, &r.acl));
        let defaults =
            self.default_privileges.iter().filter_map(|d| tie("default privileges".to_owned(), None, &d.owner, &d.acl));
        let mut ties: Vec<_> = schemas.chain(relations).chain(routines).chain(defaults).collect();
        ties.sort();
        ties.dedup();
        ties
    }

    /// Who gave a role something on an object, as far as the lists of privileges tell; else the object's
    /// owner, by id.
    #[must_use]
    pub fn grantors_on(&self, on: &Grantable, role: &str) -> (Vec<String>, Option<&UserId>) {
        let of = |acl: &Acl| acl.grantors_to(role);
        match on {
            Grantable::Database(_) => (Vec::new(), None),
            Grantable::Schema(name) => {
                let schema = self.schemas.iter().find(|schema| schema.name == *name);
                (schema.map(|schema| of(&schema.acl)).unwrap_or_default(), schema.map(|schema| &schema.owner))
            }
            Grantable::Relation(schema, name) => {
                let relation = self.relation(schema, name);
                (
                    relation.map(|relation| of(&relation.acl)).unwrap_or_default(),
                    relation.map(|relation| &relation.owner),
                )
            }
        }
    }

    /// What a registry says is set up and isn't there: its kind, schema and name.
    #[must_use]
    pub fn missing(&self, registry: &Registry) -> Vec<(OwnKind, &'static str, &'static str)> {
        let setup = &registry.setup;
        let there = self.own();
        let is_there = |(kind, schema, name): &(OwnKind, &str, &str)| {
            there.iter().any(|own| (own.kind, own.schema, own.name) == (*kind, *schema, *name))
        };
        let procedures = if setup.impersonation_role.is_some() { &PROCEDURES[..] } else { &[] };
        let schemas = SCHEMAS.into_iter().map(|schema| (OwnKind::Schema, schema, ""));
        let of_policy_views = if registry.has_policy_views() { &POLICY_RELATIONS[..] } else { &[] };
        let relations =
            RELATIONS.iter().chain(of_policy_views).map(|(schema, name)| (OwnKind::Relation, *schema, *name));
        let procedures = procedures.iter().map(|name| (OwnKind::Procedure, PROCEDURES_SCHEMA, *name));
        schemas.chain(relations).chain(procedures).filter(|it| !is_there(it)).collect()
    }

    /// Those of our objects that are there.
    #[must_use]
    pub fn own(&self) -> Vec<Own<'_>> {
        let schemas = SCHEMAS.into_iter().filter_map(|schema| {
            let Schema { owner, acl, .. } = self.schemas.iter().find(|it| it.name == schema)?;
            Some(Own { kind: OwnKind::Schema, schema, name: "", owner, acl })
        });
        let relations = our_relations().filter_map(|(schema, name)| {
            let Relation { owner, acl, .. } = self.relation(schema, name)?;
            Some(Own { kind: OwnKind::Relation, schema, name, owner, acl })
        });
        let procedures = PROCEDURES.into_iter().filter_map(|name| {
            let of_that_name = |it: &&Routine| it.schema == PROCEDURES_SCHEMA && it.name == name;
            let Routine { owner, acl, .. } = self.routines.iter().find(of_that_name)?;
            Some(Own { kind: OwnKind::Procedure, schema: PROCEDURES_SCHEMA, name, owner, acl })
        });
        schemas.chain(relations).chain(procedures).collect()
    }

    fn relation(&self, schema: &str, name: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.schema == schema && relation.name == name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn relation(schema: &str, name: &str, owner: &str, acl: &str) -> Relation {
        Relation { schema: schema.into(), name: name.into(), owner: UserId::new(owner), acl: Acl::parse(acl) }
    }

    fn ours() -> Contents {
        Contents {
            schemas: ["public", "immuta_system", "immuta_functions", "immuta_procedures", "pg_catalog"]
                .into_iter()
                .map(|name| Schema { name: name.into(), owner: UserId::new("100"), acl: Acl::parse("a=UC/a|=U/a") })
                .collect(),
            relations: RELATIONS
                .into_iter()
                .map(|(schema, name)| {
                    relation(schema, name, "100", if name == "user_profile" { "a=arwd/a|=r/a" } else { "" })
                })
                .collect(),
            ..Contents::default()
        }
    }

    #[test]
    fn what_was_set_up_is_not_foreign() {
        assert_eq!(ours().foreign(), Vec::<String>::new());
        let setup = |role: Option<&str>| Setup {
            database: "immuta".to_owned(),
            database_mode: crate::api::DatabaseMode::Create,
            system_account: "account".to_owned(),
            impersonation_role: role.map(str::to_owned),
        };
        let missing = |role| ours().missing(&Registry::of_whole(&setup(role))).len();
        assert_eq!((missing(None), missing(Some("acting"))), (0, 3));
        let with_policy_views = Registry {
            schema_version: crate::scripts::POLICY_VIEWS_VERSION.into(),
            ..Registry::of_whole(&setup(None))
        };
        assert_eq!(ours().missing(&with_policy_views).len(), 4);
        assert_eq!(ours().with_policy_views().missing(&with_policy_views), []);
        assert_eq!(ours().with_policy_views().foreign(), Vec::<String>::new());
    }

    #[test]
    fn a_table_in_public_is_foreign() {
        let mut contents = ours();
        contents.relations.push(relation("public", "orders", "101", ""));
        assert_eq!(contents.foreign(), ["relation public.orders"]);
    }

    #[test]
    fn a_table_in_one_of_our_schemas_is_foreign_even_if_the_system_account_owns_it() {
        let mut contents = ours();
        contents.relations.push(relation("immuta_system", "notes", "100", ""));
        assert_eq!(contents.foreign(), ["relation immuta_system.notes"]);
    }

    #[test]
    fn a_database_with_nothing_but_public_is_empty() {
        let mut contents = Contents { schemas: ours().schemas, ..Contents::default() };
        assert!(!contents.is_empty());
        contents.schemas.retain(|schema| schema.name == "public" || schema.name == "pg_catalog");
        assert!(contents.is_empty());
    }

    #[test]
    fn names_in_an_acl_are_read_with_their_quotes_and_separators() {
        let acl = Acl::parse(r#"awsuser=UC/awsuser|"IAM:a|b=c"=U/awsuser|group analysts=U/awsuser|=r/awsuser"#);
        assert!(acl.names("IAM:a|b=c"));
        assert!(acl.names("awsuser"));
        assert!(!acl.names("analysts"));
        assert!(acl.public().is_some());
    }

    #[test]
    fn a_name_that_is_part_of_another_is_not_taken_for_it() {
        let contents = Contents { relations: vec![relation("public", "t", "7", "immuta_two=r/awsuser")], ..ours() };
        let ties =
            |user, id| contents.ties_of(user, &UserId::new(id)).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(ties("immuta", "999"), Vec::<String>::new());
        assert_eq!(ties("immuta_two", "999"), ["has privileges on relation public.t"]);
        assert_eq!(ties("x", "7"), ["owns relation public.t"]);
        let on = Grantable::Relation("public".into(), "t".into());
        assert_eq!(contents.grantors_on(&on, "immuta_two").0, ["awsuser"]);
    }

    /// A name as the server writes it in an entry: plain, or quoted with its quotes doubled (`putid` in `PostgreSQL`'s `acl.c`).
    fn put_name(name: &str) -> String {
        let is_plain = name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
        if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
    }

    /// Names with all in them that has a meaning in an entry, or in a list of them.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z_][a-z0-9_]{0,8}", "[a-zA-Z|=/\"*:, é-]{1,12}"]
    }

    proptest! {
        #[test]
        fn privileges_are_read_as_the_server_writes_them_whatever_the_names(
            items in prop::collection::vec((prop::option::of(name()), "[arwdRxtXUCTc*]{1,8}", name()), 0..4),
        ) {
            let put = |(grantee, privileges, grantor): &(Option<String>, String, String)| {
                format!("{}={privileges}/{}", grantee.as_deref().map(put_name).unwrap_or_default(), put_name(grantor))
            };
            let acl = Acl::parse(&items.iter().map(put).collect::<Vec<_>>().join("|"));
            let read = acl.0.iter().map(|it| (it.grantee.clone(), it.privileges.clone(), it.grantor.clone()));
            let written = items.into_iter().map(|(grantee, privileges, grantor)| (grantee.unwrap_or_default(), privileges, grantor));
            prop_assert_eq!(read.collect::<Vec<_>>(), written.collect::<Vec<_>>());
        }

        #[test]
        fn whatever_a_server_sends_for_privileges_is_read_without_a_panic(text in "(\\PC|[|=/\"]){0,40}") {
            let acl = Acl::parse(&text);
            let _ = (acl.of_public(), acl.holders().count(), acl.grantors_to(""));
        }
    }
}
