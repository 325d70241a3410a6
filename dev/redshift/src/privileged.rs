//! What `PostgreSQL` decides otherwise than Redshift, done past the client's session by the stand-in's
//! own superuser.

use tokio_postgres::SimpleQueryMessage;

use crate::dialect::{Refusal, Verdict};
use crate::postgres::Postgres;

const DROP_USER: &str = "https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_USER.html";
const ROLES: &str = "https://docs.aws.amazon.com/redshift/latest/dg/r_roles-system-privileges.html";

fn refuse(sqlstate: &'static str, message: String, page: &str) -> Verdict {
    Verdict::Refuse(Refusal { sqlstate, message, page: page.to_owned() })
}

/// The statement that is sent in the place of one that was done already: an empty one that succeeds.
fn done() -> Verdict {
    Verdict::Rewrite { sql: "SELECT".to_owned(), notes: Vec::new(), hidden: 0 }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

async fn first(client: &tokio_postgres::Client, sql: &str) -> anyhow::Result<Option<String>> {
    let messages = client.simple_query(sql).await?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}

async fn holds(client: &tokio_postgres::Client, user: &str, privilege: &str) -> anyhow::Result<bool> {
    let role = literal(&format!("privilege:{privilege}"));
    Ok(first(client, &format!("SELECT pg_has_role({}, {role}, 'member')", literal(user))).await?.as_deref()
        == Some("t"))
}

/// Does something that needs a system privilege, if the user holds it through roles.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_roles-system-privileges.html>
pub(crate) async fn run(
    postgres: &Postgres,
    database: &str,
    user: &str,
    privilege: &'static str,
    sql: &str,
) -> anyhow::Result<Verdict> {
    let client = postgres.client(database).await?;
    if !holds(&client, user, privilege).await? {
        return Ok(refuse("42501", format!("must be superuser or have the system privilege {privilege}"), ROLES));
    }
    match client.batch_execute(sql).await {
        Ok(()) => Ok(done()),
        Err(error) => Ok(refused_by(&error, ROLES)),
    }
}

fn refused_by(error: &tokio_postgres::Error, page: &str) -> Verdict {
    let code = error.code().map_or("XX000", |code| match code.code() {
        "42710" => "42710",
        "42704" => "42704",
        "2BP01" => "2BP01",
        _ => "XX000",
    });
    let message = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    refuse(code, message, page)
}

/// `DROP USER`: Redshift looks into the current database alone. What the user owns elsewhere is left
/// without an owner, and privileges elsewhere are left to nobody.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_USER.html>
pub(crate) async fn drop_users(
    postgres: &Postgres,
    database: &str,
    by: &str,
    names: &[String],
    if_exists: bool,
    privileged: bool,
) -> anyhow::Result<Verdict> {
    let client = postgres.client(database).await?;
    if privileged && !holds(&client, by, "DROP USER").await? {
        return Ok(refuse("42501", "must be superuser or have the system privilege DROP USER".to_owned(), DROP_USER));
    }
    for name in names {
        let find = format!("SELECT oid FROM pg_roles WHERE rolcanlogin AND rolname = {}", literal(name));
        let Some(id) = first(&client, &find).await? else {
            if if_exists {
                continue;
            }
            return Ok(refuse("42704", format!("user \"{name}\" does not exist"), DROP_USER));
        };
        if let Some(reason) = obstacle(&client, &id).await? {
            return Ok(refuse(
                "55006",
                format!("user \"{name}\" cannot be dropped because the user {reason}"),
                DROP_USER,
            ));
        }
        forget_elsewhere(postgres, database, name).await?;
        if let Err(error) = client.batch_execute(&format!("DROP ROLE {}", quoted(name))).await {
            return Ok(refused_by(&error, DROP_USER));
        }
    }
    Ok(done())
}

/// What stands in the way in the current database, and among what all databases share.
async fn obstacle(client: &tokio_postgres::Client, id: &str) -> anyhow::Result<Option<&'static str>> {
    let here = "dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))";
    let depends = |kind: &str| {
        format!(
            "SELECT 1 FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = {id} AND {kind} AND {here}"
        )
    };
    if first(client, &depends("deptype = 'o'")).await?.is_some() {
        return Ok(Some("owns some object"));
    }
    if first(client, &depends("deptype <> 'o'")).await?.is_some() {
        return Ok(Some("has a privilege on some object"));
    }
    Ok(None)
}

async fn forget_elsewhere(postgres: &Postgres, database: &str, name: &str) -> anyhow::Result<()> {
    let client = postgres.client(database).await?;
    let others = client
        .simple_query("SELECT datname FROM pg_database WHERE datallowconn AND datname <> current_database()")
        .await?;
    client.batch_execute("DO $$ BEGIN CREATE ROLE unknown; EXCEPTION WHEN OTHERS THEN NULL; END $$").await?;
    for message in &others {
        if let SimpleQueryMessage::Row(row) = message {
            let other = postgres.client(row.get(0).unwrap_or_default()).await?;
            let name = quoted(name);
            other.batch_execute(&format!("REASSIGN OWNED BY {name} TO unknown; DROP OWNED BY {name}")).await?;
        }
    }
    Ok(())
}
