//! The entry point.

use std::process::ExitCode;

use clap::Parser;
use redshift_integration_operator::cli::Cli;
use redshift_integration_operator::operator::signals::Signals;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime can't be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Before anything else: as the first process of a container it would be deaf until then.
    let signals = {
        let _within = runtime.enter();
        match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                eprintln!("error: signals can't be listened to: {error}");
                return ExitCode::FAILURE;
            }
        }
    };
    let cli = Cli::parse();
    // One provider for all of TLS, installed before anything asks for it.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("error: a TLS provider was installed before the program began");
        return ExitCode::FAILURE;
    }
    let code = runtime.block_on(cli.execute(signals));
    // Nothing is waited for any more, such as a name that is being looked up.
    runtime.shutdown_background();
    code
}
