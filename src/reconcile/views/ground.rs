//! Whether there is an integration that views and profiles can stand on, and the way to it.

use std::time::Duration;

use kube::ResourceExt;

use crate::api::{Reason, RedshiftIntegration, Remedy};
use crate::lifecycle::{Endpoint, Failure, SystemAccount, Wanted};
use crate::ports::{Key, Target, World};
use crate::reconcile::Context;
use crate::reconcile::integration::secret::{self, Found};
use crate::reconcile::integration::{Error, dereference};
use crate::scripts::POLICY_VIEWS_VERSION;

/// An integration that has what policy-enforced views stand on.
pub struct Ground {
    /// Its UID, which its registry must name.
    pub uid: String,
    /// Where the warehouse is.
    pub endpoint: Endpoint,
    /// How to connect.
    pub target: Target,
    /// How to log in.
    pub account: SystemAccount,
    /// The managed database.
    pub database: String,
    /// The database that tables are in unless another is named.
    pub initial_database: String,
    /// Whether views and profiles are kept as the resources say; else only deletions are carried out.
    pub is_enabled: bool,
    /// Whether that is so since the user wants nothing else done for now.
    pub is_suspended: bool,
    /// Time between two looks.
    pub interval: Duration,
}

impl Ground {
    /// Looks for it in Kubernetes; or why there is none.
    pub async fn of<W: World>(
        context: &Context<W>,
        key: &Key,
        integration: Option<&RedshiftIntegration>,
    ) -> Result<Result<Self, Failure>, Error> {
        let Some(integration) = integration else { return Ok(Err(missing(key))) };
        let Ok(wanted) = Wanted::read(&integration.spec) else { return Ok(Err(not_ready(integration))) };
        let created = integration.status.as_ref().and_then(|status| status.created.as_ref());
        let Some(created) = created.filter(|created| created.schema_version == POLICY_VIEWS_VERSION) else {
            return Ok(Err(if wanted.policy_views.is_enabled {
                not_ready(integration)
            } else {
                disabled(integration)
            }));
        };
        let kubernetes = &context.kubernetes;
        let Found::Ours(account) = secret::find(kubernetes, integration).await? else {
            return Ok(Err(not_ready(integration)));
        };
        let patience = context.views.of(&key.to_string()).patience();
        let target = match dereference::target(kubernetes, integration, patience).await {
            Ok(target) => target,
            Err(error @ Error::Api { .. }) => return Err(error),
            Err(error) => return Ok(Err(error.failure())),
        };
        Ok(Ok(Self {
            uid: integration.uid().unwrap_or_default(),
            endpoint: target.endpoint.clone(),
            target,
            account: *account,
            database: created.database.clone(),
            initial_database: wanted.initial_database,
            is_enabled: wanted.policy_views.is_enabled
                && integration.metadata.deletion_timestamp.is_none()
                && !integration.spec.suspend,
            is_suspended: integration.spec.suspend,
            interval: wanted.policy_views.column_detection_interval,
        }))
    }
}

fn namespace(integration: &RedshiftIntegration) -> String {
    integration.namespace().unwrap_or_default()
}

fn missing(key: &Key) -> Failure {
    let message = format!("there is no RedshiftIntegration {} in the namespace", key.name);
    let remedy =
        Remedy::new("create it; or create this resource anew for another one: spec.integrationRef can't be changed");
    Failure::stalled(Reason::IntegrationMissing, message).remedy(remedy)
}

fn disabled(integration: &RedshiftIntegration) -> Failure {
    let name = integration.name_any();
    let message = format!("the RedshiftIntegration {name} has no policy-enforced views");
    Failure::stalled(Reason::PolicyViewsDisabled, message).remedy(Remedy::command(
        "switch them on",
        format!(
            "kubectl -n {} patch rsi {name} --type=merge -p '{{\"spec\":{{\"config\":{{\"policyViews\":{{\"enabled\":true}}}}}}}}'",
            namespace(integration)
        ),
    ))
}

fn not_ready(integration: &RedshiftIntegration) -> Failure {
    let message =
        format!("the RedshiftIntegration {} isn't ready for it; its own status says why", integration.name_any());
    Failure::waiting(Reason::IntegrationNotReady, message)
}
