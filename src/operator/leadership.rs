//! Leader election over a Lease: of several pods one works, and one that isn't sure that it may work
//! any more, stops at once.

use std::time::Duration;

use kube::Client;
use kube_lease_manager::{LeaseCreateMode, LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

/// How long a lease is good for, in seconds: the longest time without anybody at work after a crash.
const DURATION: u64 = 30;

/// How long before its end it is renewed, in seconds: what is left for slow answers of the API server.
const GRACE: u64 = 15;

/// How long the end of the process waits for the API server to take the lease back: it would run out
/// by itself.
const RELEASE_DEADLINE: Duration = Duration::from_secs(5);

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

/// Held while this process is the leader.
pub struct Leadership {
    leading: watch::Receiver<bool>,
    manager: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
}

impl Leadership {
    /// Waits until this process is the leader.
    pub async fn acquire(client: Client, namespace: &str, name: &str, identity: &str) -> Result<Self, LeadershipError> {
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
        let (mut leading, manager) = manager.watch().await;
        wait_for(&mut leading, true).await.ok_or(LeadershipError::Ended)?;
        Ok(Self { leading, manager })
    }

    /// Resolves when this process isn't the leader any more.
    pub async fn lost(&mut self) {
        // A channel that is closed is as good as a lease that is lost.
        let _ = wait_for(&mut self.leading, false).await;
    }

    /// Gives the lease back, so that the next pod need not wait until it runs out. Nothing of this
    /// process's may be under way any more.
    pub async fn release(self) {
        drop(self.leading);
        match tokio::time::timeout(RELEASE_DEADLINE, self.manager).await {
            Ok(Ok(Ok(_))) => {}
            Ok(Ok(Err(error))) => warn!(%error, "the Lease was not given back"),
            Ok(Err(error)) => warn!(%error, "the Lease was not given back"),
            Err(_) => warn!("the Lease was not given back in time"),
        }
    }
}

async fn wait_for(leading: &mut watch::Receiver<bool>, wanted: bool) -> Option<()> {
    leading.wait_for(|leading| *leading == wanted).await.ok().map(|_| ())
}
