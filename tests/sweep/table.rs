//! The table of what was run, by flow and fault.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use super::disturbances::Disturbance;

/// Cases, and those that converged.
#[derive(Clone, Copy, Default)]
struct Counts {
    cases: u64,
    converged: u64,
}

/// Of each flow and disturbance.
#[derive(Default)]
pub struct Table(BTreeMap<(&'static str, Disturbance), Counts>);

impl Table {
    /// Adds one case.
    pub fn add(&mut self, flow: &'static str, disturbance: Disturbance, converged: bool) {
        let counts = self.0.entry((flow, disturbance)).or_default();
        counts.cases += 1;
        counts.converged += u64::from(converged);
    }

    /// Adds all of another table.
    pub fn merge(&mut self, other: &Self) {
        for (key, more) in &other.0 {
            let counts = self.0.entry(*key).or_default();
            counts.cases += more.cases;
            counts.converged += more.converged;
        }
    }

    /// Prints it, and leaves it in the folder in which the environment gathers those of all parts.
    pub fn publish(&self) {
        let (mut total, mut lines) = (Counts::default(), String::new());
        println!("{:58} | {:38} | cases | converged", "flow", "fault");
        for ((flow, disturbance), Counts { cases, converged }) in &self.0 {
            let fault = disturbance.label();
            println!("{flow:58} | {fault:38} | {cases:5} | {converged:9}");
            writeln!(lines, "{flow}\t{fault}\t{cases}\t{converged}").unwrap();
            total.cases += cases;
            total.converged += converged;
        }
        println!("{:58} | {:38} | {:5} | {:9}", "all", "", total.cases, total.converged);
        if let Ok(folder) = std::env::var("TEST_SWEEP_TABLES") {
            let mut file = tempfile::Builder::new().prefix("part-").suffix(".tsv").tempfile_in(folder).unwrap();
            file.write_all(lines.as_bytes()).unwrap();
            file.keep().unwrap();
        }
    }
}
