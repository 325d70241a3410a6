//! What is wrong with manifests beside one another: data sources, profiles, and files of profiles, as the operator will read them.
//!
//! What depends on what isn't among the files is never told as a mistake.

mod data_sources;
mod profiles;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use kube::ResourceExt;

use crate::api::{Kind, RedshiftIntegration};
use crate::cli::input::{Document, Mistake, Node, Place};
use crate::cli::manifest::{Found, Manifests};
use crate::cli::schema::nearest;

/// Something wrong with a resource, where it stands: in its own document, or in one that it names.
#[derive(Clone, Debug)]
pub struct Remark<'a> {
    /// The resource, by its number among the manifests.
    pub resource: usize,
    /// The document in which it is to be changed.
    pub document: &'a Document,
    /// The place in it.
    pub place: Place,
    /// The field.
    pub field: String,
    /// What is wrong, and what to write.
    pub message: String,
}

impl Remark<'_> {
    /// The same as a line.
    pub fn mistake(&self) -> Mistake {
        self.document.mistake(self.place, format!("{}: {}", self.field, self.message))
    }
}

/// What was found.
#[derive(Default)]
pub struct Review<'a> {
    /// What is wrong.
    pub mistakes: Vec<Remark<'a>>,
    /// What is worth knowing: what couldn't be checked, and what probably isn't meant.
    pub hints: Vec<Mistake>,
}

impl<'a> Review<'a> {
    fn tell<T>(&mut self, found: &'a Found<T>, field: &str, message: impl Into<String>) {
        self.mistakes.push(Remark {
            resource: found.number,
            document: &found.document,
            place: found.document.place_of(field),
            field: field.to_owned(),
            message: message.into(),
        });
    }

    fn hint(&mut self, document: &Document, field: &str, message: &str) {
        self.hints.push(document.mistake(document.place_of(field), format!("{field}: {message}")));
    }
}

/// Where an integration is looked for, and what is of one: its namespace and name.
type Of = (String, String);

/// The integrations among the manifests.
struct Integrations<'a> {
    default_namespace: &'a str,
    found: BTreeMap<Of, &'a RedshiftIntegration>,
    /// What is there and is wrong: nothing is known of it, and it isn't missing.
    broken: BTreeSet<Of>,
    /// Kind, namespace and name of what was met already.
    seen: HashSet<(Kind, String, String)>,
    /// What names one that isn't there: where first, and how many do.
    missing: BTreeMap<Of, (&'a Document, usize)>,
}

impl<'a> Integrations<'a> {
    fn new(manifests: &'a Manifests, default_namespace: &'a str) -> Self {
        let mut integrations = Self {
            default_namespace,
            found: BTreeMap::new(),
            broken: BTreeSet::new(),
            seen: HashSet::new(),
            missing: BTreeMap::new(),
        };
        for integration in &manifests.integrations {
            let namespace = integrations.namespace(&integration.document).to_owned();
            if let Ok(object) = &integration.object {
                integrations.found.insert((namespace, object.name_any()), object);
            } else {
                let name = integration.document.name().unwrap_or_default().to_owned();
                integrations.broken.insert((namespace, name));
            }
        }
        integrations
    }

    fn namespace<'d>(&self, document: &'d Document) -> &'d str
    where
        'a: 'd,
    {
        document.namespace().unwrap_or(self.default_namespace)
    }

    /// The integration that a resource names, if it is there; that it isn't is kept to be told.
    fn of(&mut self, document: &'a Document, name: &str) -> (Of, Option<&'a RedshiftIntegration>) {
        let of = (self.namespace(document).to_owned(), name.to_owned());
        let found = self.found.get(&of).copied();
        if found.is_none() && !self.broken.contains(&of) {
            self.missing.entry(of.clone()).or_insert((document, 0)).1 += 1;
        }
        (of, found)
    }

    /// Whether a resource wasn't met already. Whoever gives a base and what is made of it gives it twice.
    fn is_new(&mut self, kind: Kind, document: &Document) -> bool {
        let Some(name) = document.root.at(&["metadata", "name"]).and_then(Node::text) else {
            return true;
        };
        self.seen.insert((kind, self.namespace(document).to_owned(), name.to_owned()))
    }

    fn tell_missing(&self, review: &mut Review<'_>) {
        for ((namespace, name), (document, count)) in &self.missing {
            let others = match count {
                1 => String::new(),
                count => format!(", as {} more do", count - 1),
            };
            let near = self.found.keys().filter(|(of, _)| of == namespace).map(|(_, name)| name.as_str());
            let meant = nearest(name, near);
            let message = match meant {
                Some(meant) => format!("it names {name}{others}, and there is {meant} among the files"),
                None => format!(
                    "RedshiftIntegration {namespace}/{name} isn't among the files{others}: what depends on its databases isn't checked"
                ),
            };
            review.hint(document, "spec.integrationRef.name", &message);
        }
    }
}

/// Looks at all of them together. `namespace` is that of what names none.
pub fn review<'a>(manifests: &'a Manifests, namespace: &'a str) -> Review<'a> {
    let mut review = Review::default();
    let mut integrations = Integrations::new(manifests, namespace);
    data_sources::review(manifests, &mut integrations, &mut review);
    profiles::review(manifests, &mut integrations, &mut review);
    integrations.tell_missing(&mut review);
    review
}
