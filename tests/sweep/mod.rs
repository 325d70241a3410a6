//! The sweep: disturbed at whatever moment, every flow comes by itself to the very warehouse and the very
//! resource that an undisturbed run comes to.
//!
//! A flow (`flows.rs`) is run once to learn its statements and its writes to the API server, and then once
//! for each case: one disturbance (`disturbances.rs`) of one of them. Then the warehouse is dumped and
//! compared, users, grants and definitions included, and so are the status and the Secret, whose passwords
//! must be the ones that log in.
//!
//! Which cases there are (`cases.rs`), so that all of it fits into a few minutes:
//!
//! - in the flows that have `Coverage::Every`, each statement that changes something and each write to the
//!   API server meets every fault;
//! - where there are a way there and a way back, or two circles with the same flow (`EveryOther`), each has
//!   half of these;
//! - in the others, which have the same statements from another start, each meets one fault, in rotation;
//! - behind a change of users or roles, each statement of the transaction is also lost in a warehouse that
//!   doesn't roll back users and roles;
//! - in the circle of views, which has its statements to itself, each by every fault in the first flow that has it
//!   (`EveryNew`), and so its look-ups;
//! - in the circle of a user of Okta each step of a login meets each fault of its own (`Logins`), and nothing else is disturbed;
//! - look-ups meet one fault by name, in rotation, in every flow, and those that every pass begins with in
//!   one flow of each circle.
//!
//! Over all flows whatever has a name meets every fault at least once: a test counts it, and that each
//! case is in one of the parts that are run. The rotation depends on names and order alone, so that each
//! run has the same cases. What is left out stands in `exclusions.rs`.
//!
//! The flows of a circle follow each other, case by case. Where one of them has fewer cases, it is run
//! undisturbed to get to the next, and not compared: whatever it did wrong shows at the next case. So circles
//! are put together from flows with about as many cases.
//!
//! Each part prints its table, flow by fault; `make test` sums them up at its end.

mod begin;
mod cases;
mod disturbances;
mod exclusions;
mod flows;
mod scene;
mod statements;
mod table;

use std::collections::{BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::join_all;

use cases::Case;
use flows::Circle;
use scene::Scene;
use table::Table;

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
        table.merge(&part);
        failures.extend(failed);
    }
    table.publish();
    assert!(failures.is_empty(), "these didn't converge:\n{}", failures.join("\n"));
}

/// Promptly disturbed: waits for the processor for the most part, so that there is one world to a test.
fn prompt(circle: Circle, first: usize, of: usize) -> Vec<Part> {
    vec![Part { circle, slow: false, first, of }]
}

/// Late answers: waits for deadlines for the most part, so that there are several worlds to a test.
fn late(circles: &[(Circle, usize)]) -> Vec<Part> {
    let part = |circle, of| (0..of).map(move |first| Part { circle, slow: true, first, of });
    circles.iter().flat_map(|(circle, of)| part(*circle, *of)).collect()
}

/// A test for each line: they run side by side.
macro_rules! parts {
    ($($name:ident: $parts:expr;)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                sweep(&$parts).await;
            }
        )+

        fn all_parts() -> Vec<Part> {
            [$($parts),+].concat()
        }
    };
}

parts! {
    disturbed_creation_and_deletion: prompt(flows::PLAIN_LIFE, 0, 1);
    disturbed_with_impersonation_1: prompt(flows::LIFE, 0, 2);
    disturbed_with_impersonation_2: prompt(flows::LIFE, 1, 2);
    disturbed_confirmed_deletion_1: prompt(flows::CONFIRMED, 0, 2);
    disturbed_confirmed_deletion_2: prompt(flows::CONFIRMED, 1, 2);
    disturbed_in_existing_database: prompt(flows::PLAIN_LIFE_IN_EXISTING, 0, 1);
    disturbed_in_existing_database_with_impersonation_1: prompt(flows::LIFE_IN_EXISTING, 0, 3);
    disturbed_in_existing_database_with_impersonation_2: prompt(flows::LIFE_IN_EXISTING, 1, 3);
    disturbed_in_existing_database_with_impersonation_3: prompt(flows::LIFE_IN_EXISTING, 2, 3);
    disturbed_edits_in_existing_database: prompt(flows::EDITS_IN_EXISTING, 0, 1);
    disturbed_creation_by_lesser_admin: prompt(flows::LIFE_BY_LESSER, 0, 1);
    disturbed_switch_1: prompt(flows::SWITCH, 0, 2);
    disturbed_switch_2: prompt(flows::SWITCH, 1, 2);
    disturbed_switch_by_lesser_admin: prompt(flows::SWITCH_BY_LESSER, 0, 1);
    disturbed_renaming_of_role: prompt(flows::ROLE, 0, 1);
    disturbed_replacement_of_role_by_lesser_admin: prompt(flows::ROLE_BY_LESSER, 0, 1);
    disturbed_renaming_of_account: prompt(flows::ACCOUNT, 0, 1);
    disturbed_renaming_of_account_by_lesser_admin: prompt(flows::ACCOUNT_BY_LESSER, 0, 1);
    disturbed_all_at_once: prompt(flows::ALL_AT_ONCE, 0, 1);
    disturbed_all_at_once_by_lesser_admin: prompt(flows::ALL_AT_ONCE_BY_LESSER, 0, 1);
    disturbed_take_over: prompt(flows::HERITAGE, 0, 1);
    disturbed_after_loss_of_secret: prompt(flows::LOST_SECRET, 0, 1);
    disturbed_repair: prompt(flows::CHANGED, 0, 1);
    disturbed_migration: prompt(flows::OUTDATED, 0, 1);
    disturbed_rotation: prompt(flows::ROTATION, 0, 1);
    disturbed_views_1: prompt(flows::VIEWS, 0, 2);
    disturbed_views_2: prompt(flows::VIEWS, 1, 2);
    disturbed_login_by_okta: prompt(flows::LIFE_BY_OKTA, 0, 1);
    disturbed_late_login_by_okta: late(&[(flows::LIFE_BY_OKTA, 1)]);
    disturbed_late_views: late(&[(flows::VIEWS, 3)]);
    disturbed_late_life: late(&[(flows::LIFE, 2), (flows::PLAIN_LIFE, 1), (flows::LIFE_BY_LESSER, 1)]);
    disturbed_late_confirmed: late(&[(flows::CONFIRMED, 2), (flows::HERITAGE, 1), (flows::LOST_SECRET, 1)]);
    disturbed_late_changes: late(&[(flows::CHANGED, 2), (flows::OUTDATED, 1)]);
    disturbed_late_existing: late(&[(flows::LIFE_IN_EXISTING, 2), (flows::PLAIN_LIFE_IN_EXISTING, 1), (flows::EDITS_IN_EXISTING, 1)]);
    disturbed_late_switch: late(&[(flows::SWITCH, 1), (flows::SWITCH_BY_LESSER, 1), (flows::ALL_AT_ONCE, 1), (flows::ALL_AT_ONCE_BY_LESSER, 1)]);
    disturbed_late_renaming: late(&[(flows::ROLE, 1), (flows::ROLE_BY_LESSER, 1), (flows::ACCOUNT, 1), (flows::ACCOUNT_BY_LESSER, 1), (flows::ROTATION, 1)]);
}

#[tokio::test]
async fn every_statement_and_write_meets_every_fault_somewhere() {
    let (mut due, mut met) = (BTreeSet::new(), BTreeSet::new());
    let mut total = 0;
    for circles in flows::ALL.chunks(4) {
        let scenes = join_all(circles.iter().map(|circle| Scene::new(circle, false))).await;
        for (circle, scene) in circles.iter().zip(scenes) {
            for (flow, undisturbed) in circle.flows.iter().zip(&scene.undisturbed) {
                let (statements, writes) = undisturbed.counts;
                let cases = &undisturbed.cases;
                println!("{:58} | {statements:3} statements | {writes:2} writes | {:4} cases", flow.name, cases.len());
                total += cases.len();
                let parts = all_parts().into_iter().filter(|part| part.circle.number == circle.number);
                let run: usize = parts.map(|part| part.of_these(cases).len()).sum();
                assert_eq!(run, cases.len(), "{}: cases in one of the parts", flow.name);
                for case in cases {
                    let name = &case.sighting.name;
                    let is_excluded = |fault| exclusions::reason(&case.sighting, fault).is_some();
                    let faults = cases::faults(&case.sighting).into_iter().filter(|fault| !is_excluded(*fault));
                    due.extend(faults.map(|fault| (name.clone(), fault)));
                    met.insert((name.clone(), case.disturbance));
                }
            }
        }
    }
    println!("{total} cases in all");
    exclusions::print();
    let unmet: Vec<_> =
        due.difference(&met).map(|(name, fault)| format!("{name} never meets `{}`", fault.label())).collect();
    assert!(unmet.is_empty(), "{}", unmet.join("\n"));
}
