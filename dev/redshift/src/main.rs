//! The stand-in as a program.

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use redshift_stand_in::{Options, StandIn};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// A stand-in for Amazon Redshift, in front of `PostgreSQL` 15, on this machine's loopback interface.
///
/// Its control port takes faults and gives its journal: GET /journal, DELETE /journal, GET
/// /connections, GET, POST and DELETE /faults, POST /release, POST /temporary-credentials, POST /away,
/// POST /back, GET /ca.
#[derive(Debug, Parser)]
struct Arguments {
    /// Port to listen on; 0 for a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Port of the control; 0 for a free one
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// The first user, a superuser
    #[arg(long, default_value = "awsuser")]
    admin_user: String,
    /// The first user's password; a random one without it
    #[arg(long, env = "REDSHIFT_ADMIN_PASSWORD", hide_env_values = true)]
    admin_password: Option<String>,
    /// Refuse connections without TLS
    #[arg(long)]
    require_tls: bool,
    /// Play Redshift Serverless
    #[arg(long)]
    serverless: bool,
    /// Demand USAGE on the schemas that a late-binding view reads from its readers too
    #[arg(long)]
    readers_use_schemas: bool,
    /// How many warehouses to play with one server, each at a port of its own
    #[arg(long, default_value_t = 1)]
    warehouses: usize,
    /// Names of users, roles and databases that each of several warehouses keeps to itself, separated by commas
    #[arg(long, value_delimiter = ',')]
    names_apart: Vec<String>,
    /// How far away to be: what a round trip takes longer, in milliseconds
    #[arg(long, default_value_t = 0)]
    round_trip_milliseconds: u64,
    /// Where to write all addresses, as JSON, once it is ready
    #[arg(long)]
    ready_file: Option<PathBuf>,
    /// End when standard input does
    #[arg(long)]
    end_with_stdin: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let stand_in = StandIn::start(Options {
        admin_user: arguments.admin_user,
        admin_password: arguments.admin_password,
        require_tls: arguments.require_tls,
        serverless: arguments.serverless,
        readers_use_schemas: arguments.readers_use_schemas,
        port: arguments.port,
        control_port: arguments.control_port,
        warehouses: arguments.warehouses,
        names_apart: arguments.names_apart,
        round_trip: std::time::Duration::from_millis(arguments.round_trip_milliseconds),
        ..Options::default()
    })
    .await?;
    let ready = serde_json::json!({
        "host": stand_in.host(),
        "port": stand_in.port(),
        "ports": stand_in.ports(),
        "control": stand_in.control_url(),
        "adminUser": stand_in.admin_user(),
        "adminPassword": stand_in.admin_password(),
        "ca": stand_in.ca_pem(),
    });
    if let Some(path) = arguments.ready_file {
        // In one step, so that nobody reads half of it.
        let half_way = path.with_extension("half-way");
        std::fs::write(&half_way, ready.to_string()).with_context(|| half_way.display().to_string())?;
        std::fs::rename(&half_way, &path)?;
    }
    tracing::info!(port = stand_in.port(), control = stand_in.control_url(), "ready");
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let input_ends = async {
        if arguments.end_with_stdin {
            let mut rest = Vec::new();
            let _ = tokio::io::stdin().read_to_end(&mut rest).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = input_ends => {}
    }
    drop(stand_in);
    // Sessions hold on to the server until they have noticed.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    std::process::exit(0);
}
