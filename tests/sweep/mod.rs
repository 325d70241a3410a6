//! The sweep: disturbed at whatever moment, every flow comes by itself to the very warehouse and the very
//! resource that an undisturbed run comes to.
//!
//! A flow (`flows.rs`) is run once to learn its statements and its writes to the API server, and then once
//! for each case: one disturbance (`disturbances.rs`) of one of them. Then the warehouse is dumped and
//! compared, users, grants and definitions included, and so are the status and the Secret, whose passwords
//! must log in.
//!
//! Which cases there are (`cases.rs`), so that all of it fits into a few minutes:
//!
//! - in the flows that have `Coverage::Every`, each statement that changes something and each write to the
//!   API server meets every fault;
//! - where there are a way there and a way back (`EveryOther`), each has half of these;
//! - in the others, which have the same statements from another start, each meets one fault, in rotation;
//! - the operator is killed after each of them, and before the first statement and the first write: of one
//!   that is killed before any other, nothing is left but what the change before it has done;
//! - look-ups meet one fault by name, in rotation, in every flow, and those that every pass begins with in
//!   one flow of each circle.
//!
//! Over all flows whatever has a name meets every other fault at least once: a test counts it. The
//! rotation depends on names and order alone, so that each run has the same cases. What is left out
//! stands in `exclusions.rs`.

mod cases;
mod disturbances;
mod exclusions;
mod flows;
mod scene;
mod statements;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::join_all;

use cases::Case;
use disturbances::Disturbance;
use flows::Circle;
use scene::Scene;

/// Cases and those that converged, by flow and disturbance.
#[derive(Default)]
struct Table(BTreeMap<(&'static str, Disturbance), (u64, u64)>);

impl Table {
    fn add(&mut self, flow: &'static str, disturbance: Disturbance, converged: bool) {
        let row = self.0.entry((flow, disturbance)).or_default();
        row.0 += 1;
        row.1 += u64::from(converged);
    }

    fn merge(&mut self, other: Self) {
        for (key, (cases, converged)) in other.0 {
            let row = self.0.entry(key).or_default();
            row.0 += cases;
            row.1 += converged;
        }
    }

    fn print(&self) {
        println!("{:58} | {:38} | cases | converged", "flow", "fault");
        for ((flow, disturbance), (cases, converged)) in &self.0 {
            println!("{flow:58} | {:38} | {cases:5} | {converged:9}", disturbance.label());
        }
    }
}

/// After as many failures a part gives up: there is enough to look at.
const ENOUGH: usize = 5;

/// Some of a circle's cases.
#[derive(Clone, Copy)]
struct Part {
    circle: Circle,
    /// Those that need deadlines to pass, or the others.
    slow: bool,
    /// Every `of`-th case, from the `first`.
    first: usize,
    of: usize,
}

impl Part {
    fn of_these(&self, cases: &[Case]) -> Vec<Case> {
        let fitting = cases.iter().filter(|case| case.disturbance.is_slow() == self.slow);
        fitting.skip(self.first).step_by(self.of).cloned().collect()
    }

    async fn run(self) -> (Table, Vec<String>) {
        let (mut table, mut failures) = (Table::default(), Vec::new());
        let mut scene = Scene::new(&self.circle, self.slow).await;
        let mut queues: Vec<VecDeque<Case>> =
            scene.undisturbed.iter().map(|flow| self.of_these(&flow.cases).into()).collect();
        while queues.iter().any(|queue| !queue.is_empty()) && failures.len() < ENOUGH {
            for (index, queue) in queues.iter_mut().enumerate() {
                let case = queue.pop_front();
                let run = AssertUnwindSafe(scene.run(&self.circle, index, case.as_ref())).catch_unwind().await;
                let flow = self.circle.flows[index].name;
                if let Some(case) = &case {
                    table.add(flow, case.disturbance, run.is_ok());
                }
                if run.is_err() {
                    let what = case.map(|case| {
                        let sighting = &case.sighting;
                        format!("{}: {} ({})", case.disturbance.label(), sighting.name, sighting.occurrence)
                    });
                    failures.push(format!("{flow}: {}", what.as_deref().unwrap_or("undisturbed")));
                    eprintln!("^ {}", failures.last().unwrap());
                    scene = Scene::new(&self.circle, self.slow).await;
                    break;
                }
            }
        }
        (table, failures)
    }
}

/// Runs parts side by side.
async fn sweep(parts: &[Part]) {
    let mut table = Table::default();
    let mut failures = Vec::new();
    for (part, failed) in join_all(parts.iter().map(|part| part.run())).await {
        table.merge(part);
        failures.extend(failed);
    }
    table.print();
    assert!(failures.is_empty(), "these didn't converge:\n{}", failures.join("\n"));
}

/// Promptly disturbed: waits for the processor for the most part, so that there is one world to a test.
async fn prompt(circle: Circle, first: usize, of: usize) {
    sweep(&[Part { circle, slow: false, first, of }]).await;
}

/// Late answers: waits for deadlines for the most part, so that there are several worlds to a test.
async fn late(circles: &[(Circle, usize)]) {
    let part = |circle, of| (0..of).map(move |first| Part { circle, slow: true, first, of });
    let parts: Vec<_> = circles.iter().flat_map(|(circle, of)| part(*circle, *of)).collect();
    sweep(&parts).await;
}

/// A test for each part: they run side by side.
macro_rules! parts {
    ($($name:ident: $part:expr;)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                $part.await;
            }
        )+
    };
}

parts! {
    disturbed_creation_and_deletion: prompt(flows::PLAIN_LIFE, 0, 1);
    disturbed_with_impersonation_1: prompt(flows::LIFE, 0, 2);
    disturbed_with_impersonation_2: prompt(flows::LIFE, 1, 2);
    disturbed_in_existing_database: prompt(flows::PLAIN_LIFE_IN_EXISTING, 0, 1);
    disturbed_in_existing_database_with_impersonation_1: prompt(flows::LIFE_IN_EXISTING, 0, 2);
    disturbed_in_existing_database_with_impersonation_2: prompt(flows::LIFE_IN_EXISTING, 1, 2);
    disturbed_creation_by_lesser_admin: prompt(flows::LIFE_BY_LESSER, 0, 1);
    disturbed_switch: prompt(flows::SWITCH, 0, 1);
    disturbed_switch_by_lesser_admin: prompt(flows::SWITCH_BY_LESSER, 0, 1);
    disturbed_renaming_of_role: prompt(flows::ROLE, 0, 1);
    disturbed_replacement_of_role_by_lesser_admin: prompt(flows::ROLE_BY_LESSER, 0, 1);
    disturbed_renaming_of_account: prompt(flows::ACCOUNT, 0, 1);
    disturbed_renaming_of_account_by_lesser_admin: prompt(flows::ACCOUNT_BY_LESSER, 0, 1);
    disturbed_all_at_once: prompt(flows::ALL_AT_ONCE, 0, 1);
    disturbed_all_at_once_by_lesser_admin: prompt(flows::ALL_AT_ONCE_BY_LESSER, 0, 1);
    disturbed_late_life: late(&[(flows::LIFE, 2), (flows::PLAIN_LIFE, 1), (flows::LIFE_BY_LESSER, 1)]);
    disturbed_late_existing: late(&[(flows::LIFE_IN_EXISTING, 2), (flows::PLAIN_LIFE_IN_EXISTING, 1)]);
    disturbed_late_switch: late(&[(flows::SWITCH, 1), (flows::SWITCH_BY_LESSER, 1), (flows::ALL_AT_ONCE, 1), (flows::ALL_AT_ONCE_BY_LESSER, 1)]);
    disturbed_late_renaming: late(&[(flows::ROLE, 1), (flows::ROLE_BY_LESSER, 1), (flows::ACCOUNT, 1), (flows::ACCOUNT_BY_LESSER, 1)]);
}

#[tokio::test]
async fn every_statement_meets_every_fault_somewhere() {
    let mut met: BTreeMap<String, BTreeSet<Disturbance>> = BTreeMap::new();
    let mut total = 0;
    for circles in flows::ALL.chunks(4) {
        let scenes = join_all(circles.iter().map(|circle| Scene::new(circle, false))).await;
        for (circle, scene) in circles.iter().zip(scenes) {
            for (flow, undisturbed) in circle.flows.iter().zip(&scene.undisturbed) {
                let slow = undisturbed.cases.iter().filter(|case| case.disturbance.is_slow()).count();
                let (statements, writes) = undisturbed.counts;
                let cases = undisturbed.cases.len();
                println!(
                    "{:58} | {statements:3} statements | {writes:2} writes | {cases:3} cases | {slow:3} slow",
                    flow.name
                );
                total += cases;
                for case in &undisturbed.cases {
                    met.entry(case.sighting.name.clone()).or_default().insert(case.disturbance);
                }
            }
        }
    }
    println!("{total} cases");
    let missing = |name: &str, met: &BTreeSet<Disturbance>| -> Vec<String> {
        let due: &[_] = if name.contains(' ') { &disturbances::OF_WRITES } else { &disturbances::OF_STATEMENTS };
        let unmet = due.iter().filter(|fault| !fault.is_killed_before() && !met.contains(fault));
        unmet.map(|fault| format!("{name} never meets `{}`", fault.label())).collect()
    };
    let missing: Vec<_> = met.iter().flat_map(|(name, met)| missing(name, met)).collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
