//! `datasource`: manifests of data sources.

mod draft;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use kube::ResourceExt;

use super::manifest::Manifests;
use super::output::{self, Ending};
use super::status::{Layout, text};
use super::validate::{ConnectionArguments, Ready, UNREACHABLE, ready, sorted, tell_mistakes};
use super::values::namespace;
use crate::api::RedshiftIntegration;
use crate::lifecycle::Failure;
use crate::reconcile::integration::{Tables, tables};
use crate::scripts::show_identifier;
use draft::{Drafts, Whose};

const EXAMPLES: &str = "\
Examples:
  # A manifest for each table and view of a schema, as a first draft
  redshift-integration-operator datasource generate --schema sales -f integration.yaml > sales.yaml

  # One table of another database, with the types of its columns
  redshift-integration-operator datasource generate --database lake --schema sales \\
    --table orders --with-types -f integration.yaml

Credentials are taken as `validate` takes them: the manifest of a Secret among the files, the
environment, or what is typed. With the Secret of the system account it is the very account that
the views read with.

Nothing is ever changed. What is printed shows nobody anything, until subscription and
grantSelectTo say whom.

Exit codes: 0 something was printed, 1 there is nothing or something is wrong, 2 a file can't be
read, 3 the warehouse, or who gives out logins to it, wasn't reached.";

/// What is done with data sources.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a manifest for each table of a schema, from the warehouse's catalogue
    Generate(Arguments),
}

/// The command's arguments.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The manifest of the integration, and of what it names; a file, a folder, or - for standard input; can be given several times
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The schema, as the warehouse lists it
    #[arg(long, value_name = "SCHEMA")]
    schema: String,
    /// One of its tables or views alone; can be given several times
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<String>,
    /// The database; without it, the integration's initialDatabase
    #[arg(long, value_name = "DATABASE")]
    database: Option<String>,
    /// Write the types of columns too: a column that has another one counts as unlisted
    #[arg(long)]
    with_types: bool,
    /// Namespace of an integration that names none
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    namespace: Option<String>,
    #[command(flatten)]
    connection: ConnectionArguments,
}

/// Prints a manifest for each table.
pub async fn generate(arguments: Arguments) -> ExitCode {
    work(arguments).await.unwrap_or_else(|ending| ending).into()
}

async fn work(arguments: Arguments) -> Result<Ending, Ending> {
    // Standard input may never end.
    let files = arguments.files.clone();
    let manifests = tokio::task::spawn_blocking(move || Manifests::read(&files)).await;
    let manifests = manifests.map_err(|_| Ending::Failure)?;
    let options = arguments.connection.options().map_err(|message| told(Ending::Usage, message))?;
    let default_namespace = arguments.namespace.as_deref().unwrap_or("default");
    let ending = tell_mistakes(&manifests, default_namespace);
    if ending != Ending::Success {
        return Err(ending);
    }
    let (mut objects, files) = sorted(&manifests, default_namespace);
    if objects.len() > 1 {
        let names: Vec<_> = objects.iter().map(ResourceExt::name_any).collect();
        let message = format!("there are several integrations in these files ({}): give one", names.join(", "));
        return Err(told(Ending::Failure, message));
    }
    let object = objects.remove(0);
    let integration = object.clone();
    let Ready { context, object, .. } = ready(object, files, &options).await.map_err(|it| told(Ending::Failure, it))?;
    let found = tables(&context, object, arguments.database.as_deref(), &arguments.schema).await;
    let found = found.map_err(|failure| told_failure(&failure))?;
    print(&arguments, &integration, found)
}

fn told(ending: Ending, message: String) -> Ending {
    output::error(message);
    ending
}

fn told_failure(failure: &Failure) -> Ending {
    output::error(&failure.message);
    let remedies = text::remedies(&failure.remedies, Layout::now());
    if !remedies.is_empty() {
        output::say(remedies.trim_end());
    }
    if UNREACHABLE.contains(&failure.reason) { Ending::Unreachable } else { Ending::Failure }
}

fn print(arguments: &Arguments, integration: &RedshiftIntegration, mut found: Tables) -> Result<Ending, Ending> {
    let schema = &arguments.schema;
    if found.tables.is_empty() {
        return Err(told(Ending::Failure, nothing(&found, schema)));
    }
    if !arguments.tables.is_empty() {
        for table in &arguments.tables {
            if !found.tables.contains_key(table) {
                let near = super::schema::nearest(table, found.tables.keys().map(String::as_str));
                let near = near.map(|near| format!("; there is {near}")).unwrap_or_default();
                let place = format!("{}.{schema}", found.database);
                let message = format!(
                    "{place} shows {} no table {table}: it isn't there, or it may not read it{near}",
                    found.user
                );
                return Err(told(Ending::Failure, message));
            }
        }
        found.tables.retain(|name, _| arguments.tables.contains(name));
    }
    let whose =
        Whose { integration, database: arguments.database.as_deref(), schema, with_types: arguments.with_types };
    let Drafts { manifests, left_out } = draft::drafts(&whose, &found);
    for line in &left_out {
        output::warning(line);
    }
    if manifests.is_empty() {
        return Err(told(Ending::Failure, "none of these can be a data source".to_owned()));
    }
    output::print(manifests.join("---\n"));
    let account = &integration.spec.config.system_account.name;
    if *account != found.user {
        output::say(format!(
            "Views read as {account}, and {} was asked. In {}:\n{}",
            found.user,
            found.database,
            grants(schema, account)
        ));
    }
    Ok(Ending::Success)
}

/// What isn't shown is missing, or not allowed: the catalogue doesn't say which.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ALL_COLUMNS.html>
fn nothing(found: &Tables, schema: &str) -> String {
    let Tables { database, user, .. } = found;
    format!(
        "{database}.{schema} shows {user} nothing: the schema isn't there (names are as the warehouse lists them, mostly in lower \
         case), it is empty, or {user} may not read it. In {database}:\n{}",
        grants(schema, user)
    )
}

fn grants(schema: &str, user: &str) -> String {
    let (schema, user) = (show_identifier(schema), show_identifier(user));
    format!("  GRANT USAGE ON SCHEMA {schema} TO {user};\n  GRANT SELECT FOR TABLES IN SCHEMA {schema} TO {user};")
}
