//! Which cases there are: see the policy at the top of this folder's `mod.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::disturbances::{Disturbance, OF_LOGINS, OF_STATEMENTS, OF_WRITES, USERS_STAY};
use super::exclusions;
use super::flows::{Begin, Circle, Coverage};
use super::statements::Sighting;

/// A disturbance of one statement or write.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is disturbed.
    pub sighting: Sighting,
    /// How.
    pub disturbance: Disturbance,
}

/// The look-ups that every pass begins with: there are so many of them that one flow of a circle is enough.
const IN_EVERY_PASS: [&str; 17] = [
    "prove-login",
    "read-case-sensitivity",
    "read-columns",
    "read-databases",
    "read-default-privileges",
    "read-managed-database",
    "read-our-users",
    "read-own-account",
    "read-registry",
    "read-relations",
    "read-roles",
    "read-roles-of-system-account",
    "read-routines",
    "read-schemas",
    "read-users",
    "read-version",
    "read-view",
];

/// The look-ups that one circle alone has, since they are of policy-enforced views.
const OF_VIEWS: [&str; 8] = [
    "read-data-sources",
    "read-profiles",
    "read-table-columns",
    "read-user-entitlements",
    "read-view-text",
    "read-views",
    "read-views-of-change",
    "read-views-that-name",
];

/// The cases of a flow, from what an undisturbed run did. `met` is what the flows before it in its circle had.
pub fn cases(
    circle: &Circle,
    index: usize,
    statements: &[Sighting],
    writes: &[Sighting],
    steps: &[Sighting],
    met: &mut BTreeSet<String>,
) -> Vec<Case> {
    let flow = &circle.flows[index];
    let mut cases = Vec::new();
    if flow.coverage == Coverage::Logins {
        let of = |step: &Sighting| faults(step).into_iter().map(|it| (step.clone(), it)).collect::<Vec<_>>();
        let all = steps.iter().flat_map(of);
        return all.map(|(sighting, disturbance)| Case { sighting, disturbance }).collect();
    }
    let (look_ups, changes): (Vec<_>, Vec<_>) =
        statements.iter().chain(writes).partition(|sighting| sighting.is_look_up);
    for (at, sighting) in changes.into_iter().enumerate() {
        let faults = faults(sighting);
        let common = faults.iter().filter(|fault| **fault != USERS_STAY).count();
        let is_due = |fault: usize| match flow.coverage {
            Coverage::Every | Coverage::Logins => true,
            Coverage::RotatingBut(name) if sighting.name == name => true,
            Coverage::EveryOther(first) => (at + fault) % 2 == first,
            // Which users and roles there are is what flows differ in.
            Coverage::Rotating | Coverage::RotatingBut(_) if faults[fault] == USERS_STAY => true,
            Coverage::EveryNew if !met.contains(&sighting.name) => true,
            Coverage::Rotating | Coverage::RotatingBut(_) | Coverage::EveryNew => {
                fault == (turn(sighting, circle, index) + at) % common
            }
        };
        let due = (0..faults.len()).filter(|fault| is_due(*fault));
        cases.extend(due.map(|fault| Case { sighting: sighting.clone(), disturbance: faults[fault] }));
    }
    let mut by_name: BTreeMap<&str, Vec<&Sighting>> = BTreeMap::new();
    for sighting in look_ups {
        by_name.entry(&sighting.name).or_default().push(sighting);
    }
    for (name, sightings) in by_name {
        let is_common = IN_EVERY_PASS.contains(&name);
        if is_common && index > 0 || OF_VIEWS.contains(&name) && met.contains(name) {
            continue;
        }
        let number = circle.number + index * OF_STATEMENTS.len() / 2;
        // What only deletions look up comes in few flows.
        let times = if matches!(flow.begin, Begin::Delete | Begin::DeleteConfirmed) && !is_common { 2 } else { 1 };
        let (times, step) =
            if OF_VIEWS.contains(&name) { (OF_STATEMENTS.len(), 1) } else { (times, OF_STATEMENTS.len() / 2) };
        for turn in (number..).step_by(step).take(times) {
            let disturbance = OF_STATEMENTS[(start_of(name) + turn) % OF_STATEMENTS.len()];
            cases.push(Case { sighting: sightings[turn % sightings.len()].clone(), disturbance });
        }
    }
    met.extend(statements.iter().chain(writes).map(|sighting| sighting.name.clone()));
    cases.retain(|case| exclusions::reason(&case.sighting, case.disturbance).is_none());
    cases
}

/// All that can happen to a statement or a write.
pub fn faults(sighting: &Sighting) -> Vec<Disturbance> {
    if sighting.step.is_some() {
        return OF_LOGINS.to_vec();
    }
    if sighting.is_write {
        return OF_WRITES.to_vec();
    }
    OF_STATEMENTS.into_iter().chain(sighting.is_behind_users.then_some(USERS_STAY)).collect()
}

fn turn(sighting: &Sighting, circle: &Circle, index: usize) -> usize {
    start_of(&sighting.name) + circle.number * circle.flows.len() + index
}

/// Where the rotation of a name begins: elsewhere for each, so that none of the faults falls on a flow's
/// first statements alone.
fn start_of(name: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    usize::try_from(hasher.finish() % 1_000).unwrap()
}
