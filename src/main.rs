//! The entry point.

use std::process::ExitCode;

use redshift_integration_operator::cli::Cli;
use redshift_integration_operator::operator::signals::Signals;

/// Stack of each thread, in bytes. A pass is a deep nest of futures; one that ran out of stack would end all the others too. The
/// 2 MiB of a rule are near where nothing is optimized. What isn't used of it takes no memory.
const STACK: usize = 8 * 1024 * 1024;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK).enable_all().build() {
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
    let cli = Cli::read();
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
