//! `validate --schema-only`: what the API server would say of manifests, without one.

use std::path::PathBuf;

use serde::Serialize;

use super::super::input::{Document, Mistake};
use super::super::manifest::{Checked as Resource, Manifests};
use super::super::output::{self, BAD, Ending, GOOD, styled};
use super::Format;
use super::views::{Remark, Review, review};

/// What is printed with `-o json`: fields are added at most.
#[derive(Serialize)]
struct Report<'a> {
    /// Whether all could be read and all is right.
    valid: bool,
    resources: Vec<Checked<'a>>,
    hints: Vec<Told<'a>>,
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
pub fn schema_only(paths: &[PathBuf], namespace: &str, format: Format) -> Ending {
    let manifests = Manifests::read(paths);
    let (resources, review) = (manifests.resources(), review(&manifests, namespace));
    let skipped = skipped(&manifests);
    for mistake in &manifests.unreadable {
        output::say(mistake);
    }
    for document in &skipped {
        output::say(document.skipped());
    }
    for mistake in mistakes(&resources, &review) {
        output::say(mistake);
    }
    for hint in &review.hints {
        output::warning(hint);
    }
    let ending = ending(&manifests, &resources, &review);
    match format {
        Format::Table => resources.iter().for_each(|resource| output::print(line(resource, &review))),
        Format::Json => output::print(output::json(&report(&manifests, &resources, &review, ending))),
        Format::Yaml => output::print(output::yaml(&report(&manifests, &resources, &review, ending))),
    }
    if resources.is_empty() && manifests.unreadable.is_empty() {
        output::error("there is no resource of redshift-governance.dev in these files");
    }
    ending
}

/// What is wrong with resources by themselves and beside one another, as lines, in the order of the resources.
pub fn mistakes(resources: &[Resource<'_>], review: &Review<'_>) -> Vec<Mistake> {
    let of = |resource: &Resource<'_>| {
        let alone = resource.findings.iter().map(|finding| finding.within(resource.document));
        alone.chain(remarks(resource, review).map(Remark::mistake)).collect::<Vec<_>>()
    };
    resources.iter().flat_map(of).collect()
}

fn remarks<'r, 'a>(resource: &Resource<'_>, review: &'r Review<'a>) -> impl Iterator<Item = &'r Remark<'a>> {
    let number = resource.number;
    review.mistakes.iter().filter(move |remark| remark.resource == number)
}

fn ending(manifests: &Manifests, resources: &[Resource<'_>], review: &Review<'_>) -> Ending {
    if resources.is_empty() || !manifests.unreadable.is_empty() {
        return Ending::Usage;
    }
    let all = resources.iter().all(|resource| resource.findings.is_empty()) && review.mistakes.is_empty();
    if all { Ending::Success } else { Ending::Failure }
}

/// What nobody looks at here: nothing is logged in to. A `ConfigMap` may be one that a source of profiles reads.
fn skipped(manifests: &Manifests) -> Vec<&Document> {
    let secrets = manifests.secrets.iter().map(|found| &found.document);
    let config_maps = manifests.config_maps.iter().filter(|_| manifests.profile_sources.is_empty());
    manifests.others.iter().chain(secrets).chain(config_maps.map(|found| &found.document)).collect()
}

fn line(resource: &Resource<'_>, review: &Review<'_>) -> String {
    let document = resource.document;
    let namespace = document.namespace().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let name = document.name().unwrap_or("(without a name)");
    let kind = document.kind().unwrap_or("(without a kind)");
    let verdict = match resource.findings.len() + remarks(resource, review).count() {
        0 => styled(GOOD, "valid"),
        1 => styled(BAD, "1 mistake"),
        several => styled(BAD, format!("{several} mistakes")),
    };
    format!("{}: {kind} {namespace}{name}: {verdict}\n", document.file)
}

fn report<'a>(
    manifests: &'a Manifests,
    resources: &[Resource<'a>],
    review: &'a Review<'a>,
    ending: Ending,
) -> Report<'a> {
    Report {
        valid: ending == Ending::Success,
        resources: resources.iter().map(|resource| checked(resource, review)).collect(),
        hints: review.hints.iter().map(told).collect(),
        skipped: skipped(manifests).into_iter().map(skipped_document).collect(),
        unreadable: manifests.unreadable.iter().map(told).collect(),
    }
}

fn checked<'a>(resource: &Resource<'a>, review: &'a Review<'a>) -> Checked<'a> {
    let document = resource.document;
    let alone = resource.findings.iter().map(|finding| Told {
        file: &document.file,
        line: Some(finding.place.line),
        column: Some(finding.place.column),
        field: Some(&finding.field),
        message: &finding.message,
    });
    let together = remarks(resource, review).map(|remark| Told {
        file: &remark.document.file,
        line: Some(remark.place.line),
        column: Some(remark.place.column),
        field: Some(&remark.field),
        message: &remark.message,
    });
    let mistakes: Vec<_> = alone.chain(together).collect();
    Checked {
        file: &document.file,
        line: document.root.place.line,
        kind: document.kind(),
        namespace: document.namespace(),
        name: document.name(),
        valid: mistakes.is_empty(),
        mistakes,
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
