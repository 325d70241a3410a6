//! Names for what passes by: the operator's statements by the names in its `.sql` files.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use identity_stand_in::{Request, Step};
use redshift_stand_in::journal::{Entry, Event};

use super::disturbances::CHANGES_OF_USERS;

/// Something that happened in an undisturbed run, and how to recognise it in another one.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The statement's name, or the write's verb and resource.
    pub name: String,
    /// What of its text is the same in each run: all that comes before the first literal.
    pub fragment: String,
    /// The how-manieth it is in its flow that holds the fragment, from 1.
    pub occurrence: u64,
    /// Whether it is a mere look.
    pub is_look_up: bool,
    /// Whether it is a write to the API server.
    pub is_write: bool,
    /// Whether its transaction has changed users or roles before.
    pub is_behind_users: bool,
    /// Which step of a login it is, if it is one.
    pub step: Option<Step>,
}

struct Template {
    name: &'static str,
    is_look_up: bool,
    /// What stands between the placeholders.
    pieces: Vec<&'static str>,
}

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let look = templates(include_str!("../../src/scripts/sql/look.sql"), true);
    let others = [
        include_str!("../../src/scripts/sql/initial-create.sql"),
        include_str!("../../src/scripts/sql/create.sql"),
        include_str!("../../src/scripts/sql/registry.sql"),
        include_str!("../../src/scripts/sql/impersonation.sql"),
        include_str!("../../src/scripts/sql/edit.sql"),
        include_str!("../../src/scripts/sql/repair.sql"),
        include_str!("../../src/scripts/sql/migrate.sql"),
        include_str!("../../src/scripts/sql/delete.sql"),
        include_str!("../../src/scripts/sql/rotation.sql"),
        include_str!("../../src/scripts/sql/views.sql"),
    ];
    look.into_iter().chain(others.into_iter().flat_map(|source| templates(source, false))).collect()
});

fn templates(source: &'static str, is_look_up: bool) -> Vec<Template> {
    let statements = source.split("\n--! ").skip(1);
    statements
        .map(|statement| {
            let (name, rest) = statement.split_once('\n').unwrap();
            // Comments stand at the beginning of a line, and the next section behind one.
            let section = rest.split("\n--=").next().unwrap();
            let start =
                section.lines().take_while(|line| line.starts_with("--")).map(|line| line.len() + 1).sum::<usize>();
            let text = section[start..].split("\n--").next().unwrap().trim().trim_end_matches(';');
            let pieces = text.split("{{").enumerate().map(|(index, piece)| match index {
                0 => piece,
                _ => piece.split_once("}}").unwrap().1,
            });
            Template { name: name.trim(), is_look_up, pieces: pieces.collect() }
        })
        .collect()
}

impl Template {
    fn fits(&self, text: &str) -> bool {
        let (first, rest) = self.pieces.split_first().unwrap();
        let Some(mut left) = text.strip_prefix(first) else { return false };
        let Some((last, middle)) = rest.split_last() else { return left.is_empty() };
        for piece in middle {
            let Some((_, after)) = left.split_once(piece) else { return false };
            left = after;
        }
        left.ends_with(last)
    }

    fn length(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len()).sum()
    }
}

/// Name of a statement, and whether it is a look-up.
fn name(text: &str) -> (&'static str, bool) {
    // Of those that read the same, the first.
    let fitting = TEMPLATES.iter().rev().filter(|template| template.fits(text));
    let best = fitting.max_by_key(|template| template.length());
    best.map_or_else(|| panic!("no statement of the operator's: {text}"), |best| (best.name, best.is_look_up))
}

/// The statements of a flow.
pub fn statements(journal: &[Entry]) -> Vec<Sighting> {
    let mut texts: Vec<&str> = Vec::new();
    let mut sightings = Vec::new();
    // Sessions that are in a transaction, and whether it has changed users or roles.
    let mut transactions: BTreeMap<u64, bool> = BTreeMap::new();
    for entry in journal {
        let Event::Statement { text, outcome, .. } = &entry.event else { continue };
        if outcome == "55006" {
            // A drop that our own connection stood in the way of for a moment is tried again.
            continue;
        }
        texts.push(text);
        let (name, is_look_up) = name(text);
        let fragment = text.split('\'').next().unwrap().to_owned();
        let occurrence = texts.iter().filter(|text| text.contains(&fragment)).count();
        sightings.push(Sighting {
            name: name.to_owned(),
            fragment,
            occurrence: u64::try_from(occurrence).unwrap(),
            is_look_up,
            is_write: false,
            is_behind_users: transactions.get(&entry.session) == Some(&true),
            step: None,
        });
        match text.as_str() {
            "BEGIN" => drop(transactions.insert(entry.session, false)),
            "COMMIT" => drop(transactions.remove(&entry.session)),
            _ if CHANGES_OF_USERS.iter().any(|change| text.starts_with(change)) => {
                transactions.entry(entry.session).and_modify(|has_changed| *has_changed = true);
            }
            _ => {}
        }
    }
    sightings
}

/// The writes of a flow.
pub fn writes(names: &[String]) -> Vec<Sighting> {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    names
        .iter()
        .map(|name| {
            let occurrence = seen.entry(name).or_default();
            *occurrence += 1;
            Sighting {
                name: name.clone(),
                fragment: name.clone(),
                occurrence: *occurrence,
                is_look_up: false,
                is_write: true,
                is_behind_users: false,
                step: None,
            }
        })
        .collect()
}

/// The steps of a flow's one login.
pub fn steps(requests: &[Request]) -> Vec<Sighting> {
    let sighting = |request: &Request| {
        let name = format!("login: {:?}", request.step);
        assert_eq!(requests.iter().filter(|it| it.step == request.step).count(), 1, "{name}");
        Sighting {
            fragment: name.clone(),
            name,
            occurrence: 1,
            is_look_up: false,
            is_write: false,
            is_behind_users: false,
            step: Some(request.step),
        }
    };
    requests.iter().map(sighting).collect()
}
