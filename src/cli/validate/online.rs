//! Validation against the warehouse: the operator's own tests, from wherever the command runs.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::ResourceExt;
use kube::core::ObjectMeta;
use secrecy::SecretString;
use serde::Serialize;

use super::credentials::{self, Origin, Source};
use super::files::{Files, Laptop};
use crate::adapters::Machine;
use crate::adapters::logins::LoginServices;
use crate::adapters::redshift::{Connector, Deadlines};
use crate::api::{
    CaBundleKind, CaBundleReference, Reason, RedshiftIntegration, Remedy, ValidationStatus, ValidationTest,
};
use crate::cli::output::{self, BAD, Ending, FAINT, GOOD, STRONG, styled};
use crate::cli::status::{Layout, plain, text};
use crate::lifecycle::backoff::Backoff;
use crate::lifecycle::checks::{self, Test};
use crate::lifecycle::hosts::AddressPolicy;
use crate::ports::Key;
use crate::reconcile::integration::{Examination, examine};
use crate::reconcile::{Context, Settings};
use crate::telemetry::Metrics;

/// What came of one resource.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The warehouse, as host and port.
    pub warehouse: String,
    /// `passed`, `warning` or `failed`.
    pub status: ValidationStatus,
    /// Whether the warehouse, or who gives out logins to it, couldn't be reached.
    pub is_unreachable: bool,
    /// Why it failed, for machines: the reason that the resource's conditions would have.
    pub reason: Option<String>,
    /// Why it failed.
    pub message: Option<String>,
    /// What can be done about it.
    pub remedies: Vec<Remedy>,
    /// The tests.
    pub validation_tests: Vec<ValidationTest>,
}

/// Where credentials come from that no manifest holds.
struct Surroundings;

impl Source for Surroundings {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn ask(&self, what: &str, is_secret: bool) -> Option<SecretString> {
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            return None;
        }
        let prompt = format!("{what}: ");
        let typed = if is_secret {
            rpassword::prompt_password(prompt).ok()
        } else {
            eprint!("{prompt}");
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).ok().map(|_| line.trim_end_matches(['\r', '\n']).to_owned())
        };
        typed.filter(|typed| !typed.is_empty()).map(SecretString::from)
    }
}

/// How the tests are run.
#[derive(Clone, Debug)]
pub struct Options {
    /// File with authorities, for the endpoints of AWS and Okta besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// What it holds, in the place of the object that a resource names, where that isn't among the files.
    pub authorities: Option<Vec<u8>>,
    /// How long a login may take.
    pub connect: Duration,
}

/// Runs the tests of a resource.
pub async fn run(object: RedshiftIntegration, files: Files, options: &Options) -> Report {
    let config = &object.spec.config;
    let mut report = Report {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        warehouse: format!("{}:{}", config.host, config.port),
        status: ValidationStatus::Failed,
        is_unreachable: false,
        reason: None,
        message: None,
        remedies: Vec::new(),
        validation_tests: Vec::new(),
    };
    let Ready { context, object, origin } = match ready(object, files, options).await {
        Err(message) => return Report { message: Some(message), ..report },
        Ok(ready) => ready,
    };
    progress(&report, if origin == Origin::Environment { "with the credentials of the environment" } else { "" });
    let examined = examine(&context, object).await;
    report.take(examined);
    report
}

/// A resource, and a world in which there is all that it takes to log in as it says.
pub struct Ready {
    /// The world.
    pub context: Context<Laptop>,
    /// The resource.
    pub object: RedshiftIntegration,
    /// Where the credentials come from.
    pub origin: Origin,
}

/// Sees to it that a resource's credentials and authorities are there; whoever sits there may be asked.
///
/// # Errors
///
/// What to give, if they are nowhere.
pub async fn ready(mut object: RedshiftIntegration, mut files: Files, options: &Options) -> Result<Ready, String> {
    give_authorities(&object, &mut files, options);
    // Whoever is asked for them can still interrupt it.
    let completed = tokio::task::spawn_blocking(move || {
        credentials::complete(&mut object, &mut files, &Surroundings).map(|origin| (object, files, origin))
    });
    let completed = completed.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let (object, files, origin) = completed?;
    let namespace = object.namespace().unwrap_or_default();
    Ok(Ready { context: context(namespace, files, options), object, origin })
}

impl Report {
    fn take(&mut self, Examination { tests, failure }: Examination) {
        // What wasn't run because of something else is in the way of what was.
        self.validation_tests = tests.iter().map(Test::shown).filter(|test| !checks::was_not_run(test)).collect();
        self.status = checks::overall(&self.validation_tests);
        if let Some(failure) = failure {
            self.status = ValidationStatus::Failed;
            self.is_unreachable = UNREACHABLE.contains(&failure.reason);
            self.reason = Some(failure.reason.to_string());
            self.message = Some(failure.message);
            self.remedies = failure.remedies;
        }
    }

    /// With what a command ends that has this to report.
    pub fn ending(&self) -> Ending {
        match self.status {
            ValidationStatus::Failed if self.is_unreachable => Ending::Unreachable,
            ValidationStatus::Failed => Ending::Failure,
            ValidationStatus::Passed | ValidationStatus::Warning | ValidationStatus::Skipped => Ending::Success,
        }
    }

    /// For people.
    pub fn text(&self, layout: Layout) -> String {
        let (style, word) = match self.status {
            ValidationStatus::Failed if self.is_unreachable => (BAD, "not reached"),
            ValidationStatus::Failed => (BAD, "failed"),
            ValidationStatus::Warning => (GOOD, "passed, with warnings"),
            ValidationStatus::Passed | ValidationStatus::Skipped => (GOOD, "passed"),
        };
        let name = styled(STRONG, format!("{}/{}", self.namespace, self.name));
        let warehouse = styled(FAINT, format!("at {}", plain(&self.warehouse)));
        let mut text = format!("{name} {warehouse}: {}\n", styled(style, word));
        text += &text::of_tests(&self.validation_tests, layout);
        let is_told = |message: &&String| {
            let failed = self.validation_tests.iter().filter(|test| test.status == ValidationStatus::Failed);
            failed.filter_map(|test| test.message.as_deref()).any(|told| message.contains(told))
        };
        if let Some(message) = self.message.as_ref().filter(|message| !is_told(message)) {
            text += &format!("\n{}", text::paragraph(&plain(message), "", layout));
        }
        text += &text::remedies(&self.remedies, layout);
        text
    }
}

/// Why there was nobody who could have been asked.
pub const UNREACHABLE: [Reason; 5] = [
    Reason::HostUnknown,
    Reason::WarehouseUnreachable,
    Reason::TooManyConnections,
    Reason::ConnectionFailed,
    Reason::LoginServiceUnavailable,
];

fn progress(report: &Report, more: &str) {
    if std::io::stderr().is_terminal() {
        let Report { namespace, name, warehouse, .. } = report;
        let line = format!("Validating {namespace}/{name} at {warehouse} {more}");
        output::say(styled(FAINT, format!("{} …", line.trim_end())));
    }
}

/// Puts the authorities in the place of what the resource names.
fn give_authorities(object: &RedshiftIntegration, files: &mut Files, options: &Options) {
    let Some(authorities) = &options.authorities else { return };
    let Some(CaBundleReference { kind, name, key }) = &object.spec.config.tls.ca_bundle_ref else { return };
    let metadata = ObjectMeta { name: Some(name.clone()), namespace: object.namespace(), ..ObjectMeta::default() };
    let data = Some(BTreeMap::from([(key.clone(), ByteString(authorities.clone()))]));
    let place = Key::beside(object, name);
    match kind {
        CaBundleKind::ConfigMap if files.find::<ConfigMap>(&place).is_none() => {
            files.add(&ConfigMap { metadata, binary_data: data, ..ConfigMap::default() });
        }
        CaBundleKind::Secret if files.find::<Secret>(&place).is_none() => {
            files.add(&Secret { metadata, data, ..Secret::default() });
        }
        CaBundleKind::ConfigMap | CaBundleKind::Secret => {}
    }
}

/// The world as it is, but for the cluster. Whoever runs this can connect to whatever he likes anyway.
fn context(namespace: String, files: Files, options: &Options) -> Context<Laptop> {
    let (metrics, policy) = (Metrics::new(), AddressPolicy::Everything);
    let deadlines = Deadlines { connect: options.connect, ..Deadlines::default() };
    let connector = Connector::new(policy.clone(), deadlines, metrics.clone());
    let logins = LoginServices::new(policy, options.ca_file.clone(), deadlines.connect);
    let settings = Settings {
        require_secret_hosts: false,
        iam_namespaces: vec![namespace],
        backoff: Backoff { initial: Duration::from_secs(1), longest: Duration::from_secs(1) },
    };
    Context::new(files, connector, logins, Machine::default(), metrics, settings)
}
