//! Connections to a stand-in, and what comes back.

use redshift_stand_in::{Options, StandIn};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

pub fn config(stand_in: &StandIn, user: &str, password: &str, database: &str) -> Config {
    let mut config = Config::new();
    config.host("localhost").port(stand_in.port()).user(user).password(password).dbname(database);
    config
}

pub async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

pub async fn admin(stand_in: &StandIn, database: &str) -> Client {
    connect(&config(stand_in, stand_in.admin_user(), stand_in.admin_password(), database)).await.unwrap()
}

pub async fn value(client: &Client, sql: &str) -> String {
    let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    messages
        .iter()
        .find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        })
        .unwrap()
}

pub async fn code(client: &Client, sql: &str) -> String {
    match client.batch_execute(sql).await {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.code().map_or_else(|| "lost".to_owned(), |code| code.code().to_owned()),
    }
}

pub async fn start() -> StandIn {
    StandIn::start(Options::default()).await.unwrap()
}

/// A user with a password of its own, logged in.
pub async fn user(stand_in: &StandIn, name: &str, database: &str) -> Client {
    let client = admin(stand_in, database).await;
    let made = code(&client, &format!("CREATE USER \"{name}\" PASSWORD 'Abcd1234'")).await;
    assert!(made == "ok" || made == "42710", "{made}");
    connect(&config(stand_in, name, "Abcd1234", database)).await.unwrap()
}

/// Executes one statement after the other.
pub async fn run(client: &Client, statements: &[&str]) {
    for text in statements {
        client.batch_execute(text).await.unwrap_or_else(|error| panic!("{text}: {error:?}"));
    }
}

/// All rows, each as its values with `|` in between.
pub async fn rows(client: &Client, sql: &str) -> Vec<String> {
    let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let values: Vec<_> = (0..row.len()).map(|column| row.get(column).unwrap_or("NULL")).collect();
                Some(values.join("|"))
            }
            _ => None,
        })
        .collect()
}

/// The text of an error.
pub async fn message(client: &Client, sql: &str) -> String {
    let error = client.batch_execute(sql).await.unwrap_err();
    error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}
