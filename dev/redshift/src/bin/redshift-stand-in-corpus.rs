//! Runs folders of SQL through the stand-in and counts what passes: how near it is to Redshift, seen from
//! statements that others wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use redshift_stand_in::{Options, StandIn, dialect};
use tokio_postgres::{Client, NoTls};

/// Longest time for a statement, after which it counts as one that hangs.
const DEADLINE: Duration = Duration::from_secs(10);

/// Counts how many statements of folders with SQL files pass, and how many are refused.
///
/// Each folder is a line of the table that is printed. Each file in it (`*.sql`, at any depth) runs in a database of
/// its own, statement by statement, by the first superuser; a file `setup.sql` beside it runs before it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folders, each with one body of SQL
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Show each statement that is refused, and why
    #[arg(long)]
    refused: bool,
    /// Show each statement that passes
    #[arg(long)]
    passed: bool,
}

/// What became of the statements of a folder.
#[derive(Default)]
struct Counts {
    passed: usize,
    /// By a rule of the dialect.
    by_rule: usize,
    /// By `PostgreSQL`, or by the stand-in's catalogue.
    otherwise: usize,
    unanswered: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    println!("| body | statements | passed | refused by a rule | refused otherwise | no answer |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for folder in &arguments.folders {
        let counts = run_folder(folder, &arguments).await?;
        let all = counts.passed + counts.by_rule + counts.otherwise + counts.unanswered;
        let name =
            folder.file_name().map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into());
        let Counts { passed, by_rule, otherwise, unanswered } = counts;
        println!("| {name} | {all} | {passed} | {by_rule} | {otherwise} | {unanswered} |");
    }
    Ok(())
}

async fn run_folder(folder: &Path, arguments: &Arguments) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    for file in files(folder)? {
        // One for each file: users and roles are shared by all databases.
        let stand_in = StandIn::start(Options::default()).await?;
        let mut client = connect(&stand_in).await?;
        let setup = file.with_file_name("setup.sql");
        if setup.is_file() {
            client.batch_execute(&fs::read_to_string(setup)?).await.context("setup.sql")?;
        }
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let Ok(spans) = dialect::split(&text) else {
            eprintln!("{}: what is in it can't be told apart", file.display());
            continue;
        };
        for statement in spans.into_iter().map(|span| &text[span]) {
            let shown = || statement.split_whitespace().collect::<Vec<_>>().join(" ");
            let Ok(answer) = tokio::time::timeout(DEADLINE, client.batch_execute(statement)).await else {
                counts.unanswered += 1;
                println!("no answer: {}", shown());
                client = connect(&stand_in).await?;
                continue;
            };
            let Err(error) = answer else {
                counts.passed += 1;
                if arguments.passed {
                    println!("passed: {}", shown());
                }
                continue;
            };
            let Some(error) = error.as_db_error() else {
                counts.unanswered += 1;
                println!("no answer: {}", shown());
                client = connect(&stand_in).await?;
                continue;
            };
            let is_rule = error.hint().is_some_and(|hint| hint.contains("docs.aws.amazon.com/redshift"));
            *(if is_rule { &mut counts.by_rule } else { &mut counts.otherwise }) += 1;
            if arguments.refused {
                println!("refused: {}\n    {}: {}", shown(), error.code().code(), error.message());
            }
            // A transaction that failed isn't the next statement's.
            let _ = client.batch_execute("ROLLBACK").await;
        }
    }
    Ok(counts)
}

async fn connect(stand_in: &StandIn) -> anyhow::Result<Client> {
    let mut config = tokio_postgres::Config::new();
    config.host("localhost").port(stand_in.port()).dbname("dev");
    config.user(stand_in.admin_user()).password(stand_in.admin_password());
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The SQL files of a folder, in the order of their names.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "sql") && !path.ends_with("setup.sql") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
