//! The tables of a schema, for somebody who asks. Nothing is changed.

use std::collections::BTreeMap;

use super::asker::Asker;
use super::error::Error;
use super::work::Work;
use super::{dereference, prepare, validate};
use crate::api::{Reason, RedshiftIntegration};
use crate::lifecycle::Failure;
use crate::policy::views::{Column, ColumnType, Table, TableKind};
use crate::ports::{Session, World};
use crate::reconcile::Context;
use crate::scripts::{Fragment, LookUp, Parameters};

/// What a login is shown of a schema.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tables {
    /// The database.
    pub database: String,
    /// Who was asked.
    pub user: String,
    /// The tables and views, by their names.
    pub tables: BTreeMap<String, Table>,
}

/// Reads the tables of a schema: of what was set up, as its system account, where there is its Secret; else with the credentials that
/// set things up. Without a database, in the one that a data source is in which names none.
///
/// # Errors
///
/// What stands in the way of a login, or of the look.
pub async fn tables<W: World>(
    context: &Context<W>,
    object: RedshiftIntegration,
    database: Option<&str>,
    schema: &str,
) -> Result<Tables, Failure> {
    let mut work = Work::new(context, object);
    look(&mut work, database, schema).await.map_err(|error| error.failure())
}

async fn look<W: World>(work: &mut Work<'_, W>, database: Option<&str>, schema: &str) -> Result<Tables, Error> {
    let (wanted, account) = prepare(work).await?;
    let database = database.unwrap_or(&wanted.initial_database);
    let session = match account.filter(|account| account.ids.is_some()) {
        Some(account) => {
            let target = dereference::target(&work.kubernetes, &work.object, work.patience()).await?;
            validate::log_in(work.context, &target, &account).await?.0
        }
        None => work.access(&wanted.place.endpoint, &wanted.initial_database).await?.enter_database(database).await?,
    };
    read(&session, database, schema).await
}

async fn read(session: &impl Session, database: &str, schema: &str) -> Result<Tables, Error> {
    let schemas = Fragment::list([schema])
        .map_err(|_| Failure::stalled(Reason::InvalidName, "the schema's name can't be part of a statement"))?;
    let parameters = Parameters::new().text("table_database_text", database).fragment("schemas", schemas);
    let mut look = Asker::with(session, parameters);
    look.ask(&[LookUp::OwnAccount, LookUp::TablesOfSchemas]).await?;
    let user = look.rows(LookUp::OwnAccount).await?.first().map(|row| row.text(0).to_owned()).unwrap_or_default();
    let mut found: BTreeMap<String, (TableKind, Vec<(u32, Column)>)> = BTreeMap::new();
    for row in look.rows(LookUp::TablesOfSchemas).await? {
        let kind = ColumnType::new(row.text(5), row.text(6), row.text(7), row.text(8));
        let column = Column { name: row.text(3).to_owned(), kind };
        let table = found.entry(row.text(1).to_owned());
        let (_, columns) = table.or_insert_with(|| (TableKind::named(row.text(2)), Vec::new()));
        columns.push((row.text(4).parse().unwrap_or(u32::MAX), column));
    }
    let tables = found.into_iter().map(|(name, (kind, mut columns))| {
        columns.sort_by_key(|(position, _)| *position);
        (name, Table { kind, columns: columns.into_iter().map(|(_, column)| column).collect() })
    });
    Ok(Tables { database: database.to_owned(), user, tables: tables.collect() })
}
