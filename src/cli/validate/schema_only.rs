//! `validate --schema-only`: what the API server would say of manifests, without one.

use std::path::PathBuf;

use serde::Serialize;

use super::super::input::{Document, Mistake};
use super::super::manifest::{Found, Manifests};
use super::super::output::{self, BAD, Ending, GOOD, styled};
use super::Format;
use crate::api::RedshiftIntegration;

/// What is printed with `-o json`: fields are added at most.
#[derive(Serialize)]
struct Report<'a> {
    /// Whether all could be read and all is right.
    valid: bool,
    resources: Vec<Checked<'a>>,
    skipped: Vec<Skipped<'a>>,
    unreadable: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Checked<'a> {
    file: &'a str,
    line: u64,
    kind: Option<&'a str>,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    valid: bool,
    mistakes: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Skipped<'a> {
    file: &'a str,
    line: u64,
    kind: Option<&'a str>,
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct Told<'a> {
    file: &'a str,
    line: Option<u64>,
    column: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    message: &'a str,
}

/// Checks all manifests that files, folders and standard input hold.
pub fn schema_only(paths: &[PathBuf], format: Format) -> Ending {
    let manifests = Manifests::read(paths);
    let skipped = skipped(&manifests);
    for mistake in &manifests.unreadable {
        output::say(mistake);
    }
    for document in &skipped {
        output::say(document.skipped());
    }
    for mistake in manifests.integrations.iter().flat_map(Found::mistakes) {
        output::say(mistake);
    }
    let ending = ending(&manifests);
    match format {
        Format::Table => manifests.integrations.iter().for_each(|found| output::print(line(found))),
        Format::Json => output::print(output::json(&report(&manifests, &skipped, ending))),
        Format::Yaml => output::print(output::yaml(&report(&manifests, &skipped, ending))),
    }
    if manifests.integrations.is_empty() && manifests.unreadable.is_empty() {
        output::error("there is no RedshiftIntegration in these files");
    }
    ending
}

fn ending(manifests: &Manifests) -> Ending {
    if manifests.integrations.is_empty() || !manifests.unreadable.is_empty() {
        return Ending::Usage;
    }
    let all = manifests.integrations.iter().all(|found| found.object.is_ok());
    if all { Ending::Success } else { Ending::Failure }
}

/// What nobody looks at here: nothing is logged in to.
fn skipped(manifests: &Manifests) -> Vec<&Document> {
    let secrets = manifests.secrets.iter().map(|found| &found.document);
    let config_maps = manifests.config_maps.iter().map(|found| &found.document);
    manifests.others.iter().chain(secrets).chain(config_maps).collect()
}

fn line(found: &Found<RedshiftIntegration>) -> String {
    let document = &found.document;
    let namespace = document.namespace().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let name = document.name().unwrap_or("(without a name)");
    let kind = document.kind().unwrap_or("(without a kind)");
    let verdict = match found.object.as_ref().err().map(Vec::len) {
        None => styled(GOOD, "valid"),
        Some(1) => styled(BAD, "1 mistake"),
        Some(several) => styled(BAD, format!("{several} mistakes")),
    };
    format!("{}: {kind} {namespace}{name}: {verdict}\n", document.file)
}

fn report<'a>(manifests: &'a Manifests, skipped: &[&'a Document], ending: Ending) -> Report<'a> {
    Report {
        valid: ending == Ending::Success,
        resources: manifests.integrations.iter().map(checked).collect(),
        skipped: skipped.iter().map(|it| skipped_document(it)).collect(),
        unreadable: manifests.unreadable.iter().map(told).collect(),
    }
}

fn checked(found: &Found<RedshiftIntegration>) -> Checked<'_> {
    let document = &found.document;
    let findings = found.object.as_ref().err().into_iter().flatten();
    let mistakes = findings.map(|finding| Told {
        file: &document.file,
        line: Some(finding.place.line),
        column: Some(finding.place.column),
        field: Some(&finding.field),
        message: &finding.message,
    });
    Checked {
        file: &document.file,
        line: document.root.place.line,
        kind: document.kind(),
        namespace: document.namespace(),
        name: document.name(),
        valid: found.object.is_ok(),
        mistakes: mistakes.collect(),
    }
}

fn skipped_document(document: &Document) -> Skipped<'_> {
    Skipped { file: &document.file, line: document.root.place.line, kind: document.kind(), name: document.name() }
}

fn told(mistake: &Mistake) -> Told<'_> {
    Told {
        file: &mistake.file,
        line: mistake.place.map(|place| place.line),
        column: mistake.place.map(|place| place.column),
        field: None,
        message: &mistake.message,
    }
}
