//! Queries that a message names, for a person to look with. A test runs each of them.

use crate::api::Remedy;
use crate::scripts::{Parameters, Section, Statement, statements};

/// Who is connected to a database.
#[must_use]
pub fn sessions(database: &str) -> Vec<Remedy> {
    let descriptions = ["see who is connected", "see who is connected, on Redshift Serverless"];
    let found = of(Section::ListSessions, &Parameters::new().text("database_text", database));
    found.iter().zip(descriptions).map(|(query, what)| Remedy::command(what, query.text())).collect()
}

/// What users have in a database.
#[must_use]
pub fn objects(database: &str) -> Vec<Remedy> {
    let found = of(Section::ListObjects, &Parameters::new());
    let what = ["tables and views", "functions and procedures"];
    let remedy = |(query, what): (&Statement, &str)| {
        Remedy::command(format!("list all {what}, connected to the database {database}"), query.text())
    };
    found.iter().zip(what).map(remedy).collect()
}

/// What ties a user to others' objects.
#[must_use]
pub fn ties(user: &str) -> Vec<Remedy> {
    let found = of(Section::ListTies, &Parameters::new().text("user_text", user));
    let what = |query: &Statement| query.name().trim_start_matches("list-").replace('-', " ");
    let remedy = |query| Remedy::command(format!("list its {}, in each database", what(query)), query.text());
    found.iter().map(remedy).collect()
}

/// Who has changed what is ours lately, as far as the warehouse tells.
#[must_use]
pub fn changes() -> Vec<Remedy> {
    let descriptions =
        ["see who changes it, as a superuser", "see who changes it, as a superuser, on Redshift Serverless"];
    let found = of(Section::ListChanges, &Parameters::new());
    found.iter().zip(descriptions).map(|(query, what)| Remedy::command(what, query.text())).collect()
}

/// Nothing, where a name can't stand in a statement: no query is better than a wrong one.
fn of(section: Section, parameters: &Parameters) -> Vec<Statement> {
    statements(section, parameters).unwrap_or_default()
}
