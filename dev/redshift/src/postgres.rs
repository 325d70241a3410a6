//! `PostgreSQL` 15 as a child process, with a cluster of its own in a folder of its own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::catalog;

/// The stand-in's own superuser, as on Redshift.
pub const INTERNAL_USER: &str = "rdsdb";

/// The first user of a new cluster, until it is renamed.
const ADMIN_USER: &str = "awsuser";

/// Longest time for the start of the server: a second on a quiet machine.
const START_DEADLINE: Duration = Duration::from_mins(2);

/// What makes it speak as Redshift does, and cheap to start.
const SETTINGS: &[&str] = &[
    // The backslash escapes in literals.
    "standard_conforming_strings=off",
    "escape_string_warning=off",
    "backslash_quote=on",
    // Passwords are kept, and asked for, as MD5.
    "password_encryption=md5",
    // SNAPSHOT, Redshift's default.
    "default_transaction_isolation=repeatable read",
    "allow_system_table_mods=on",
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    // Databases come and go: their logs would soon be larger than they are.
    "max_wal_size=48MB",
    "min_wal_size=8MB",
    "shared_buffers=8MB",
    "max_connections=60",
    "max_wal_senders=0",
    "wal_level=minimal",
    "autovacuum=off",
    "jit=off",
    // Else each session loads it for itself, with the first procedure that it calls.
    "shared_preload_libraries=plpgsql",
    "logging_collector=off",
    "timezone=UTC",
];

/// Functions that open files, and views of them: not even a superuser finds them. Redshift has none of them, and a
/// statement of a client's has no business with this machine's files.
/// <https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-functions.html>
const NO_FILES: &str = "
DROP VIEW pg_catalog.pg_hba_file_rules, pg_catalog.pg_ident_file_mappings, pg_catalog.pg_file_settings,
    pg_catalog.pg_available_extensions, pg_catalog.pg_available_extension_versions;
UPDATE pg_catalog.pg_proc SET proname = 'rdsdb_removed_' || oid
WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ (
    '^(pg_(read_(binary_)?file(_.*)?|ls_.*|stat_file|current_logfile|control_.*|hba_file_rules|ident_file_mappings)'
    || '|pg_(show_all_file_settings|import_system_collations|available_extension.*|extension_update_paths|config)'
    || '|lo_import|lo_export)$');
";

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    end: mpsc::Sender<()>,
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Postgres {
    /// Starts a new cluster, in which `admin` is the one superuser besides the stand-in's own.
    pub async fn start(admin: &str, password: &str) -> anyhow::Result<Self> {
        let (admin, password) = (admin.to_owned(), password.to_owned());
        let server = tokio::task::spawn_blocking(Self::start_blocking).await??;
        let client = server.client("padb_harvest").await?;
        if admin != ADMIN_USER {
            client.batch_execute(&format!("ALTER ROLE {ADMIN_USER} RENAME TO {}", quoted(&admin))).await?;
        }
        let set =
            format!("ALTER ROLE {} PASSWORD '{}'", quoted(&admin), password.replace('\\', "\\\\").replace('\'', "''"));
        client.batch_execute(&set).await?;
        Ok(server)
    }

    fn start_blocking() -> anyhow::Result<Self> {
        let programs = programs()?;
        let template = template(&programs)?;
        let folder = working_folder()?;
        let data = folder.path().join("data");
        run(Command::new("cp").arg("-a").arg(&template).arg(&data))?;
        launch(&programs, folder)
    }

    /// Where the server's socket is.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// Lists databases that aren't here, in every database's catalogue.
    pub async fn list_foreign(&self, databases: &[String]) -> anyhow::Result<()> {
        if databases.is_empty() {
            return Ok(());
        }
        let client = self.client("padb_harvest").await?;
        let list = databases.join(",").replace('\'', "''");
        client.batch_execute(&format!("ALTER ROLE ALL SET redshift.foreign_databases = '{list}'")).await?;
        Ok(())
    }

    /// A connection as the stand-in's own superuser, past the relay.
    pub async fn client(&self, database: &str) -> anyhow::Result<Client> {
        connect(self.folder.path(), database).await
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.end.send(());
        // The folder goes when the server is gone.
        let _ = self.ended.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(Duration::from_secs(30));
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join(".s.PGSQL.5432")
}

async fn connect(folder: &Path, database: &str) -> anyhow::Result<Client> {
    let mut config = tokio_postgres::Config::new();
    config.host_path(folder).user(INTERNAL_USER).dbname(database);
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(client)
}

/// A name as an identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The folder with `initdb` and `postgres`.
fn programs() -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from("/usr/lib/postgresql/15/bin");
    if folder.join("initdb").is_file() {
        return Ok(folder);
    }
    bail!("PostgreSQL 15 is missing; install it: apt-get install postgresql-15")
}

/// `PostgreSQL` refuses to run as root: then it runs as the user that Debian's package made for it.
fn postgres_user() -> anyhow::Result<Option<(u32, u32)>> {
    let me = fs::metadata("/proc/self").context("/proc is needed")?;
    if std::os::unix::fs::MetadataExt::uid(&me) != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.starts_with("postgres:")).context("there is no user `postgres`")?;
    let fields: Vec<_> = line.split(':').collect();
    Ok(Some((fields[2].parse()?, fields[3].parse()?)))
}

/// A program that runs as that user and dies with the thread that started it, however that ends.
fn as_postgres(program: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new("setpriv");
    if let Some((uid, gid)) = postgres_user()? {
        command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--clear-groups");
    }
    command.arg("--pdeathsig=QUIT").arg("--").arg(program).env("LC_ALL", "C").current_dir("/");
    Ok(command)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// A folder for one server. Those of servers whose starter died are removed on the way.
fn working_folder() -> anyhow::Result<TempDir> {
    const PREFIX: &str = "redshift-stand-in-";
    for entry in fs::read_dir(std::env::temp_dir())?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner =
            name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()).and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // The server in it got its signal when its starter died; what it may still write doesn't matter.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let folder = tempfile::Builder::new().prefix(&format!("{PREFIX}{}-", std::process::id())).tempdir()?;
    if let Some((uid, gid)) = postgres_user()? {
        chown(folder.path(), Some(uid), Some(gid))?;
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
    Ok(folder)
}

/// A cluster as a new warehouse has it, made once for each version of what is in it.
fn template(programs: &Path) -> anyhow::Result<PathBuf> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (SETTINGS, catalog::IN_EVERY_DATABASE, catalog::for_the_cluster(), include_str!("postgres.rs")).hash(&mut hasher);
    let cache = cache()?;
    let template = cache.join(format!("postgres-{:016x}", hasher.finish()));
    if template.is_dir() {
        return Ok(template);
    }
    // One makes it, others wait for it.
    let lock = fs::File::create(cache.join("postgres.lock"))?;
    lock.lock()?;
    if template.is_dir() {
        return Ok(template);
    }
    tracing::info!("making the template of the warehouse, a few seconds, once");
    let folder = working_folder()?;
    let data = folder.path().join("data");
    run(as_postgres(&programs.join("initdb"))?
        .args(["-U", INTERNAL_USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"])
        // Each start copies what there is of the log: of the usual segments, half of what a cluster is.
        .args(["--wal-segsize=1", "-D"])
        .arg(&data))?;
    fs::write(data.join("pg_hba.conf"), format!("local all {INTERNAL_USER} trust\nlocal all all md5\n"))?;
    let server = launch(programs, folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = server.client("template1").await?;
        client.batch_execute("ALTER DATABASE postgres RENAME TO padb_harvest").await?;
        client.batch_execute(&catalog::for_the_cluster()).await.context("the roles of the cluster")?;
        client.batch_execute(catalog::IN_EVERY_DATABASE).await.context("the catalogue")?;
        client.batch_execute(NO_FILES).await.context("functions that open files")?;
        client.batch_execute(&format!("CREATE ROLE {ADMIN_USER} LOGIN SUPERUSER CREATEDB CREATEROLE")).await?;
        drop(client);
        let client = server.client("padb_harvest").await?;
        for database in ["dev", "redshift_sample_data"] {
            client.batch_execute(&format!("CREATE DATABASE {database} OWNER {ADMIN_USER}")).await?;
        }
        anyhow::Ok(())
    })?;
    // The folder outlives its server: it becomes the template.
    let data = server.folder.path().join("data");
    let _ = server.end.send(());
    server
        .ended
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv_timeout(Duration::from_secs(30))
        .context("the server doesn't end")?;
    let half_way = cache.join(format!("postgres-making-{}", std::process::id()));
    // What a run left behind that was ended in the middle.
    let _ = fs::remove_dir_all(&half_way);
    run(Command::new("cp").arg("-a").arg(&data).arg(&half_way))?;
    fs::rename(&half_way, &template)?;
    Ok(template)
}

fn cache() -> anyhow::Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("REDSHIFT_OPERATOR_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("redshift-integration-operator")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/redshift-integration-operator")))
        .context("set HOME, XDG_CACHE_HOME or REDSHIFT_OPERATOR_CACHE")?;
    fs::create_dir_all(&cache)?;
    Ok(cache)
}

fn launch(programs: &Path, folder: TempDir) -> anyhow::Result<Postgres> {
    let mut command = as_postgres(&programs.join("postgres"))?;
    command.arg("-D").arg(folder.path().join("data"));
    command.arg("-c").arg(format!("unix_socket_directories={}", folder.path().display()));
    for setting in SETTINGS {
        command.arg("-c").arg(setting);
    }
    let log = fs::File::create(folder.path().join("log"))?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let (end, asked) = mpsc::channel();
    let (done, ended) = mpsc::channel();
    let (started, starting) = mpsc::channel();
    // The server dies with the thread that starts it, so that thread lives as long as it is to live.
    std::thread::spawn(move || {
        let child = command.spawn();
        let Ok(mut child) = child else {
            let _ = started.send(child.map(|_| 0));
            return;
        };
        let _ = started.send(Ok(child.id()));
        // An error means that nobody is there any more who could ask.
        let _ = asked.recv();
        let quit = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
        if quit.is_err() {
            let _ = child.kill();
        }
        let _ = child.wait();
        let _ = done.send(());
    });
    let id = starting.recv().context("the server's thread ended")?.context("setpriv (util-linux) is needed")?;
    let server = Postgres { folder, end, ended: Mutex::new(ended) };
    let deadline = std::time::Instant::now() + START_DEADLINE;
    while !is_ready(server.folder.path()) {
        let gone = !Path::new(&format!("/proc/{id}")).exists();
        if gone || std::time::Instant::now() > deadline {
            let log = fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
            bail!("PostgreSQL didn't start:\n{log}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(server)
}

/// Whether the server takes connections: it says so in the last line of its file, which costs less than to try.
fn is_ready(folder: &Path) -> bool {
    fs::read_to_string(folder.join("data/postmaster.pid"))
        .is_ok_and(|file| file.lines().nth(7).is_some_and(|state| state.trim() == "ready"))
}
