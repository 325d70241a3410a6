//! Several operators of a world that elect a leader, each as the first process of a container.

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;

use super::{Operator, World};

/// The Lease that they hold.
pub const LEASE: &str = "operator-redshift-integration-operator";

/// One of several pods.
pub fn pod(world: &World, name: &str, arguments: &[&str]) -> Operator {
    pod_in(world, name, &[], arguments)
}

/// The same, with more in its environment.
pub fn pod_in(world: &World, name: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Operator {
    let namespace = format!("--lease-namespace={}", world.namespace);
    let lease = format!("--lease-name={LEASE}");
    let own = ["--leader-elect", &namespace, &lease, "--log-level=info"];
    world.first_process(name, &[&[("HOSTNAME", name)], environment].concat(), &[&own[..], arguments].concat())
}

/// The Leases beside it.
pub fn leases(world: &World) -> Api<Lease> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

/// Who holds the Lease, if anybody does.
pub async fn holder(world: &World) -> Option<String> {
    leases(world).get_opt(LEASE).await.unwrap()?.spec?.holder_identity
}
