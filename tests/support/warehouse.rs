//! The truth about a warehouse, seen past the stand-in's relay, and logins through it.

use std::collections::BTreeMap;
use std::sync::Arc;

use redshift_stand_in::StandIn;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::World;

/// Everything users, databases, objects, owners and grants, without ids and times: equal for equal
/// warehouses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Dump(pub BTreeMap<String, Vec<String>>);

/// The stand-in notes what is a role, and whose, in a comment, by the owner's id.
const USERS: &str = "SELECT r.rolname, r.rolsuper, r.rolcreatedb, r.rolcanlogin, r.rolcreaterole, \
     CASE WHEN c.note LIKE 'role:%' THEN 'role of ' || o.rolname ELSE c.note END \
     FROM pg_roles r CROSS JOIN LATERAL (SELECT shobj_description(r.oid, 'pg_authid') AS note) c \
     LEFT JOIN pg_roles o ON 'role:' || o.oid = c.note ORDER BY 1";
const MEMBERS: &str = "SELECT r.rolname, m.rolname, a.admin_option FROM pg_auth_members a \
     JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member ORDER BY 1, 2";
const DATABASES: &str =
    "SELECT d.datname, r.rolname, d.datacl FROM pg_database d LEFT JOIN pg_roles r ON r.oid = d.datdba ORDER BY 1";

/// The stand-in shows a database what is in another one by schemas called `rdsdb:…`.
const IN_EACH_DATABASE: &str = "SELECT 'schema', n.nspname, r.rolname, n.nspacl FROM pg_namespace n LEFT JOIN pg_roles r ON r.oid = n.nspowner \
     WHERE n.nspname NOT LIKE 'pg_temp%' AND n.nspname NOT LIKE 'pg_toast%' AND n.nspname NOT LIKE 'rdsdb:%' ORDER BY 2; \
     SELECT 'relation', n.nspname, c.relname, c.relkind, r.rolname, c.relacl, \
     (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) \
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
     CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_roles r ON r.oid = c.relowner \
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_temp%' \
     AND n.nspname NOT LIKE 'pg_toast%' AND n.nspname NOT LIKE 'rdsdb:%' ORDER BY 2, 3; \
     SELECT 'routine', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), r.rolname, p.proacl, p.prosrc \
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace LEFT JOIN pg_roles r ON r.oid = p.proowner \
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 2, 3, 4; \
     SELECT 'default privileges', r.rolname, n.nspname, d.defaclobjtype, d.defaclacl FROM pg_default_acl d \
     LEFT JOIN pg_roles r ON r.oid = d.defaclrole LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace ORDER BY 2, 3, 4; \
     SELECT 'setting', s.setconfig FROM pg_db_role_setting s ORDER BY 2";

/// What policy-enforced views are known by and decide by, and what of it changes from time to time.
const OF_VIEWS: [(&str, &str); 3] = [
    ("data_source", "'source_uid', 'changed_at', 'operator_version'"),
    ("entitlement", "''"),
    ("profile", "'changed_at'"),
];

/// Nobody enters a template, and what is in it shows in each database that is made from it.
const NAMES: &str = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1";

/// Looks at a warehouse again and again, past the relay.
pub struct Observer {
    stand_in: Arc<StandIn>,
    dropped: Option<&'static str>,
    kept: BTreeMap<String, Client>,
}

impl Observer {
    /// One that keeps its connections, but for that to a database which is dropped now and then: there it
    /// would stand in the way.
    pub fn new(stand_in: &Arc<StandIn>, dropped: Option<&'static str>) -> Self {
        Self { stand_in: stand_in.clone(), dropped, kept: BTreeMap::new() }
    }

    /// A connection to a database.
    pub async fn enter(&mut self, database: &str) -> &Client {
        if !self.kept.contains_key(database) {
            let client = self.stand_in.superuser(database).await.unwrap();
            self.kept.insert(database.to_owned(), client);
        }
        &self.kept[database]
    }

    /// Looks at all of it.
    pub async fn dump(&mut self) -> Dump {
        let mut dump = BTreeMap::new();
        let client = self.enter("dev").await;
        dump.insert("users".to_owned(), rows(client, USERS).await);
        dump.insert("members".to_owned(), rows(client, MEMBERS).await);
        dump.insert("databases".to_owned(), rows(client, DATABASES).await);
        for database in rows(client, NAMES).await {
            let client = self.enter(&database).await;
            let mut contents = rows(client, IN_EACH_DATABASE).await;
            if contents.iter().any(|row| row.starts_with("relation|immuta_system|registry|")) {
                // What is the same however an integration came to be.
                let registry = "SELECT 'registry row', to_jsonb(r) - ARRAY['integration_uid', 'fencing_counter', \
                     'changed_at', 'operator_version', 'claim_user_id'] FROM immuta_system.registry r";
                contents.extend(rows(client, registry).await);
            }
            if contents.iter().any(|row| row.starts_with("relation|immuta_system|entitlement|")) {
                for (table, changing) in OF_VIEWS {
                    let all = format!(
                        "SELECT '{table}', to_jsonb(t) - ARRAY[{changing}] FROM immuta_system.{table} t ORDER BY 2"
                    );
                    contents.extend(rows(client, &all).await);
                }
            }
            if self.dropped == Some(&database) {
                self.kept.remove(&database);
            }
            dump.insert(format!("database {database}"), contents);
        }
        Dump(dump)
    }
}

impl Dump {
    /// Looks at all of it, once.
    pub async fn of(stand_in: &Arc<StandIn>) -> Self {
        Observer::new(stand_in, None).dump().await
    }

    /// A list of privileges that holds an owner alone means what no list does.
    #[must_use]
    pub fn without_lists_of(self, owner: &str) -> Self {
        let lists = ["arwdDxt", "UC", "X"].map(|all| format!("{{{owner}={all}/{owner}}}"));
        let untouched = |row: &String| lists.iter().fold(row.clone(), |row, list| row.replace(list, ""));
        Self(self.0.into_iter().map(|(key, rows)| (key, rows.iter().map(untouched).collect())).collect())
    }

    /// What differs, for a reader.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for key in self.0.keys().chain(other.0.keys().filter(|key| !self.0.contains_key(*key))) {
            let nothing = Vec::new();
            let (before, after) = (self.0.get(key).unwrap_or(&nothing), other.0.get(key).unwrap_or(&nothing));
            differences.extend(before.iter().filter(|row| !after.contains(row)).map(|row| format!("- {key}: {row}")));
            differences.extend(after.iter().filter(|row| !before.contains(row)).map(|row| format!("+ {key}: {row}")));
        }
        differences
    }
}

/// Fails with what differs.
pub fn assert_same(before: &Dump, after: &Dump) {
    let differences = before.differences(after);
    assert!(differences.is_empty(), "the warehouse differs:\n{}", differences.join("\n"));
    assert_eq!(before, after);
}

/// The rows of a query, each as its values with `|` in between.
pub async fn rows(client: &Client, query: &str) -> Vec<String> {
    try_rows(client, query).await.unwrap_or_else(|error| panic!("{query}: {error:?}"))
}

/// As [`rows`], of a query that may be refused.
pub async fn try_rows(client: &Client, query: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let messages = client.simple_query(query).await?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let values: Vec<_> = (0..row.len()).map(|column| row.get(column).unwrap_or_default()).collect();
            Some(values.join("|"))
        }
        _ => None,
    });
    Ok(rows.collect())
}

/// Logs in through the stand-in, as any user of a warehouse would.
pub async fn login(
    stand_in: &StandIn,
    user: &str,
    password: &str,
    database: &str,
) -> Result<Client, tokio_postgres::Error> {
    let mut config = Config::new();
    config.host("localhost").port(stand_in.port()).user(user).password(password).dbname(database);
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Logs in as the first user.
pub async fn admin(stand_in: &StandIn, database: &str) -> Client {
    login(stand_in, stand_in.admin_user(), stand_in.admin_password(), database).await.unwrap()
}

/// Puts an account without more privileges than are needed into the Secret of the credentials.
pub async fn makes_a_lesser_admin(world: &World) {
    let dba = admin(&world.stand_in, "dev").await;
    for statement in [
        "CREATE USER lesser PASSWORD 'Abcd1234' CREATEDB",
        "CREATE ROLE makers",
        "GRANT CREATE USER, DROP USER, ALTER USER, CREATE ROLE, ACCESS SYSTEM TABLE TO ROLE makers",
        "GRANT ROLE makers TO lesser",
    ] {
        dba.batch_execute(statement).await.unwrap();
    }
    world.put_secret("redshift-admin", "lesser", "Abcd1234").await;
}
