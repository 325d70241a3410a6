//! Users' profiles, in resources and in files, as the operator reads them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;

use super::{Integrations, Of, Remark, Review};
use crate::api::{Kind, RedshiftUserProfile, RedshiftUserProfileSource};
use crate::cli::input::{Document, Place};
use crate::cli::manifest::{Found, Manifests};
use crate::policy::profiles::read::{Record, Unreadable, read};
use crate::policy::profiles::{Flaw, Part, Profile, Roster};

/// So many users of one file are told at most.
const MOST_TOLD: usize = 20;
/// What the API server takes of one `ConfigMap`.
const LARGEST_MAP: usize = 1024 * 1024;

/// Where users are named: a resource, or one file of a source.
struct Owner<'a> {
    resource: usize,
    document: &'a Document,
    place: Place,
    field: String,
    /// As others speak of it.
    name: String,
}

impl<'a> Owner<'a> {
    fn remark(&self, message: String) -> Remark<'a> {
        let Self { resource, document, place, ref field, .. } = *self;
        Remark { resource, document, place, field: field.clone(), message }
    }
}

/// Who is named where, of one integration. A place is an owner, and a line in it if it has lines.
type Named = Roster<(usize, Option<u64>)>;

#[derive(Default)]
struct Users<'a> {
    owners: Vec<Owner<'a>>,
    rosters: BTreeMap<Of, Named>,
}

pub fn review<'a>(manifests: &'a Manifests, integrations: &mut Integrations<'a>, review: &mut Review<'a>) {
    let mut users = Users::default();
    for found in &manifests.profiles {
        let Ok(object) = &found.object else { continue };
        if integrations.is_new(Kind::RedshiftUserProfile, &found.document) {
            let (of, _) = integrations.of(&found.document, &object.spec.integration_ref.name);
            users.add_profile(of, found, object, review);
        }
    }
    for found in &manifests.profile_sources {
        let Ok(object) = &found.object else { continue };
        if integrations.is_new(Kind::RedshiftUserProfileSource, &found.document) {
            let (of, _) = integrations.of(&found.document, &object.spec.integration_ref.name);
            for map in selected(manifests, integrations, found, object, review) {
                users.add_files(&of, found, object, map, review);
            }
        }
    }
    users.tell_repeated(review);
}

impl<'a> Users<'a> {
    fn add_profile(
        &mut self,
        of: Of,
        found: &'a Found<RedshiftUserProfile>,
        object: &RedshiftUserProfile,
        review: &mut Review<'a>,
    ) {
        let spec = object.spec.clone();
        let attributes = spec.attributes.into_iter().map(|attribute| (attribute.name, attribute.values));
        if let Err(flaw) = Profile::new(spec.user.clone(), spec.groups, attributes) {
            review.tell(found, field_of(&flaw), flaw.to_string());
        }
        // Whoever is named by what gives no profile is named.
        self.rosters.entry(of).or_default().enter(&spec.user, (self.owners.len(), None));
        self.owners.push(Owner {
            resource: found.number,
            document: &found.document,
            place: found.document.place_of("spec.user"),
            field: "spec.user".to_owned(),
            name: found.document.described(),
        });
    }

    /// Reads all files of a `ConfigMap` that a source reads.
    fn add_files(
        &mut self,
        of: &Of,
        found: &'a Found<RedshiftUserProfileSource>,
        object: &RedshiftUserProfileSource,
        map: &'a Found<ConfigMap>,
        review: &mut Review<'a>,
    ) {
        let Ok(content) = &map.object else { return };
        let format = object.spec.format;
        let texts = content.data.iter().flatten().map(|(key, text)| ("data", key, text.as_bytes()));
        let bytes = content.binary_data.iter().flatten().map(|(key, bytes)| ("binaryData", key, bytes.0.as_slice()));
        let all: Vec<_> = texts.chain(bytes).collect();
        let files: Vec<_> = all.iter().filter(|(_, key, _)| format.is_of(key)).collect();
        if files.is_empty() {
            let ending = format.ending();
            let message = format!(
                "no key of {} ends in {ending} or {ending}.gz, which {} reads",
                map.document.described(),
                found.document.described()
            );
            review.hint(&map.document, "metadata.name", &message);
        }
        for (part, key, bytes) in files {
            let place = map.document.root.at(&[part]).and_then(|node| node.field(key)).map(|field| field.place);
            let owner = Owner {
                resource: found.number,
                document: &map.document,
                place: place.unwrap_or(map.document.root.place),
                field: format!("{part}.{key}"),
                name: format!("{} of {} ({})", key, map.document.described(), found.document.described()),
            };
            self.add_file(of, owner, read(format, key, bytes).collect(), review);
        }
        let size: usize = all.iter().map(|(_, key, content)| key.len() + content.len()).sum();
        if size > LARGEST_MAP {
            let message =
                format!("it holds {size} bytes, and a ConfigMap holds 1 MiB at most: divide it, or compress the file");
            let field = if content.data.is_some() { "data" } else { "binaryData" };
            review.mistakes.push(Remark {
                resource: found.number,
                document: &map.document,
                place: map.document.place_of(field),
                field: field.to_owned(),
                message,
            });
        }
    }

    fn add_file(
        &mut self,
        of: &Of,
        owner: Owner<'a>,
        records: Result<Vec<Record>, Unreadable>,
        review: &mut Review<'a>,
    ) {
        let records = match records {
            Ok(records) => records,
            Err(unreadable) => {
                let line = unreadable.line.map(|line| format!("line {line}: ")).unwrap_or_default();
                review.mistakes.push(owner.remark(format!("{line}{}", unreadable.reason)));
                return;
            }
        };
        let roster = self.rosters.entry(of.clone()).or_default();
        for record in &records {
            if let Some(user) = record.user() {
                roster.enter(user, (self.owners.len(), Some(record.line)));
            }
        }
        let refused: Vec<_> = records.iter().filter_map(|record| record.profile.as_ref().err()).collect();
        for refused in refused.iter().take(MOST_TOLD) {
            let whose = if refused.shown.is_empty() { String::new() } else { format!(" ({})", refused.shown) };
            review.mistakes.push(owner.remark(format!("line {}{whose}: {}", refused.line, refused.reason)));
        }
        if let Some(more) = refused.len().checked_sub(MOST_TOLD).filter(|more| *more > 0) {
            review
                .mistakes
                .push(owner.remark(format!("{more} more users of this file have no profile for such reasons")));
        }
        self.owners.push(owner);
    }

    fn tell_repeated(&self, review: &mut Review<'a>) {
        let mut told = vec![0_usize; self.owners.len()];
        for (user, places, _) in self.rosters.values().flat_map(Roster::repeated) {
            for (number, (owner, line)) in places.iter().enumerate() {
                told[*owner] += 1;
                if told[*owner] > MOST_TOLD {
                    continue;
                }
                let other = places[usize::from(number == 0)];
                let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
                let there = match other.1 {
                    Some(line) if other.0 == *owner => format!("line {line}"),
                    Some(line) => format!("line {line} of {}", self.owners[other.0].name),
                    None => self.owners[other.0].name.clone(),
                };
                let message = format!(
                    "{at}{user} has a profile in {there}, too, and a user with two has none: leave one of them"
                );
                review.mistakes.push(self.owners[*owner].remark(message));
            }
        }
        for (owner, count) in self.owners.iter().zip(told) {
            if let Some(more) = count.checked_sub(MOST_TOLD).filter(|more| *more > 0) {
                review.mistakes.push(owner.remark(format!("{more} more of its users are named somewhere else, too")));
            }
        }
    }
}

fn field_of(flaw: &Flaw) -> &'static str {
    match flaw {
        Flaw::Text { part: Part::User, .. } => "spec.user",
        Flaw::Text { part: Part::Group, .. } | Flaw::TooMuch { what: "groups", .. } => "spec.groups",
        Flaw::Text { .. } | Flaw::TooMuch { .. } => "spec.attributes",
        _ => "spec",
    }
}

/// The `ConfigMaps` that a source reads, as far as they are among the manifests.
fn selected<'a>(
    manifests: &'a Manifests,
    integrations: &Integrations<'a>,
    found: &'a Found<RedshiftUserProfileSource>,
    object: &RedshiftUserProfileSource,
    review: &mut Review<'a>,
) -> Vec<&'a Found<ConfigMap>> {
    let namespace = integrations.namespace(&found.document);
    // Whoever gives a base and what is made of it gives it twice.
    let mut met = BTreeSet::new();
    let maps = manifests.config_maps.iter().filter(|map| integrations.namespace(&map.document) == namespace);
    let maps: Vec<_> = maps.filter(|map| map.document.name().is_none_or(|name| met.insert(name))).collect();
    let spec = &object.spec.config_maps;
    if let Some(selector) = &spec.selector {
        let has_all = |map: &&&Found<ConfigMap>| map.object.as_ref().is_ok_and(|map| selector.selects(map));
        let selected: Vec<_> = maps.iter().filter(has_all).copied().collect();
        if selected.is_empty() {
            let message = "no ConfigMap among the files has these labels: what it reads isn't checked";
            review.hint(&found.document, "spec.configMaps.selector", message);
        }
        return selected;
    }
    let mut named = Vec::new();
    for name in &spec.names {
        let Some(map) = maps.iter().find(|map| map.document.name() == Some(name)) else {
            let message = format!("the ConfigMap {name} isn't among the files: what it holds isn't checked");
            review.hint(&found.document, "spec.configMaps.names", &message);
            continue;
        };
        let findings = map.object.as_ref().err().into_iter().flatten();
        review.mistakes.extend(findings.map(|finding| Remark {
            resource: found.number,
            document: &map.document,
            place: finding.place,
            field: finding.field.clone(),
            message: finding.message.clone(),
        }));
        named.push(*map);
    }
    named
}
