//! The entry point.

use std::process::ExitCode;

use clap::Parser;
use redshift_integration_operator::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One provider for all of TLS, installed before anything asks for it.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("error: a TLS provider was installed before the program began");
        return ExitCode::FAILURE;
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli.execute()),
        Err(error) => {
            eprintln!("error: the runtime can't be started: {error}");
            ExitCode::FAILURE
        }
    }
}
