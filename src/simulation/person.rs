//! A person who runs the scripts of manual mode: in any order, twice, in part, old ones, with a client that stops at an error
//! or goes on, and in the end as the messages say.

use std::cell::RefCell;
use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;

use super::guards;
use super::histories::SLOTS;
use super::statements::identifier;
use super::warehouse::{IN_USE, INITIAL, PASSWORD_OF_ADMINS, Power};
use super::world::World;
use crate::scripts::Statement;
use secrecy::ExposeSecret;

/// How a person runs a script.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Which of all that were ever fetched, modulo their number.
    pub script: usize,
    /// From which step on; the first has the questions about all of it before it.
    pub from: usize,
    /// After how many statements the connection is lost.
    pub statements: usize,
    /// Whether the client stops at an error.
    pub stops: bool,
    /// Whether it is run in another database than the one that its header names.
    pub elsewhere: bool,
}

/// A script as a person has fetched it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Script {
    pub file: String,
    pub text: String,
}

/// A script, taken apart.
struct Parsed {
    database: String,
    /// The system account, where it is to be run as that.
    account: Option<String>,
    uid: String,
    steps: Vec<Vec<Statement>>,
}

thread_local! {
    static NAMES: RefCell<BTreeSet<&'static str>> = RefCell::default();
}

/// A statement's name lives as long as the program.
fn interned(name: &str) -> &'static str {
    NAMES.with_borrow_mut(|names| {
        if let Some(known) = names.get(name) {
            return *known;
        }
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        names.insert(name);
        name
    })
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let rest = text.split_once(from).map(|(_, rest)| rest).unwrap_or_default();
    rest.split_once(to).map_or(rest, |(found, _)| found)
}

fn parse(script: &Script) -> Parsed {
    let text = script.text.as_str();
    let account = between(text, "\n-- as           ", ", whose password");
    let mut steps = vec![Vec::new()];
    let mut name = None;
    let mut lines: Vec<&str> = Vec::new();
    let mut rest = text.lines().peekable();
    while let Some(line) = rest.next() {
        let word = line.strip_prefix("-- ").filter(|word| word.bytes().all(|it| it.is_ascii_lowercase() || it == b'-'));
        if line.starts_with("-- Step ") {
            steps.push(Vec::new());
        } else if let (None, Some(word)) = (name, word) {
            name = Some(interned(word));
        } else if name.is_some() && !(line.starts_with("--") && lines.is_empty()) {
            lines.push(line);
            // None of ours has an empty line in it.
            if line.ends_with(';') && rest.peek().is_none_or(|next| next.is_empty()) {
                let statement = lines.join("\n").trim_end_matches(';').to_owned();
                steps.last_mut().unwrap().push(Statement::new(name.take().unwrap(), statement, Vec::new()));
                lines.clear();
            }
        }
    }
    Parsed {
        database: between(text, "Run it in    the database ", " of ").to_owned(),
        account: (script.file == "create.sql").then(|| account.to_owned()),
        uid: between(text, "For the resource with the UID ", ",").to_owned(),
        steps,
    }
}

impl World {
    /// What is published for a slot's resource.
    fn published(&self, slot: usize) -> Vec<Script> {
        let (cluster, name, _) = SLOTS[slot];
        let found = self.clusters[cluster].get("Secret", &format!("{name}-scripts")).cloned();
        let secret = found.and_then(|value| serde_json::from_value::<Secret>(value).ok()).unwrap_or_default();
        let scripts = secret.data.unwrap_or_default().into_iter();
        scripts.map(|(file, text)| Script { file, text: String::from_utf8(text.0).unwrap() }).collect()
    }

    /// A person keeps all that was ever published.
    fn fetch(&mut self, slot: usize) {
        for script in self.published(slot) {
            if !self.fetched[slot].contains(&script) {
                self.fetched[slot].push(script);
            }
        }
    }

    /// A person runs a script that was fetched; what the last error said, if there was one.
    pub fn person_runs(&mut self, slot: usize, run: Run) -> Result<(), String> {
        self.fetch(slot);
        let Some(count) = self.fetched[slot].len().checked_sub(1) else { return Ok(()) };
        let script = self.fetched[slot][run.script % (count + 1)].clone();
        self.execute(slot, &script, run)
    }

    /// The same of a certain script, as it is published now.
    fn execute(&mut self, slot: usize, script: &Script, run: Run) -> Result<(), String> {
        let parsed = parse(script);
        let (user, password) = match &parsed.account {
            None => (Power::Superuser.name().to_owned(), PASSWORD_OF_ADMINS.to_owned()),
            Some(account) => {
                let (cluster, name, _) = SLOTS[slot];
                let resource = self.clusters[cluster].integration(name).cloned();
                let known = resource.and_then(|resource| self.clusters[cluster].account(&resource));
                let password = known.map(|known| known.password.secret().expose_secret().to_owned());
                (account.clone(), password.unwrap_or_else(|| "Password-0".to_owned()))
            }
        };
        let database = if run.elsewhere { INITIAL } else { parsed.database.as_str() };
        let mut session =
            self.warehouse.log_in(&user, &password, database).map_err(|error| format!("no login: {error:?}"))?;
        let before = self.warehouse.clone();
        let mut last = Ok(());
        for statement in parsed.steps.iter().skip(run.from).flatten().take(run.statements) {
            let (name, text) = (statement.name(), statement.text());
            // An operator that has the lock has it until its pass goes on, for which nobody waits here.
            let is_locked = name == "lock-registry" && self.locks.contains_key(&session.database);
            let is_entered = matches!(name, "drop-database" | "set-database-aside")
                && self.sessions.get(&identifier(text, 0)) > Some(&0);
            let done = if is_locked || is_entered {
                session.refuse();
                Err(IN_USE.to_owned())
            } else if guards::is_guard(name) {
                let asked = guards::ask(session.seen(&self.warehouse), session.acting, &session.database, name, text);
                if asked.is_err() {
                    session.refuse();
                }
                asked
            } else {
                session.execute(&mut self.warehouse, &parsed.uid, statement)
            };
            if let Err(why) = done {
                last = Err(why);
                if run.stops {
                    break;
                }
            }
        }
        let taken: Vec<_> = before
            .of_others_than(&parsed.uid)
            .difference(&self.warehouse.of_others_than(&parsed.uid))
            .cloned()
            .collect();
        if !taken.is_empty() {
            self.broken.push(format!("{}: a script takes others' things: {taken:?}", script.file));
        }
        last
    }

    /// Runs one of the scripts that are published now, and goes on from where its errors say, until it is done or another one
    /// is to be run.
    pub fn person_follows(&mut self, slot: usize, file: &str) -> Result<(), String> {
        let script = self.published(slot).into_iter().find(|script| script.file == file);
        let script = script.ok_or_else(|| format!("there is no {file}"))?;
        let whole = Run { script: 0, from: 0, statements: usize::MAX, stops: true, elsewhere: false };
        let mut run = whole;
        let mut said = Vec::new();
        for _ in 0..8 {
            let Err(why) = self.execute(slot, &script, run) else { return Ok(()) };
            let step = why.split("-- Step ").nth(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
            let step = step.and_then(|step: String| step.parse().ok());
            let left = why.split("(DROP ROLE \"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
            said.push(why);
            if let Some(role) = left {
                self.warehouse.roles.remove(&role);
                run = whole;
                continue;
            }
            match step {
                Some(from) => run = Run { from, ..whole },
                None => break,
            }
        }
        Err(format!("{file}: {said:?}"))
    }
}
