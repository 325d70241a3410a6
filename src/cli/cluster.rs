//! The cluster that commands work in: that of a kubeconfig, with the rights of whoever runs them.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use strsim::jaro_winkler;
use thiserror::Error;

use super::output::{self, Ending};
use crate::adapters::answered_within;
use crate::adapters::client::{self, Choice, ClientError};
use crate::api::RedshiftIntegration;
use crate::ports::{ApiError, Key};

/// Longest wait for an answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// How many resources are asked for at once.
const PAGE: u32 = 500;

/// Which cluster, and where in it.
#[derive(Args, Debug)]
pub struct ClusterArguments {
    /// Namespace of the resource; that of the context when left out
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Context of the kubeconfig; the current one when left out
    #[arg(long, value_name = "CONTEXT")]
    context: Option<String>,
    /// The kubeconfig; when left out, what KUBECONFIG names, or ~/.kube/config
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// The resources of a cluster, as this user sees them.
#[derive(Clone)]
pub struct Resources {
    client: Client,
    /// The namespace that is meant where none is named.
    pub namespace: String,
}

/// Why a command in a cluster has failed.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// There is no way to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It has no such resource.
    #[error("there is no RedshiftIntegration {name} in the namespace {namespace}{}", there_is(.others))]
    NotFound {
        /// Its name.
        name: String,
        /// The namespace.
        namespace: String,
        /// Those that are there, the likeliest first.
        others: Vec<String>,
    },
    /// It has no such kind.
    #[error(
        "the cluster knows no RedshiftIntegrations: install the operator's Helm chart, or, for the kind alone, run \
         `redshift-integration-operator crd | kubectl apply --server-side -f -`"
    )]
    NoSuchKind,
    /// It refuses, or doesn't answer.
    #[error("the API server can't be asked to {what}: {source}")]
    Api {
        /// What it was asked for.
        what: &'static str,
        /// Its words.
        source: ApiError,
    },
}

/// The names that are there, the first of them.
fn there_is(names: &[String]) -> String {
    const MOST: usize = 5;
    match names {
        [] => String::new(),
        few if few.len() <= MOST => format!("; there is {}", few.join(", ")),
        many => format!("; there is {}, and {} more", many[..MOST].join(", "), many.len() - MOST),
    }
}

/// Says what has failed, and with what the command ends.
pub fn ended(result: Result<Ending, ClusterError>) -> ExitCode {
    match result {
        Ok(ending) => ending.into(),
        Err(failure) => {
            output::error(&failure);
            failure.ending().into()
        }
    }
}

impl ClusterError {
    /// A watch has failed.
    pub fn watch(source: ApiError) -> Self {
        Self::Api { what: "watch the resources", source }
    }

    /// With what a command ends that met it.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Client(_) | Self::Api { source: ApiError::Unanswered(_) | ApiError::Deadline(_), .. } => {
                Ending::Unreachable
            }
            Self::NotFound { .. } | Self::NoSuchKind | Self::Api { .. } => Ending::Failure,
        }
    }
}

impl ClusterArguments {
    /// The way to the cluster.
    pub async fn connect(&self) -> Result<Resources, ClusterError> {
        let choice = Choice { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() };
        // A kubeconfig may name a program that is asked for credentials.
        let connected = tokio::task::spawn_blocking(move || client::connect(&choice)).await;
        let client = match connected {
            Ok(client) => client?,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        let namespace = self.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        Ok(Resources { client, namespace })
    }
}

impl Resources {
    /// Those of the namespace, or of all.
    pub fn api(&self, all_namespaces: bool) -> Api<RedshiftIntegration> {
        if all_namespaces {
            Api::all(self.client.clone())
        } else {
            Api::namespaced(self.client.clone(), &self.namespace)
        }
    }

    /// All of them, in order of namespace and name.
    pub async fn list(&self, all_namespaces: bool) -> Result<Vec<RedshiftIntegration>, ClusterError> {
        let (api, mut parameters) = (self.api(all_namespaces), ListParams::default().limit(PAGE));
        let mut found = Vec::new();
        loop {
            let page = bounded("list the resources", api.list(&parameters)).await?;
            found.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters = parameters.continue_token(&token),
                None => break,
            }
        }
        found.sort_by_key(Key::of);
        Ok(found)
    }

    /// The one of that name.
    pub async fn get(&self, name: &str) -> Result<RedshiftIntegration, ClusterError> {
        match bounded("read the resource", self.api(false).get_opt(name)).await? {
            Some(object) => Ok(object),
            None => Err(self.not_found(name).await),
        }
    }

    /// Merges a patch into the one of that name.
    pub async fn merge(&self, name: &str, patch: &Value) -> Result<RedshiftIntegration, ClusterError> {
        let (api, parameters) =
            (self.api(false), PatchParams { field_manager: Some(MANAGER.to_owned()), ..Default::default() });
        let merged = bounded("change the resource", api.patch(name, &parameters, &Patch::Merge(patch))).await;
        match merged {
            Err(ClusterError::NoSuchKind) => Err(self.not_found(name).await),
            other => other,
        }
    }

    /// What to say where there is no such resource.
    async fn not_found(&self, name: &str) -> ClusterError {
        let mut others: Vec<_> = match self.list(false).await {
            Ok(objects) => objects.iter().map(ResourceExt::name_any).collect(),
            Err(error @ ClusterError::NoSuchKind) => return error,
            Err(_) => Vec::new(),
        };
        others.sort_by(|one, other| jaro_winkler(other, name).total_cmp(&jaro_winkler(one, name)));
        ClusterError::NotFound { name: name.to_owned(), namespace: self.namespace.clone(), others }
    }
}

/// Who has changed a field, for `kubectl get --show-managed-fields`.
const MANAGER: &str = "redshift-integration-operator-cli";

/// Waits for the API server, but not for ever.
async fn bounded<T>(
    what: &'static str,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ClusterError> {
    answered_within(DEADLINE, request).await.map_err(|source| match source {
        // What a resource would be that isn't there is asked for in another way.
        ApiError::Refused { code: 404, .. } => ClusterError::NoSuchKind,
        source => ClusterError::Api { what, source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_there_is_told_with_those_that_are() {
        let told = |others: &[&str]| {
            let others = others.iter().map(ToString::to_string).collect();
            ClusterError::NotFound { name: "x".to_owned(), namespace: "ns".to_owned(), others }.to_string()
        };
        assert_eq!(told(&[]), "there is no RedshiftIntegration x in the namespace ns");
        assert_eq!(told(&["a", "b"]), "there is no RedshiftIntegration x in the namespace ns; there is a, b");
        assert!(told(&["a"; 8]).ends_with("; there is a, a, a, a, a, and 3 more"));
    }
}
