//! Data sources, as the operator reads them.

use std::collections::BTreeMap;

use super::{Integrations, Of, Review};
use crate::api::{Kind, RedshiftDataSource, RedshiftDataSourceSpec, RedshiftIntegration, UnlistedColumns};
use crate::cli::manifest::{Found, Manifests};
use crate::lifecycle::folded;
use crate::policy::views::{DataSource, Unfit};

pub fn review<'a>(manifests: &'a Manifests, integrations: &mut Integrations<'a>, review: &mut Review<'a>) {
    let mut views: BTreeMap<(Of, String), &Found<RedshiftDataSource>> = BTreeMap::new();
    for found in &manifests.data_sources {
        let Ok(object) = &found.object else { continue };
        if !integrations.is_new(Kind::RedshiftDataSource, &found.document) {
            continue;
        }
        let (of, integration) = integrations.of(&found.document, &object.spec.integration_ref.name);
        let source = match read(&object.spec, integration) {
            Ok(source) => source,
            Err(unfit) => {
                let said = unfit.to_string();
                let (field, message) = said.split_once(": ").unwrap_or(("spec", &said));
                review.tell(found, field, message);
                continue;
            }
        };
        if integration.is_some_and(|integration| !integration.spec.config.policy_views.enabled) {
            let message = "its integration's config.policyViews.enabled is false: no view is made until it is true";
            review.hint(&found.document, "spec.integrationRef.name", message);
        }
        if object.spec.unlisted_columns == UnlistedColumns::Show {
            let message = "with Show, a column that is added to the table is shown to all who may read, before anybody has looked at it";
            review.hint(&found.document, "spec.unlistedColumns", message);
        }
        let view = (of, view(&object.spec, &source, integration));
        match views.get(&view) {
            None => drop(views.insert(view, found)),
            Some(first) => {
                let message = format!(
                    "the view {} is of {} already ({}:{}), and the first to make it has it; name another one in spec.view",
                    source.view,
                    first.document.described(),
                    first.document.file,
                    first.document.root.place.line,
                );
                let field = if object.spec.view.is_some() { "spec.view" } else { "spec.table" };
                review.tell(found, field, message);
            }
        }
    }
}

/// Reads a spec. Where it isn't known which database is the managed one, what would be right with either is right.
fn read(spec: &RedshiftDataSourceSpec, integration: Option<&RedshiftIntegration>) -> Result<DataSource, Unfit> {
    const UNKNOWN: &str = "unknown";
    if let Some(RedshiftIntegration { spec: integration, .. }) = integration {
        return DataSource::read(spec, &integration.config.database, &folded(&integration.config.initial_database));
    }
    let beside = || DataSource::read(spec, spec.table.database.as_deref().unwrap_or(UNKNOWN), UNKNOWN);
    DataSource::read(spec, "", UNKNOWN).or_else(|unfit| beside().map_err(|_| unfit))
}

/// The view, told from others: where it isn't known which database is the managed one, the schema of a view may be called otherwise.
fn view(spec: &RedshiftDataSourceSpec, source: &DataSource, integration: Option<&RedshiftIntegration>) -> String {
    let is_named = spec.view.as_ref().is_some_and(|view| view.schema.is_some());
    if integration.is_some() || is_named {
        source.view.to_string()
    } else {
        format!("{} of {}", source.view, source.table.database)
    }
}
