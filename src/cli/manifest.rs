//! The manifests of files: resources of ours, checked, and the Secrets and `ConfigMap`s that they name.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Resource;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::input::{self, Content, Document, Mistake, Node, Place};
use super::schema::{self, Finding, is_near, nearest};
use crate::api::{
    GROUP, Kind, RedshiftDataSource, RedshiftIntegration, RedshiftUserProfile, RedshiftUserProfileSource,
};

/// So much of a wrong kind or version is quoted at most.
const LONGEST_QUOTED: usize = 80;

/// An object of a file.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// How many objects were found before it, in whatever files.
    pub number: usize,
    /// Where it is from.
    pub document: Document,
    /// What it is, or what is wrong with it: one finding at least.
    pub object: Result<T, Vec<Finding>>,
}

/// All that files hold.
#[derive(Debug, Default)]
pub struct Manifests {
    /// Integrations, and what was meant to be one.
    pub integrations: Vec<Found<RedshiftIntegration>>,
    /// Data sources, likewise.
    pub data_sources: Vec<Found<RedshiftDataSource>>,
    /// Users' profiles, likewise.
    pub profiles: Vec<Found<RedshiftUserProfile>>,
    /// Sources of profiles, likewise.
    pub profile_sources: Vec<Found<RedshiftUserProfileSource>>,
    /// Secrets, with plain texts among their data. What is wrong with one matters to whoever needs it.
    pub secrets: Vec<Found<Secret>>,
    /// `ConfigMap`s.
    pub config_maps: Vec<Found<ConfigMap>>,
    /// What is of no kind that we know.
    pub others: Vec<Document>,
    /// What can't be read.
    pub unreadable: Vec<Mistake>,
    count: usize,
}

/// A resource of ours, of whatever kind, and what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'a> {
    /// How many objects were found before it.
    pub number: usize,
    /// Where it is from.
    pub document: &'a Document,
    /// What is wrong with it by itself.
    pub findings: &'a [Finding],
}

impl<T> Found<T> {
    /// What is wrong, with file, line and column.
    pub fn mistakes(&self) -> impl Iterator<Item = Mistake> {
        self.object.as_ref().err().into_iter().flatten().map(|finding| finding.within(&self.document))
    }

    fn checked(&self) -> Checked<'_> {
        let findings = self.object.as_ref().err().map(Vec::as_slice).unwrap_or_default();
        Checked { number: self.number, document: &self.document, findings }
    }
}

impl Document {
    /// The kind it says it has.
    pub fn kind(&self) -> Option<&str> {
        self.root.at(&["kind"]).and_then(Node::text)
    }

    /// Its name, or what its name is to begin with.
    pub fn name(&self) -> Option<&str> {
        let of = |name| self.root.at(&["metadata", name]).and_then(Node::text);
        of("name").or_else(|| of("generateName"))
    }

    /// Its namespace, where it says one.
    pub fn namespace(&self) -> Option<&str> {
        self.root.at(&["metadata", "namespace"]).and_then(Node::text)
    }

    /// Where a field stands, or what is around it: its value, or its name where the value is a block.
    pub fn place_of(&self, field: &str) -> Place {
        let (mut node, mut place) = (&self.root, self.root.place);
        for name in field.split('.') {
            let Some(field) = node.field(name) else { break };
            let is_compound = matches!(field.value.content, Content::Fields(_) | Content::List(_));
            place = if is_compound { field.place } else { field.value.place };
            node = &field.value;
        }
        place
    }

    /// That it is none of ours, as a line `FILE:LINE:COLUMN: ConfigMap name: not one of ours; skipped`.
    pub fn skipped(&self) -> Mistake {
        self.mistake(self.root.place, format!("{}: not one of ours; skipped", self.described()))
    }

    /// Kind and name, as far as it has them.
    pub fn described(&self) -> String {
        match (self.kind(), self.name()) {
            (Some(kind), Some(name)) => format!("{kind} {name}"),
            (Some(kind), None) => kind.to_owned(),
            (None, _) => "no manifest (without a kind)".to_owned(),
        }
    }
}

impl Manifests {
    /// Reads files, folders and standard input (`-`). Lists are taken apart.
    pub fn read(paths: &[PathBuf]) -> Self {
        let (documents, unreadable) = input::read(paths);
        let mut manifests = Self { unreadable, ..Self::default() };
        for document in documents {
            manifests.add(document);
        }
        manifests
    }

    fn add(&mut self, Document { file, root }: Document) {
        let kind = root.at(&["kind"]).and_then(Node::text).unwrap_or_default();
        let document = |root| Document { file: file.clone(), root };
        if let (true, Some(Content::List(items))) = (kind.ends_with("List"), root.at(&["items"]).map(|it| &it.content))
        {
            for item in items {
                self.add(document(item.clone()));
            }
            return;
        }
        let number = self.count;
        self.count += 1;
        if let Some(kind) = meant(&root) {
            match kind {
                Kind::RedshiftIntegration => self.integrations.push(found(number, file, root, kind)),
                Kind::RedshiftDataSource => self.data_sources.push(found(number, file, root, kind)),
                Kind::RedshiftUserProfile => self.profiles.push(found(number, file, root, kind)),
                Kind::RedshiftUserProfileSource => self.profile_sources.push(found(number, file, root, kind)),
            }
        } else if is_of::<Secret>(&root) {
            let object = secret(&root);
            self.secrets.push(Found { number, document: document(root), object });
        } else if is_of::<ConfigMap>(&root) {
            let object = object(&root, root.to_value());
            self.config_maps.push(Found { number, document: document(root), object });
        } else {
            self.others.push(document(root));
        }
    }

    /// All resources of ours, in the order in which they were found.
    pub fn resources(&self) -> Vec<Checked<'_>> {
        let mut resources: Vec<_> = self.integrations.iter().map(Found::checked).collect();
        resources.extend(self.data_sources.iter().map(Found::checked));
        resources.extend(self.profiles.iter().map(Found::checked));
        resources.extend(self.profile_sources.iter().map(Found::checked));
        resources.sort_by_key(|resource| resource.number);
        resources
    }

    /// What is none of ours, as lines.
    pub fn skipped(&self) -> impl Iterator<Item = Mistake> {
        self.others.iter().map(Document::skipped)
    }
}

fn text<'a>(root: &'a Node, field: &str) -> &'a str {
    root.at(&[field]).and_then(Node::text).unwrap_or_default()
}

fn is_of<K: Resource<DynamicType = ()>>(root: &Node) -> bool {
    text(root, "apiVersion") == K::api_version(&()) && text(root, "kind") == K::kind(&())
}

/// Which of our kinds a document has, or was to have: its group or its kind says so.
fn meant(root: &Node) -> Option<Kind> {
    let (version, written) = (text(root, "apiVersion"), text(root, "kind"));
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let names = Kind::ALL.map(|kind| kind.to_string());
    let of_name = |name: &str| Kind::ALL.into_iter().find(|kind| kind.to_string() == name);
    if let Some(kind) = of_name(written) {
        return Some(kind);
    }
    let near =
        nearest(written, names.iter().map(String::as_str)).filter(|near| is_near(written, near)).and_then(of_name);
    if group == GROUP || is_near(group, GROUP) && written.is_empty() {
        return near.or_else(|| Some(by_spec(root)));
    }
    near
}

/// The kind whose fields a spec has.
fn by_spec(root: &Node) -> Kind {
    let has = |field: &str| root.at(&["spec", field]).is_some();
    match () {
        () if has("table") => Kind::RedshiftDataSource,
        () if has("user") => Kind::RedshiftUserProfile,
        () if has("configMaps") => Kind::RedshiftUserProfileSource,
        () => Kind::RedshiftIntegration,
    }
}

fn found<T: DeserializeOwned>(number: usize, file: String, root: Node, kind: Kind) -> Found<T> {
    let object = resource(&root, kind);
    Found { number, document: Document { file, root }, object }
}

/// Checks a resource of ours, from the first line to the last.
fn resource<T: DeserializeOwned>(root: &Node, kind: Kind) -> Result<T, Vec<Finding>> {
    let version = RedshiftIntegration::api_version(&()).into_owned();
    let mut findings: Vec<_> = [("apiVersion", version), ("kind", kind.to_string())]
        .into_iter()
        .filter_map(|(name, wanted)| {
            let (place, message) = match root.field(name) {
                Some(field) if field.value.text() == Some(&wanted) => return None,
                Some(field) => {
                    let written = field.value.text().filter(|text| text.len() <= LONGEST_QUOTED && !text.is_empty());
                    let written = written.map(|text| format!("it is `{}`; ", text.escape_debug())).unwrap_or_default();
                    (field.value.place, format!("{written}write {wanted}"))
                }
                // The misspelled name is told.
                None if root.fields().iter().any(|field| is_near(&field.name, name)) => return None,
                None => (root.place, format!("it is missing; write {wanted}")),
            };
            Some(Finding { place, field: name.to_owned(), message })
        })
        .collect();
    match schema::check(kind, root) {
        Ok(object) if findings.is_empty() => Ok(object),
        Ok(_) => Err(findings),
        Err(found) => {
            // That they are no texts is told already.
            findings.retain(|finding| {
                found.iter().all(|other| other.place != finding.place || other.field != finding.field)
            });
            findings.extend(found);
            findings.sort_by_key(|finding| finding.place);
            Err(findings)
        }
    }
}

/// Reads a Secret. No finding shows any of it.
fn secret(root: &Node) -> Result<Secret, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut tell = |node: &Node, path: &[&str], message: &str| {
        findings.push(Finding { place: node.place, field: path.join("."), message: message.to_owned() });
    };
    let fields = |name| root.at(&[name]).map(Node::fields).into_iter().flatten();
    for field in fields("data").filter(|field| field.value.content != Content::Null) {
        if field.value.text().is_none_or(|text| STANDARD.decode(without_line_breaks(text)).is_err()) {
            let message = "it isn't base64; plain text is written under stringData";
            tell(&field.value, &["data", &field.name], message);
        }
    }
    for field in fields("stringData").filter(|field| field.value.content != Content::Null) {
        if field.value.text().is_none() {
            tell(&field.value, &["stringData", &field.name], "write it in quotes: it is a text");
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut value = root.to_value();
    for entry in value.get_mut("data").and_then(Value::as_object_mut).into_iter().flat_map(|data| data.values_mut()) {
        *entry = without_line_breaks(entry.as_str().unwrap_or_default()).into();
    }
    let mut secret: Secret = object(root, value)?;
    // What the API server does with them.
    let texts = secret.string_data.take().unwrap_or_default();
    let texts = texts.into_iter().map(|(key, text)| (key, ByteString(text.into_bytes())));
    secret.data.get_or_insert_default().extend(texts);
    Ok(secret)
}

/// As the API server reads it.
fn without_line_breaks(text: &str) -> String {
    text.chars().filter(|letter| !matches!(letter, '\r' | '\n')).collect()
}

/// Reads an object of Kubernetes'. What is wrong with it is for the API server to tell.
fn object<T: DeserializeOwned + Resource<DynamicType = ()>>(root: &Node, value: Value) -> Result<T, Vec<Finding>> {
    serde_json::from_value(value).map_err(|_| {
        let message = format!("it isn't what a {} looks like", T::kind(&()));
        vec![Finding { place: root.place, field: String::new(), message }]
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Manifests {
        let mut manifests = Manifests::default();
        for root in input::nodes(text).unwrap() {
            manifests.add(Document { file: "it.yaml".to_owned(), root });
        }
        manifests
    }

    fn mistakes(text: &str) -> Vec<String> {
        let manifests = read(text);
        let resources = manifests.resources();
        let mistakes = resources.iter().flat_map(|it| it.findings.iter().map(|finding| finding.within(it.document)));
        mistakes.map(|mistake| mistake.to_string()).collect()
    }

    const GOOD: &str = include_str!("../../deploy/samples/quick-start.yaml");

    #[test]
    fn the_samples_are_right() {
        for sample in [
            GOOD,
            include_str!("../../deploy/samples/all-fields.yaml"),
            include_str!("../../deploy/samples/policy-views.yaml"),
        ] {
            assert_eq!(mistakes(sample), [""; 0]);
            assert!(!read(sample).integrations.is_empty());
        }
    }

    #[test]
    fn what_was_meant_as_ours_is_never_skipped() {
        for (from, to, expected) in [
            (
                "kind: RedshiftIntegration",
                "kind: RedshiftIntegraton",
                "kind: it is `RedshiftIntegraton`; write RedshiftIntegration",
            ),
            ("kind: RedshiftIntegration", "kind: Deployment", "kind: it is `Deployment`; write RedshiftIntegration"),
            ("kind: RedshiftIntegration\n", "", "kind: it is missing; write RedshiftIntegration"),
            (
                "dev/v1alpha1",
                "dev/v1",
                "apiVersion: it is `redshift-governance.dev/v1`; write redshift-governance.dev/v1alpha1",
            ),
            (
                "redshift-governance.dev/v1alpha1",
                "v1",
                "apiVersion: it is `v1`; write redshift-governance.dev/v1alpha1",
            ),
            ("apiVersion: ", "apiversion: ", "apiversion: there is no such field; write apiVersion"),
            ("redshift-governance.dev/v1alpha1", "{a: b}", "apiVersion: write a text here, not a block"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let told = mistakes(&GOOD.replacen(from, to, 1));
            assert_eq!(told.len(), 1, "{to}: {told:?}");
            assert!(told[0].ends_with(expected), "{told:?}");
        }
    }

    #[test]
    fn lists_are_taken_apart_and_others_are_skipped_with_a_word() {
        let object = |kind: &str| format!("{{apiVersion: v1, kind: {kind}, metadata: {{name: x}}, data: {{a: YQ==}}}}");
        let (deployment, secret, map) = (object("Deployment"), object("Secret"), object("ConfigMap"));
        let text = format!(
            "apiVersion: v1\nkind: List\nitems:\n- {deployment}\n- {secret}\n- {map}\n- {{a: b}}\n---\nhello\n"
        );
        let manifests = read(&text);
        assert_eq!((manifests.secrets.len(), manifests.config_maps.len()), (1, 1));
        let skipped: Vec<_> = manifests.skipped().map(|it| it.to_string()).collect();
        assert_eq!(
            skipped,
            [
                "it.yaml:4:3: Deployment x: not one of ours; skipped",
                "it.yaml:7:3: no manifest (without a kind): not one of ours; skipped",
                "it.yaml:9:1: no manifest (without a kind): not one of ours; skipped",
            ]
        );
    }

    #[test]
    fn a_secret_is_read_as_the_api_server_does_and_never_shown() {
        let secret = |rest: &str| {
            read(&format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\n{rest}")).secrets.remove(0)
        };
        let text = "data: {a: YQ==, b: \"Yg\\n==\", c: }\nstringData: {a: plain}";
        let object = secret(text).object.unwrap();
        let data: Vec<_> = object.data.unwrap().into_iter().map(|(key, value)| (key, value.0)).collect();
        assert_eq!(
            data,
            [("a".to_owned(), b"plain".to_vec()), ("b".to_owned(), b"b".to_vec()), ("c".to_owned(), vec![])]
        );
        for (rest, expected) in [
            (
                "data: {password: geheim!}",
                "4:18: data.password: it isn't base64; plain text is written under stringData",
            ),
            ("stringData: {password: 12345}", "4:24: stringData.password: write it in quotes: it is a text"),
            ("data: geheim", "1:1: it isn't what a Secret looks like"),
        ] {
            let found = secret(rest);
            let told: Vec<_> = found.mistakes().map(|mistake| mistake.to_string()).collect();
            assert_eq!(told, [format!("it.yaml:{expected}")]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_text_is_too_strange(
            lines in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(GOOD.lines().map(str::to_owned).collect::<Vec<_>>()),
                    Just("---".to_owned()), Just("kind: Secret".to_owned()), Just("apiVersion: v1".to_owned()), Just("data:".to_owned()),
                    Just("kind: RedshiftDataSource".to_owned()), Just("kind: RedshiftUserProfile".to_owned()),
                    Just("kind: List".to_owned()), Just("items:".to_owned()), Just("- kind: RedshiftIntegration".to_owned()),
                    "[ -:{}\\[\\]&*a-z]{0,12}",
                ],
                0..12,
            )
        ) {
            for root in input::nodes(&lines.join("\n")).unwrap_or_default() {
                let mut manifests = Manifests::default();
                manifests.add(Document { file: "it.yaml".to_owned(), root });
                manifests.resources().iter().flat_map(|it| it.findings.iter().map(ToString::to_string)).for_each(drop);
                manifests.skipped().for_each(drop);
            }
        }
    }
}
