//! What commands read: files, folders and standard input, as documents in YAML or JSON.

mod node;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;
use walkdir::{DirEntry, WalkDir};

pub use node::{Content, Field, Node, Place};

/// What is read of one file at most. The API server takes 1.5 MiB for one object; a file may hold many.
const MOST_READ: u64 = 16 * 1024 * 1024;

/// How files in folders end that hold documents.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// A document of a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file as it was named, or `standard input`.
    pub file: String,
    /// What it says.
    pub root: Node,
}

/// What is wrong in a file, and where: `FILE:LINE:COLUMN: message`, as editors and pipelines read it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{file}:{}{message}", place.map_or_else(|| " ".to_owned(), |place| format!("{place}: ")))]
pub struct Mistake {
    /// The file as it was named, or `standard input`.
    pub file: String,
    /// The place in it, where there is one.
    pub place: Option<Place>,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Document {
    /// Something wrong at a place of this document.
    pub fn mistake(&self, place: Place, message: impl Into<String>) -> Mistake {
        Mistake { file: self.file.clone(), place: Some(place), message: message.into() }
    }
}

/// All documents of what `-f` names: files, folders with those below them, `-` for standard input. Those that are empty are left
/// out. A file that can't be read, or in which one document can't, is told with its place, beside what the others hold.
pub fn read(paths: &[PathBuf]) -> (Vec<Document>, Vec<Mistake>) {
    let (mut documents, mut mistakes) = (Vec::new(), Vec::new());
    for path in paths {
        for file in files(path) {
            match file.and_then(|file| documents_of(&file)) {
                Ok(found) => documents.extend(found),
                Err(mistake) => mistakes.push(mistake),
            }
        }
    }
    (documents, mistakes)
}

/// The documents of one file, or of standard input.
fn documents_of(path: &Path) -> Result<Vec<Document>, Mistake> {
    let file = named(path);
    let text = text_of(path).map_err(|message| Mistake { file: file.clone(), place: None, message })?;
    let mistake = |(place, message)| Mistake { file: file.clone(), place, message };
    if is_command(&text) {
        return Err(mistake((Some(Place { line: 1, column: 1 }), NO_COMMAND.to_owned())));
    }
    let nodes = nodes(&text).map_err(mistake)?;
    Ok(nodes.into_iter().map(|root| Document { file: file.clone(), root }).collect())
}

/// What a text says, a node for each document that isn't empty.
pub fn nodes(text: &str) -> Result<Vec<Node>, (Option<Place>, String)> {
    // A snippet would show a neighbouring line, which may be a password.
    let options = serde_saphyr::options! { with_snippet: false };
    let nodes = serde_saphyr::from_multiple_with_options::<Node>(text, options);
    let nodes = nodes.map_err(|error| {
        let location = error.location();
        (location.map(Place::from), without_location(&error.to_string(), location))
    })?;
    Ok(nodes.into_iter().filter(|node| node.content != Content::Null).collect())
}

/// The place stands before the message already.
fn without_location(message: &str, location: Option<serde_saphyr::Location>) -> String {
    let said = location.map(|at| format!(" at line {}, column {}", at.line(), at.column())).unwrap_or_default();
    match message.strip_suffix(&said).unwrap_or(message) {
        // The only texts that are asked for are names.
        "expected string scalar" => {
            "the name of a field belongs here; is a bracket, a brace or a comma missing before it?"
        }
        message => message,
    }
    .to_owned()
}

/// What is copied from documentation together with what is wanted of it.
const NO_COMMAND: &str = "this is a command, not a document: give what stands between the quotes behind -d alone";

/// Whether a text is a command line for curl.
fn is_command(text: &str) -> bool {
    let text = text.trim_start();
    text.strip_prefix("$ ").unwrap_or(text).starts_with("curl ")
}

fn named(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The files that a path stands for. Of a folder, those whose names end as manifests' do; what is hidden isn't looked at.
fn files(path: &Path) -> Vec<Result<PathBuf, Mistake>> {
    if is_stdin(path) || !path.is_dir() {
        return vec![Ok(path.to_owned())];
    }
    let is_hidden = |entry: &DirEntry| entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
    let is_manifest = |path: &Path| path.extension().is_some_and(|end| ENDINGS.iter().any(|ending| end == *ending));
    let entries = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    let found: Vec<_> = entries
        .filter_entry(|entry| !is_hidden(entry))
        .filter_map(|entry| match entry {
            Ok(entry) if entry.file_type().is_file() && is_manifest(entry.path()) => Some(Ok(entry.into_path())),
            Ok(_) => None,
            Err(error) => {
                let file = error.path().unwrap_or(path).display().to_string();
                Some(Err(Mistake { file, place: None, message: unreadable(&error.into()) }))
            }
        })
        .collect();
    if found.is_empty() {
        let message = "there is no file in this folder that ends with .yaml, .yml or .json".to_owned();
        return vec![Err(Mistake { file: named(path), place: None, message })];
    }
    found
}

/// The text of a file, in UTF-8 or in what Windows' shells write.
fn text_of(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let from: io::Result<Box<dyn Read>> =
        if is_stdin(path) { Ok(Box::new(io::stdin())) } else { File::open(path).map(|file| Box::new(file) as _) };
    let read = from.and_then(|from| from.take(MOST_READ + 1).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MOST_READ {
        return Err(format!("it is longer than {} MiB", MOST_READ / 1024 / 1024));
    }
    text(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    let units =
        |unit: fn([u8; 2]) -> u16| bytes[2..].chunks_exact(2).map(|it| unit([it[0], it[1]])).collect::<Vec<_>>();
    let utf16 = match bytes.get(..2) {
        Some([0xff, 0xfe]) => Some(units(u16::from_le_bytes)),
        Some([0xfe, 0xff]) => Some(units(u16::from_be_bytes)),
        _ => None,
    };
    match utf16 {
        Some(units) => String::from_utf16(&units).map_err(|_| "it isn't valid UTF-16; save it as UTF-8".to_owned()),
        None => String::from_utf8(bytes).map_err(|_| "it isn't text in UTF-8".to_owned()),
    }
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be read by you".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::fs;

    use serde_json::json;

    use super::*;

    fn values(text: &str) -> Vec<serde_json::Value> {
        nodes(text).unwrap().iter().map(Node::to_value).collect()
    }

    #[test]
    fn each_part_of_a_document_knows_its_place() {
        let nodes = nodes("# one\nspec:\n  host: x\n---\n{\"a\":\n\t[1, {\"b\": true}]}\n").unwrap();
        let host = nodes[0].at(&["spec"]).unwrap().field("host").unwrap();
        assert_eq!((host.place, host.value.place), (Place { line: 3, column: 3 }, Place { line: 3, column: 9 }));
        let Content::List(items) = &nodes[1].at(&["a"]).unwrap().content else { panic!("no list") };
        assert_eq!(items[1].field("b").unwrap().value.place, Place { line: 6, column: 12 });
    }

    #[test]
    fn documents_say_what_kubernetes_own_tools_read_in_them() {
        assert_eq!(
            values("a: yes\nb: 'yes'\nc: ~\nd: |\n  x\n1: 2026-01-01\n"),
            [json!({"a": true, "b": "yes", "c": null, "d": "x\n", "1": "2026-01-01"})]
        );
        assert_eq!(
            values("---\n# nothing\n---\na: &it {b: 1}\nc: {<<: *it}\n---\n"),
            [json!({"a": {"b": 1}, "c": {"b": 1}})]
        );
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place_and_without_its_text() {
        let at = |line, column| Some(Place { line, column });
        let told = |text| nodes(text).unwrap_err();
        assert_eq!(told("password: geheim\na:\n\tb: 1\n").0, at(3, 2));
        assert_eq!(told("a: b: geheim\n").0, at(1, 5));
        let (place, message) = told("a: 1\nb: 2\na: 3\n");
        assert_eq!(place, at(3, 1));
        assert!(message.starts_with("duplicate mapping key: a"), "{message}");
        let (place, message) = told("[{\"a\": {\"b\": 1},\n  {\"a\": 2}\n}]\n");
        assert_eq!(place, at(2, 3));
        assert!(message.starts_with("the name of a field belongs here"), "{message}");
        for text in ["password: geheim\na:\n\tb: 1\n", "a: b: geheim\n", "a: [geheim\nb: 1", "a: \"geheim"] {
            assert!(!told(text).1.contains("geheim"), "{}", told(text).1);
        }
        // The famous billion laughs.
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let before = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "));
        }
        told(&bomb);
        told(&"[".repeat(100_000));
    }

    #[test]
    fn a_folder_stands_for_the_manifests_in_and_below_it_and_nothing_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("b.yml", b"a: 2\n---\na: 3\n");
        write("a.yaml", b"a: 1\n");
        write("below/c.json", b"{\"a\": 4}");
        write(".git/d.yaml", b"a: 5");
        write("README.md", b"a: 6");
        // As PowerShell's `>` writes.
        let utf16: Vec<_> = "\u{feff}a: \"é\"".encode_utf16().flat_map(u16::to_le_bytes).collect();
        write("windows.yaml", &utf16);
        write("broken.yaml", b"a: [");
        let (documents, mistakes) = read(&[folder.path().to_owned()]);
        let said: Vec<_> = documents.iter().map(|it| it.root.to_value()["a"].clone()).collect();
        assert_eq!(json!(said), json!([1, 2, 3, 4, "é"]));
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].file.ends_with("broken.yaml"), "{}", mistakes[0]);
    }

    #[test]
    fn what_cannot_be_read_is_told_in_a_line() {
        let told = |path: &Path| read(&[path.to_owned()]).1[0].to_string();
        assert_eq!(told(Path::new("nowhere.yaml")), "nowhere.yaml: there is no such file or folder");
        let folder = tempfile::tempdir().unwrap();
        assert!(told(folder.path()).ends_with("there is no file in this folder that ends with .yaml, .yml or .json"));
        let file = folder.path().join("it.yaml");
        fs::write(&file, [b'a', 0xff, 0xfe]).unwrap();
        assert!(told(&file).ends_with("it.yaml: it isn't text in UTF-8"));
        // This would be a document, too.
        fs::write(&file, "curl -X POST -H \"accept: application/json\" -d {}").unwrap();
        assert!(
            told(&file).ends_with(
                ":1:1: this is a command, not a document: give what stands between the quotes behind -d alone"
            )
        );
        fs::write(&file, "curl -X 'POST' \\\n  -H 'accept: application/json' \\\n  -d '{\"a\": 1}'\n").unwrap();
        assert!(told(&file).contains("what stands between the quotes behind -d"), "{}", told(&file));
        fs::write(&file, "a:\n  - b: 1\n c: 2\n").unwrap();
        assert!(told(&file).contains("it.yaml:3:2: "), "{}", told(&file));
    }
}
