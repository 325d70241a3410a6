//! The manual of what the status says is what the status says.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::support::MESSAGES;

/// The groups, in the order of the manual, with what they have in common.
const GROUPS: [(&str, &str, &str); 11] = [
    (
        "login",
        "Okta or AWS give out no credentials",
        "Nothing was changed: there was no login yet. What waits for Okta or AWS goes on by itself.",
    ),
    (
        "manual",
        "Manual mode: a person runs the scripts",
        "The operator says what it waits for, what is missing, and what is different. It looks again by itself.",
    ),
    (
        "conflict",
        "Another integration has the warehouse",
        "A warehouse takes one integration. Nothing was run for the resource that came later.",
    ),
    (
        "lost",
        "The status or the Secret was lost, or a backup restored",
        "Status is found again by itself. Without the passwords in the Secret nothing in the warehouse can be proven to be \
         this integration's.",
    ),
    (
        "drift",
        "Others have changed what was set up",
        "Nothing is touched that the operator didn't make. With `repair: true` all of it is mended that can be, and what is left \
         is shown.",
    ),
    (
        "rotation",
        "Passwords are rotated",
        "What is set up works on, with the old passwords or the new ones: `Ready` stays as it was.",
    ),
    (
        "version",
        "Another version of the operator has set it up",
        "What is set up works on: `Ready` stays as it was. The warehouse is as it was.",
    ),
    (
        "deletion",
        "A deletion has stopped",
        "Before the point of no return the warehouse is as it was. `Retain` is the way out of each.",
    ),
    (
        "view",
        "A table can't be shown",
        "Of data sources. A view that was made before stays in force meanwhile, and `Ready` with it.",
    ),
    (
        "profile",
        "A user has no profile, or another one than the newest file says",
        "Of profiles and their sources. What can't be meant gives nobody anything; what can't be read changes nothing.",
    ),
    ("namespace", "The namespace is being deleted", "Its Secrets go in any order, and none can be made again."),
];

fn manual() -> String {
    let mut cases: BTreeMap<(usize, String), String> = BTreeMap::new();
    for entry in std::fs::read_dir(MESSAGES).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert_eq!(path.extension().unwrap(), "snap", "{} is no accepted snapshot", path.display());
        let (group, case) = name.split_once("__").unwrap();
        let at = GROUPS.iter().position(|(known, ..)| *known == group);
        let at = at.unwrap_or_else(|| panic!("the group {group} has no place in the manual"));
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.splitn(3, "---\n").nth(2).unwrap().trim().to_owned();
        cases.insert((at, case.replace('_', " ")), text);
    }
    let mut manual =
        "# What the status says, and what to do\n\nWritten by the tests that produce each of these (`tests/`, \
                      `documented`): the messages and the\n`status.remedies` below them are verbatim, but for namespaces, ports, UIDs and digests.\n"
            .to_owned();
    let mut open = None;
    for ((at, case), text) in &cases {
        if open != Some(*at) {
            let (_, title, what) = GROUPS[*at];
            writeln!(manual, "\n## {title}\n\n{what}").unwrap();
            open = Some(*at);
        }
        let mut lines = text.lines();
        let (phase, condition) = (lines.next().unwrap(), lines.next().unwrap());
        let message = lines.by_ref().skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
        let text = message.collect::<Vec<_>>().join("\n");
        let (message, remedies) =
            text.split_once("\n* ").map_or((text.as_str(), ""), |(message, _)| (message, &text[message.len() + 1..]));
        let capital = case[..1].to_uppercase() + &case[1..];
        writeln!(manual, "\n### {capital}\n\n`{phase}`, `{condition}`\n\n```text\n{message}\n```").unwrap();
        for line in remedies.lines() {
            match line.strip_prefix("  $ ") {
                Some(command) => writeln!(manual, "\n  ```text\n  {command}\n  ```").unwrap(),
                None => writeln!(manual, "\n{line}").unwrap(),
            }
        }
    }
    manual
}

#[test]
fn the_manual_quotes_every_message_that_the_tests_have_seen() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/messages.md");
    let manual = manual();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &manual).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, manual, "write it anew with: UPDATE_DOCS=1 make test T=the_manual_quotes");
}

#[test]
fn every_message_that_is_kept_is_produced_by_a_test() {
    let folders = ["/tests", "/tests/logins"].map(|folder| format!("{}{folder}", env!("CARGO_MANIFEST_DIR")));
    let sources: String = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    for entry in std::fs::read_dir(MESSAGES).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(sources.contains(&format!("\"{name}\"")), "no test produces {name}: delete its snapshot");
    }
}
