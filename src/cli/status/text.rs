//! A summary as people read it.

use std::fmt::Write;

use anstyle::Style;
use jiff::{SignedDuration, Timestamp};
use textwrap::Options;

use super::summary::{State, Summary, plain};
use crate::api::{DatabaseMode, DeletionPolicy, Phase, Remedy, ValidationResults, ValidationStatus, ValidationTest};
use crate::cli::output::{self, BAD, FAINT, GOOD, STRONG, WARNING, columns, styled};

/// How a text is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Whether tests that passed are told with what they have seen.
    pub is_verbose: bool,
    /// How many columns there are, where sentences are to be broken into lines. Commands never are.
    pub width: Option<usize>,
    /// Now, for ages.
    pub now: Timestamp,
}

impl Layout {
    /// As the terminal is, now.
    pub fn now() -> Self {
        Self { is_verbose: false, width: output::width(), now: Timestamp::now() }
    }
}

/// All there is to say of one resource.
pub fn details(summary: &Summary, layout: Layout) -> String {
    let mut text = heading(summary, layout);
    text.push('\n');
    text += &facts(summary, layout);
    text += &remedies(&summary.remedies, layout);
    if let Some(results) = &summary.validation_results {
        text.push('\n');
        text += &tests(results, layout);
    }
    text
}

/// A line for each resource.
pub fn table(summaries: &[Summary], all_namespaces: bool, layout: Layout) -> String {
    let faint = |text: &str| (FAINT, text.to_owned());
    let mut rows = vec![vec![faint("NAME"), faint("PHASE"), faint("READY"), faint("WAREHOUSE"), faint("WHAT GOES ON")]];
    for summary in summaries {
        let name =
            if all_namespaces { format!("{}/{}", summary.namespace, summary.name) } else { summary.name.clone() };
        let what = match summary.state {
            State::Settled => String::new(),
            _ => summary.message.clone(),
        };
        rows.push(vec![
            (STRONG, name),
            (style_of(summary), phase(summary)),
            (style_of(summary), summary.ready.clone().unwrap_or_else(|| "-".to_owned())),
            (Style::new(), plain(&summary.wanted.host)),
            (Style::new(), what),
        ]);
    }
    columns(&rows, layout.width)
}

fn style_of(summary: &Summary) -> Style {
    match (summary.state, summary.is_ready()) {
        (State::Stalled, _) => BAD,
        (State::Settled, true) => GOOD,
        _ => WARNING,
    }
}

/// The phase as `kubectl get` shows it.
fn phase(summary: &Summary) -> String {
    summary.phase.map_or_else(|| "-".to_owned(), word)
}

/// As it stands in the resource.
fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn heading(summary: &Summary, layout: Layout) -> String {
    let what = match (summary.state, summary.is_ready(), summary.phase) {
        (State::NotLookedAt, ..) => "not looked at yet".to_owned(),
        (State::Suspended, true, _) => "suspended; what was set up works on".to_owned(),
        (State::Suspended, ..) => "suspended".to_owned(),
        (State::Settled, true, _) => "set up, and validated".to_owned(),
        (State::Stalled, true, _) => "stopped; what was set up works on".to_owned(),
        (State::Stalled, ..) => "stopped: somebody has to do something".to_owned(),
        _ if summary.waits_for_somebody() => "waiting for somebody".to_owned(),
        (State::Reconciling, true, _) => "under way; what was set up works on".to_owned(),
        (State::Reconciling, _, Some(Phase::Creating | Phase::Editing | Phase::Deleting | Phase::Migrating)) => {
            "under way".to_owned()
        }
        (State::Reconciling, ..) => "tried again by itself".to_owned(),
        (State::Settled, ..) => "not ready".to_owned(),
    };
    let style = style_of(summary);
    let phase = summary.phase.map(word).map(|phase| format!("{phase}: ")).unwrap_or_default();
    let name = styled(STRONG, format!("{}/{}", summary.namespace, summary.name));
    let mut text = format!("{name}  {}\n", styled(style, format!("{phase}{what}")));
    if summary.state != State::Settled || !summary.is_ready() {
        text += &paragraph(&summary.message, "  ", layout);
        let reason = summary.reason.as_ref().filter(|_| summary.state != State::Suspended);
        if let (Some(reason), Some(since)) = (reason, summary.since.as_deref().and_then(|at| age(at, layout))) {
            text += &format!("  {}\n", styled(FAINT, format!("{reason}, for {since}")));
        }
    } else if summary.message.contains("works on") {
        text += &paragraph(&summary.message, "  ", layout);
    }
    if summary.is_behind {
        text += &paragraph("The operator hasn't looked at the newest change of the spec yet.", "  ", layout);
    }
    text
}

fn facts(summary: &Summary, layout: Layout) -> String {
    let wanted = &summary.wanted;
    let mut facts = vec![
        ("Warehouse", format!("{}:{}", wanted.host, wanted.port)),
        ("Database", database(summary)),
        ("Account", account(summary)),
        ("Impersonation", impersonation(summary)),
    ];
    if summary.is_manual {
        facts.push(("Scripts", format!("run by a person; in the Secret {}-scripts", summary.name)));
    }
    let policy = match summary.deletion_policy {
        DeletionPolicy::Delete => "what was created is removed with it",
        DeletionPolicy::Retain => "everything in the warehouse stays (deletionPolicy Retain)",
    };
    facts.push(match summary.deleted_at.as_deref().and_then(|at| age(at, layout)) {
        Some(since) => {
            let what = if is_beyond_return(summary) {
                "the managed database is being dropped, and there is no way back"
            } else {
                policy
            };
            ("Deletion", format!("asked for {since} ago: {what}"))
        }
        None => ("Deletion", policy.to_owned()),
    });
    let rows: Vec<_> = facts
        .into_iter()
        .map(|(name, value)| vec![(FAINT, format!("  {name}")), (Style::new(), plain(&value))])
        .collect();
    columns(&rows, None)
}

fn database(summary: &Summary) -> String {
    let wanted = &summary.wanted;
    let there = match (&summary.created, wanted.database_mode) {
        (_, DatabaseMode::Existing) => "was there before, and is never dropped",
        (Some(created), _) if created.applied_hash.is_some() => "created",
        (Some(_), _) => "being created",
        (None, _) => "to be created",
    };
    let version = summary.created.as_ref().filter(|created| created.applied_hash.is_some());
    let version = version.map(|created| format!(", schemas of version {}", created.schema_version)).unwrap_or_default();
    format!("{} ({there}{version}); initial database {}", wanted.database, wanted.initial_database)
}

fn account(summary: &Summary) -> String {
    let secret = format!("its password is in the Secret {}-system-account", summary.name);
    let wanted = &summary.wanted.system_account;
    match &summary.created {
        None => format!("{wanted} (to be created)"),
        Some(created) if created.system_account == *wanted => format!("{wanted}; {secret}"),
        Some(created) => format!("{}, to be renamed to {wanted}; {secret}", created.system_account),
    }
}

fn impersonation(summary: &Summary) -> String {
    let there = summary.created.as_ref().and_then(|created| created.impersonation_role.as_deref());
    match (there, summary.wanted.impersonation_role.as_deref()) {
        (None, None) => "off".to_owned(),
        (Some(there), Some(wanted)) if there == wanted => format!("members of the role {there}"),
        (None, Some(wanted)) => format!("members of the role {wanted} (to be created)"),
        (Some(there), Some(wanted)) => format!("members of the role {there}, to become {wanted}"),
        (Some(there), None) => format!("off, once the role {there} is dropped"),
    }
}

fn is_beyond_return(summary: &Summary) -> bool {
    summary.deletion.as_ref().is_some_and(|deletion| deletion.point_of_no_return)
}

/// What can be done, each way by itself.
pub fn remedies(remedies: &[Remedy], layout: Layout) -> String {
    let mut text = String::new();
    if remedies.is_empty() {
        return text;
    }
    let _ = writeln!(text, "\n{}", styled(STRONG, "What can be done"));
    for (number, remedy) in (1..).zip(remedies) {
        let number = format!("{number:>3}. ");
        let mut description = paragraph(&capitalised(&remedy.description), "     ", layout);
        description.replace_range(..number.len(), &number);
        text += &description;
        if let Some(command) = &remedy.command {
            let _ = writeln!(text, "       {}", styled(GOOD, command));
        }
    }
    text
}

/// The validation tests, as a table.
pub fn tests(results: &ValidationResults, layout: Layout) -> String {
    let since = age(&results.since, layout).map(|since| format!(", unchanged for {since}")).unwrap_or_default();
    let overall = styled(style_of_test(results.status), word(results.status));
    let mut text = format!("{}: {overall}{since}\n", styled(STRONG, "Validation tests"));
    text += &of_tests(&results.validation_tests, layout);
    text
}

/// A line for each test, and what it has seen where that matters.
pub fn of_tests(tests: &[ValidationTest], layout: Layout) -> String {
    let mut text = String::new();
    for test in tests {
        let style = style_of_test(test.status);
        let _ = writeln!(text, "  {}  {}", styled(style, format!("{:<7}", word(test.status))), plain(&test.name));
        let matters = matches!(test.status, ValidationStatus::Failed | ValidationStatus::Warning);
        if let Some(message) = test.message.as_deref().filter(|_| matters || layout.is_verbose) {
            text += &paragraph(&plain(message), "           ", layout);
        }
    }
    text
}

/// How a result of a test shows.
pub fn style_of_test(status: ValidationStatus) -> Style {
    match status {
        ValidationStatus::Passed => GOOD,
        ValidationStatus::Failed => BAD,
        ValidationStatus::Warning => WARNING,
        ValidationStatus::Skipped => FAINT,
    }
}

/// A sentence, broken into lines where there is a width, and a line's end.
pub fn paragraph(text: &str, indent: &str, layout: Layout) -> String {
    let mut text = match layout.width {
        None => format!("{indent}{text}"),
        Some(width) => {
            // What is copied stays whole: names, and SQL in the middle of a sentence.
            let options = Options::new(width.max(40)).initial_indent(indent).subsequent_indent(indent);
            let options = options.break_words(false).word_splitter(textwrap::WordSplitter::NoHyphenation);
            textwrap::fill(text, options)
        }
    };
    text.push('\n');
    text
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// How long something is so, roughly.
fn age(at: &str, layout: Layout) -> Option<String> {
    let at: Timestamp = at.parse().ok()?;
    let ago = layout.now.duration_since(at).max(SignedDuration::ZERO);
    let (number, unit) = match ago.as_secs() {
        seconds @ 0..120 => (seconds, "s"),
        seconds @ 120..7_200 => (seconds / 60, "min"),
        seconds @ 7_200..172_800 => (seconds / 3_600, "h"),
        seconds => (seconds / 86_400, "days"),
    };
    Some(format!("{number} {unit}"))
}
