//! The house's layers: what each folder of `src` may know of the others, and of the world. The compiler would take
//! any import, and with the first one in the wrong direction nothing pure is sure to be pure any more.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use source::{Named, files, names};

/// A folder of `src`.
struct Layer {
    folder: &'static str,
    /// The other folders that it may import from, or the only thing of one.
    imports: &'static [&'static str],
    /// What it may not name, wherever it is from.
    knows_nothing_of: &'static [&'static [&'static str]],
    /// What it may name of that all the same.
    but: &'static [&'static str],
    /// Where something goes that may not stand here.
    instead: &'static str,
}

/// Whatever waits for something, and what it waits for.
const WAITING: &[&str] = &["async", "await", "futures", "tokio", "tokio_postgres", "tokio_rustls"];

/// The ways to a cluster. Its types alone, as `kube::ResourceExt`, reach nothing.
const CLIENTS: &[&str] =
    &["kube::Api", "kube::Client", "kube::Config", "kube::api::Api", "kube::client", "kube::runtime"];

/// A runtime, without which nothing can be waited for but what the ports give.
const RUNTIMES: &[&str] = &["tokio", "tokio_postgres", "tokio_rustls"];

/// The machine: its files, its network, its clock.
const MACHINE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "jiff::Timestamp::now",
];

/// How decompression and lines are read from bytes in memory. Nothing is opened by these.
const READING: &[&str] = &["std::io::BufRead", "std::io::BufReader", "std::io::ErrorKind", "std::io::Read"];

const PURE: &[&[&str]] = &[WAITING, CLIENTS, MACHINE];

const LAYERS: &[Layer] = &[
    Layer {
        folder: "api",
        imports: &["scripts::RESERVED_WORDS"],
        knows_nothing_of: PURE,
        but: &[],
        instead: "it is what users write and read: types, texts and rules; what is made of them belongs in src/lifecycle",
    },
    Layer {
        folder: "scripts",
        imports: &[],
        knows_nothing_of: PURE,
        but: &[],
        instead: "it renders SQL and knows nobody who runs it: a connection belongs in src/adapters, what is to be run in \
                  src/lifecycle",
    },
    Layer {
        folder: "lifecycle",
        imports: &["api", "scripts"],
        knows_nothing_of: PURE,
        but: &[],
        instead: "it decides and gives back values: what looks, waits or acts belongs in src/reconcile, on ports",
    },
    Layer {
        folder: "policy",
        imports: &["api", "lifecycle::brief", "scripts"],
        knows_nothing_of: PURE,
        but: READING,
        instead: "it decides from what it is given, files' contents as bytes: what fetches them belongs in src/reconcile, on \
                  ports",
    },
    Layer {
        folder: "ports",
        imports: &["api", "lifecycle", "scripts"],
        knows_nothing_of: &[RUNTIMES, CLIENTS, MACHINE],
        but: &[],
        instead: "it says what the flow may ask of the world: who answers belongs in src/adapters, who asks in src/reconcile",
    },
    Layer {
        folder: "telemetry",
        imports: &[],
        knows_nothing_of: &[CLIENTS],
        but: &[],
        instead: "everybody may count and log, so it knows nobody: what is counted comes in as a value",
    },
    Layer {
        folder: "reconcile",
        imports: &["api", "lifecycle", "policy", "ports", "scripts", "telemetry"],
        knows_nothing_of: &[RUNTIMES, CLIENTS, MACHINE],
        but: &[],
        instead: "it is run in a simulated world too: what it needs of the world is a method of a port (src/ports), and of \
                  its implementation in src/adapters",
    },
    Layer {
        folder: "adapters",
        imports: &["api", "lifecycle", "ports", "scripts", "telemetry"],
        knows_nothing_of: &[],
        but: &[],
        instead: "it does what it is asked to: what asks belongs in src/reconcile, what puts things together in src/cli",
    },
    Layer {
        folder: "operator",
        imports: &["adapters", "api", "lifecycle", "ports", "reconcile", "telemetry"],
        knows_nothing_of: &[],
        but: &[],
        instead: "it starts passes and is started by src/cli: what a pass does belongs in src/reconcile",
    },
    Layer {
        folder: "cli",
        imports: &["adapters", "api", "lifecycle", "operator", "policy", "ports", "reconcile", "scripts", "telemetry"],
        knows_nothing_of: &[],
        but: &[],
        instead: "it is the operator as users start it, without what is built for tests alone",
    },
];

/// What is built for tests alone.
const FOR_TESTS: &str = "simulation";

/// A rule, broken.
struct Broken<'a> {
    file: &'a str,
    named: &'a Named,
    rule: String,
    instead: &'a str,
}

impl fmt::Display for Broken<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, named: Named { line, path }, rule, instead } = self;
        write!(formatter, "{file}:{line}: `{path}`: {rule}; {instead}")
    }
}

/// A source file of the library.
struct Source {
    /// As in `src/lifecycle/plan.rs`.
    file: String,
    /// As in `lifecycle`; empty for those that stand in `src` itself.
    folder: String,
    names: Vec<Named>,
}

fn library() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| {
        let file = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        source_of(&file, &std::fs::read_to_string(path).unwrap())
    };
    files(&root.join("src")).iter().map(|path| read(path)).collect()
}

fn source_of(file: &str, text: &str) -> Source {
    let place = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let folder = file.trim_start_matches("src/").split_once('/').map_or("", |(folder, _)| folder);
    let module = if folder.is_empty() { String::new() } else { place.replace('/', "::") };
    Source { file: file.to_owned(), folder: folder.to_owned(), names: names(text, &module) }
}

/// The folder of the crate that a path leads into.
fn folder_of(path: &str) -> Option<&str> {
    path.strip_prefix("crate::")?.split("::").next()
}

fn is_within(path: &str, whole: &str) -> bool {
    path.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What a file may not name.
fn broken<'a>(source: &'a Source, layer: &'a Layer) -> Vec<Broken<'a>> {
    let Layer { folder, imports, knows_nothing_of, but, instead } = *layer;
    let rule_for = |path: &str| {
        if let Some(from) = folder_of(path) {
            let inside = path.strip_prefix("crate::").unwrap_or_default();
            let is_allowed = from == folder || imports.iter().any(|allowed| is_within(inside, allowed));
            let allowed = if imports.is_empty() { "nothing".to_owned() } else { imports.join(", ") };
            return (!is_allowed).then(|| format!("src/{folder} may import {allowed} of the crate's, and itself"));
        }
        if but.iter().any(|known| is_within(path, known)) {
            return None;
        }
        let unknown = knows_nothing_of.iter().copied().flatten().find(|unknown| is_within(path, unknown));
        unknown.map(|unknown| format!("src/{folder} knows nothing of {unknown}"))
    };
    let named = source.names.iter();
    named
        .filter_map(|named| Some(Broken { file: &source.file, named, rule: rule_for(&named.path)?, instead }))
        .collect()
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn every_folder_imports_only_what_its_layer_may() {
    let library = library();
    let mut all = Vec::new();
    for source in library.iter().filter(|source| !source.folder.is_empty() && source.folder != FOR_TESTS) {
        match LAYERS.iter().find(|layer| layer.folder == source.folder) {
            Some(layer) => all.extend(broken(source, layer).iter().map(ToString::to_string)),
            None => all.push(format!("{}: src/{} has no line in tests/layers/mod.rs", source.file, source.folder)),
        }
    }
    assert_none(&all);
}

#[test]
fn every_layer_has_a_folder_and_needs_what_it_may_import() {
    let library = library();
    for Layer { folder, imports, .. } in LAYERS {
        let its = || library.iter().filter(|source| source.folder == *folder);
        assert!(its().next().is_some(), "there is no src/{folder} any more; take it out of tests/layers/mod.rs");
        for import in *imports {
            let whole = format!("crate::{import}");
            let is_needed = its().any(|source| source.names.iter().any(|named| is_within(&named.path, &whole)));
            assert!(is_needed, "src/{folder} doesn't need {import} any more; take it out of tests/layers/mod.rs");
        }
    }
}

#[test]
fn nothing_but_tests_knows_the_simulation() {
    let library = library();
    let others = library.iter().filter(|source| source.folder != FOR_TESTS);
    let named = others.flat_map(|source| source.names.iter().map(move |named| (source, named)));
    let known = named.filter(|(_, named)| folder_of(&named.path) == Some(FOR_TESTS));
    let rule = "what is built for tests alone is imported by `#[cfg(test)]` alone".to_owned();
    let instead = "what both need belongs in src/reconcile or src/ports";
    let broken =
        known.map(|(Source { file, .. }, named)| Broken { file, named, rule: rule.clone(), instead }.to_string());
    assert_none(&broken.collect::<Vec<_>>());
}

#[test]
fn no_folder_imports_itself_by_way_of_others() {
    // What one may take a single thing of counts as well: the thing could import the rest.
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Source { folder, names, .. } in library().into_iter().filter(|source| !source.folder.is_empty()) {
        let from = names.iter().filter_map(|named| folder_of(&named.path));
        imports.entry(folder.clone()).or_default().extend(from.filter(|from| **from != folder).map(str::to_owned));
    }
    let mut left = imports.clone();
    while let Some(done) = left.iter().find(|(_, from)| from.iter().all(|from| !left.contains_key(from))) {
        let done = done.0.clone();
        left.remove(&done);
    }
    assert!(
        left.is_empty(),
        "these folders import each other in a circle, or what does: {left:#?}\nwhat two of them need belongs in the lower one, \
         or in a folder below both"
    );
}

#[test]
fn an_import_is_found_in_whichever_form_it_is_written() {
    let text = r##"
        //! crate::adapters, in a comment
        use crate::{api::Phase, ports::{self, Key as Name}};
        use super::super::cli;
        use kube::{Client, ResourceExt, runtime::watcher as it};
        /* tokio::spawn */
        const TEXT: &str = "tokio::spawn \" crate::cli"; const RAW: &str = r#"crate::cli " "#;
        const SIGN: char = '"';
        fn one<'a>(it: &'a crate::operator::Scope) { tokio::spawn(async move { super::words::of(it) }); }
        #[cfg(test)]
        use crate::simulation::{self, world};
        #[cfg(test)]
        mod tests { fn two() { let it = crate::simulation::world::new(); } }
        use crate::telemetry::*;
    "##;
    let found: Vec<_> =
        names(text, "lifecycle::plan").into_iter().map(|named| format!("{} {}", named.line, named.path)).collect();
    let expected = [
        "3 crate::api::Phase",
        "3 crate::ports",
        "3 crate::ports::Key",
        "4 crate::cli",
        "5 kube::Client",
        "5 kube::ResourceExt",
        "5 kube::runtime::watcher",
        "9 crate::operator::Scope",
        "9 tokio::spawn",
        "9 async",
        "9 crate::lifecycle::words::of",
        "14 crate::telemetry",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_broken_rule_is_told_with_its_place_and_where_such_a_thing_belongs() {
    let source = source_of("src/lifecycle/plan.rs", "\nuse crate::ports::Key;\nuse kube::{Client, ResourceExt};\n");
    let layer = LAYERS.iter().find(|layer| layer.folder == "lifecycle").unwrap();
    let told: Vec<_> = broken(&source, layer).iter().map(ToString::to_string).collect();
    let instead = layer.instead;
    assert_eq!(
        told,
        [
            format!(
                "src/lifecycle/plan.rs:2: `crate::ports::Key`: src/lifecycle may import api, scripts of the crate's, and itself; {instead}"
            ),
            format!("src/lifecycle/plan.rs:3: `kube::Client`: src/lifecycle knows nothing of kube::Client; {instead}"),
        ]
    );
}
