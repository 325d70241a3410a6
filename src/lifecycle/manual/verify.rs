//! Whether what a person has made is what the scripts make, as far as the server's own words tell.
//!
//! A procedure is shown with the text that it was given, and a table with its columns. Of a view the server shows a rendering
//! of its own, which no one else can predict: there only the texts in it are looked for, so that another view under its name is
//! found, and one that was changed with skill isn't.

use crate::lifecycle::contents::{PROCEDURES_SCHEMA, USER_PROFILE};
use crate::lifecycle::{AccountPower, Setup, Subject, parameters};
use crate::scripts::{RenderError, Section, Statement, statements};

/// What the server shows of our objects.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Shown {
    /// Of each column its relation (`schema.name`), its name, its type and `not null` where it is.
    pub columns: Vec<(String, String)>,
    /// The text of `user_profile`; empty where it isn't there.
    pub view: String,
    /// The text of `user_entitlements`; empty where it isn't there.
    pub entitlements: String,
    /// The texts of the procedures, by their names.
    pub procedures: Vec<(&'static str, String)>,
}

/// The sections that make tables.
const TABLES: [Section; 2] = [Section::Registry, Section::Objects];

/// The sections that make procedures.
const PROCEDURES: [Section; 2] = [Section::ImpersonateProcedure, Section::RoleProcedures];

/// What is there with another definition than the scripts give it, in words.
///
/// # Errors
///
/// If a value can't stand in SQL.
pub fn differences(setup: &Setup, shown: &Shown) -> Result<Vec<String>, RenderError> {
    let values = parameters(setup, AccountPower::Superuser, &Subject::Pass).text("integration_uid", "");
    let render = |section| statements(section, &values);
    let mut found = Vec::new();
    for table in rendered(TABLES, render)?.iter().filter_map(|statement| Table::read(statement.text())) {
        let columns: Vec<_> =
            shown.columns.iter().filter(|(relation, _)| *relation == table.name).map(|(_, column)| column).collect();
        // That it is missing is told by the contents.
        if !columns.is_empty() && columns != table.columns.iter().collect::<Vec<_>>() {
            found.push(format!("the table {} has other columns", table.name));
        }
    }
    let bodies = rendered(PROCEDURES, render)?;
    for (name, text) in &shown.procedures {
        let head = format!("CREATE OR REPLACE PROCEDURE {PROCEDURES_SCHEMA}.{name}(");
        let made = bodies.iter().find(|statement| statement.text().starts_with(&head));
        let body = made.and_then(|statement| statement.text().split("$$").nth(1)).unwrap_or_default();
        // An editor may have put other line ends into the script.
        if !text.replace("\r\n", "\n").contains(body) {
            found.push(format!("the procedure {PROCEDURES_SCHEMA}.{name} has another text"));
        }
    }
    let view = rendered([Section::UserProfile], render)?;
    let is_missing = |literal: &str| !shown.view.contains(literal);
    if !shown.view.is_empty() && view.iter().any(|statement| literals(statement.text()).any(is_missing)) {
        found.push(format!("the view {USER_PROFILE} has another text"));
    }
    Ok(found)
}

/// What is said of one of our procedures that runs with the rights of whoever calls it: it would be of no use to anybody.
#[must_use]
pub fn with_callers_rights(procedure: &str) -> String {
    format!("the procedure {PROCEDURES_SCHEMA}.{procedure} has no SECURITY DEFINER")
}

fn rendered(
    sections: impl IntoIterator<Item = Section>,
    render: impl Fn(Section) -> Result<Vec<Statement>, RenderError>,
) -> Result<Vec<Statement>, RenderError> {
    let rendered: Result<Vec<_>, _> = sections.into_iter().map(render).collect();
    Ok(rendered?.into_iter().flatten().collect())
}

/// The texts in a statement that are longer than a separator.
fn literals(statement: &str) -> impl Iterator<Item = &str> {
    statement.split('\'').skip(1).step_by(2).filter(|literal| literal.len() > 1)
}

/// A table, as its statement makes it and the catalogue shows it.
pub struct Table {
    /// Schema and name.
    pub name: String,
    /// Of each column its name, its type, and `not null` where it is.
    pub columns: Vec<String>,
}

impl Table {
    /// Reads a statement of ours; nothing if it makes no table.
    #[must_use]
    pub fn read(statement: &str) -> Option<Self> {
        let (name, columns) = statement.strip_prefix("CREATE TABLE ")?.split_once(" (")?;
        let columns = columns.strip_suffix(')')?.split(',').map(|column| {
            let mut words = column.split_whitespace();
            let (name, type_) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let is_null = if words.next() == Some("NOT") { "not null" } else { "" };
            format!("{name} {} {is_null}", shown_as(type_))
        });
        Some(Self { name: name.to_owned(), columns: columns.collect() })
    }
}

/// How the catalogue calls a type.
fn shown_as(type_: &str) -> String {
    match type_ {
        "TIMESTAMP" => "timestamp without time zone".to_owned(),
        other => other.replace("VARCHAR", "character varying").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::api::DatabaseMode;

    fn setup() -> Setup {
        Setup {
            database: "immuta".to_owned(),
            database_mode: DatabaseMode::Create,
            system_account: "keeper".to_owned(),
            impersonation_role: Some("acting".to_owned()),
        }
    }

    /// As the scripts make it; procedures and view as a server shows them, in essence.
    fn shown() -> Shown {
        let values = parameters(&setup(), AccountPower::Superuser, &Subject::Pass).text("integration_uid", "");
        let text = |section, n: usize| statements(section, &values).unwrap()[n].text().to_owned();
        let tables = TABLES.into_iter().flat_map(|section| statements(section, &values).unwrap());
        let tables = tables.filter_map(|statement| Table::read(statement.text()));
        Shown {
            columns: tables
                .flat_map(|table| {
                    table.columns.into_iter().map(move |column| (table.name.clone(), column)).collect::<Vec<_>>()
                })
                .collect(),
            entitlements: String::new(),
            view: text(Section::UserProfile, 0).replace("CREATE OR REPLACE VIEW", " "),
            procedures: vec![
                ("impersonate_user", text(Section::ImpersonateProcedure, 0).replace('\n', "\r\n")),
                ("grant_impersonation", text(Section::RoleProcedures, 0)),
                ("revoke_impersonation", text(Section::RoleProcedures, 1)),
            ],
        }
    }

    #[test]
    fn what_the_scripts_make_is_no_difference() {
        assert_eq!(differences(&setup(), &shown()).unwrap(), Vec::<String>::new());
        // What isn't there is missing, and not different.
        assert_eq!(differences(&setup(), &Shown::default()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn all_our_tables_are_known_with_their_columns() {
        let columns = shown().columns;
        let of = |table: &str| columns.iter().filter(|(relation, _)| relation == table).count();
        let tables = ["registry_lock", "registry", "profile", "impersonation_key"];
        assert_eq!(tables.map(|table| of(&format!("immuta_system.{table}"))), [1, 13, 5, 1]);
        let column = |text: &str| ("immuta_system.registry".to_owned(), text.to_owned());
        assert!(columns.contains(&column("fencing_counter bigint not null")), "{columns:#?}");
        assert!(columns.contains(&column("changed_at timestamp without time zone not null")), "{columns:#?}");
        assert!(columns.contains(&column("applied character varying(65535) not null")), "{columns:#?}");
    }

    #[test]
    fn another_definition_is_told_by_name() {
        let told = |change: fn(&mut Shown)| {
            let mut shown = shown();
            change(&mut shown);
            differences(&setup(), &shown).unwrap()
        };
        let another = |shown: &mut Shown| shown.procedures[1].1 = shown.procedures[1].1.replace("'acting'", "'others'");
        assert_eq!(told(another), ["the procedure immuta_procedures.grant_impersonation has another text"]);
        let narrower = |shown: &mut Shown| {
            shown.columns.iter_mut().for_each(|(_, column)| *column = column.replace("varying(128)", "varying(64)"));
        };
        assert_eq!(
            told(narrower),
            ["the table immuta_system.registry has other columns", "the table immuta_system.profile has other columns"]
        );
        let fewer = |shown: &mut Shown| drop(shown.columns.pop());
        assert_eq!(told(fewer).len(), 0, "the key's table has one column, and is missing without it");
        let open = |shown: &mut Shown| shown.view = "SELECT * FROM immuta_system.profile".to_owned();
        assert_eq!(told(open), ["the view immuta_system.user_profile has another text"]);
    }
}
