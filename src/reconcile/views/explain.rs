//! Why there is no view, or not the one that is wanted, as a status says it.

use super::entry::Entry;
use crate::api::{Reason, Remedy};
use crate::lifecycle::{Category, Failure};
use crate::policy::views::{Obstacle, TableName, ViewName};
use crate::ports::{StatementError, StatementFailure};
use crate::scripts::show_identifier;

/// Why there is no view, as a status says it.
pub fn failure_of(obstacle: &Obstacle) -> Failure {
    let reason = match obstacle {
        Obstacle::NameTaken { .. } => Reason::NameTaken,
        Obstacle::Left { .. }
        | Obstacle::ForeignRelation { .. }
        | Obstacle::ForeignSchema { .. }
        | Obstacle::ForeignOwner { .. } => Reason::ForeignObject,
        Obstacle::NotATable { .. } => Reason::NotSupported,
        Obstacle::NoColumns { .. } => Reason::InvalidSpec,
        Obstacle::TooLarge { .. } => Reason::TooLarge,
    };
    // It is looked at again, all the same, with the next look.
    Failure::stalled(reason, obstacle.to_string())
}

/// Whether only an edit of a resource ends it, of which a watch tells. What is done about anything else in the warehouse nobody
/// tells.
pub fn is_up_to_an_edit(reason: Reason) -> bool {
    [Reason::InvalidSpec, Reason::InvalidName, Reason::NameTaken, Reason::TooLarge].contains(&reason)
}

/// Why the server has refused it.
pub fn explain(error: &StatementError, entry: &Entry, account: &str) -> Failure {
    let StatementFailure::Refused { sqlstate, message, category } = &error.failure else {
        return Failure::waiting(Reason::StatementFailed, error.to_string());
    };
    let is_probe = error.statement == "probe-view";
    match (sqlstate.as_str(), &entry.source) {
        // statement_timeout
        ("57014", _) => {
            let message = "the view is being read, and is changed as soon as that ends";
            Failure::waiting(Reason::WaitingForReaders, message)
        }
        ("2BP01", Some(source)) => read_by_others(&source.view, message),
        ("2BP01", None) => Failure::stalled(Reason::DependentViews, format!("others depend on the view: {message}")),
        (_, Some(source)) if is_probe => unreadable(error, &source.table, account),
        ("42704" | "22023", _) => {
            let message = format!("somebody in spec.grantSelectTo isn't there: {message}");
            Failure::waiting(Reason::ViewRefused, message)
                .remedy(Remedy::new("create the role, group or user, or take it out of spec.grantSelectTo"))
        }
        _ => {
            let said = format!("the server refuses the view: {message} (SQLSTATE {sqlstate})");
            match category {
                Category::Transient => Failure::waiting(Reason::ViewRefused, said),
                Category::Permanent => Failure::stalled(Reason::ViewRefused, said),
            }
        }
    }
}

/// Others would lose what they build on it.
pub fn read_by_others(view: &ViewName, who: &str) -> Failure {
    let message = format!("others' views read {view}: {who}");
    Failure::stalled(Reason::DependentViews, message).remedy(Remedy::new(
        "have them dropped, or changed; or set spec.deletionPolicy to Retain, which leaves the view as it is",
    ))
}

/// Whether something is kept by what depends on it.
pub fn is_depended_on(error: &StatementError) -> bool {
    // dependent_objects_still_exist
    matches!(&error.failure, StatementFailure::Refused { sqlstate, .. } if sqlstate == "2BP01")
}

/// Why a table can't be read.
pub fn unreadable(error: &StatementError, table: &TableName, account: &str) -> Failure {
    let StatementFailure::Refused { sqlstate, message, .. } = &error.failure else {
        return Failure::waiting(Reason::StatementFailed, error.to_string());
    };
    if sqlstate == "42501" || message.contains("permission denied") {
        let message = format!("{account} can't read {table}");
        return Failure::stalled(Reason::AccessMissing, message).remedies(grants(table, account));
    }
    if ["42P01", "3F000", "3D000"].contains(&sqlstate.as_str()) || message.contains("does not exist") {
        let message = format!("there is no table {table} ({message})");
        return Failure::waiting(Reason::TableMissing, message).remedy(Remedy::new(
            "nothing, if it is about to be made: it is looked for again; else correct spec.table in a new resource",
        ));
    }
    Failure { category: error.category(), ..Failure::stalled(Reason::ViewRefused, format!("{table}: {error}")) }
}

/// What a DBA runs. Scoped: for what is made later too. <https://docs.aws.amazon.com/redshift/latest/dg/t_scoped-permissions.html>
pub fn grants(table: &TableName, account: &str) -> [Remedy; 2] {
    let who = format!("in the database {}, as a superuser or whoever owns the schema", table.database);
    let (schema, account) = (show_identifier(&table.schema), show_identifier(account));
    [
        Remedy::command(who.as_str(), format!("GRANT USAGE ON SCHEMA {schema} TO {account}")),
        Remedy::command(who, format!("GRANT SELECT FOR TABLES IN SCHEMA {schema} TO {account}")),
    ]
}
