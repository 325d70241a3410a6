//! Leader election over a Lease: of several pods one works, and one that isn't sure that it may work
//! any more, stops at once.

use std::future::Future;

use kube::Client;
use kube_lease_manager::{LeaseCreateMode, LeaseManagerBuilder, LeaseManagerError};
use thiserror::Error;
use tokio::sync::watch;

/// How long a lease is good for, in seconds: the longest time without anybody at work after a crash.
const DURATION: u64 = 30;

/// How long before its end it is renewed, in seconds: what is left for slow answers of the API server.
const GRACE: u64 = 15;

/// Why there is no leadership.
#[derive(Debug, Error)]
pub enum LeadershipError {
    /// The Lease can't be read or written.
    #[error("the Lease {name} in the namespace {namespace} can't be used")]
    Lease {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// Why not.
        source: Box<LeaseManagerError>,
    },
    /// The election ended before it was won.
    #[error("the election of a leader ended")]
    Ended,
}

/// Waits until this process is the leader. The future that is returned resolves when it isn't any more.
pub async fn acquire(
    client: Client,
    namespace: &str,
    name: &str,
    identity: &str,
) -> Result<impl Future<Output = ()> + use<>, LeadershipError> {
    let manager = LeaseManagerBuilder::new(client, name)
        .with_namespace(namespace)
        .with_identity(identity)
        .with_duration(DURATION)
        .with_grace(GRACE)
        .with_create_mode(LeaseCreateMode::AutoCreate)
        .build()
        .await
        .map_err(|source| LeadershipError::Lease {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            source: Box::new(source),
        })?;
    let (mut leading, _task) = manager.watch().await;
    wait_for(&mut leading, true).await.ok_or(LeadershipError::Ended)?;
    Ok(async move {
        // A channel that is closed is as good as a lease that is lost.
        let _ = wait_for(&mut leading, false).await;
    })
}

async fn wait_for(leading: &mut watch::Receiver<bool>, wanted: bool) -> Option<()> {
    leading.wait_for(|leading| *leading == wanted).await.ok().map(|_| ())
}
