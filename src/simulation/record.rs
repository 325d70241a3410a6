//! What reaches the warehouse, in its order, and what the model says to it: for whoever does the same to
//! another warehouse.

use super::others::Deed;
use super::warehouse::{LoginError, Warehouse};
use crate::scripts::Statement;

/// Something that reached the warehouse, or a look at it.
#[derive(Clone, Debug)]
pub enum Step {
    LoggedIn { connection: u32, user: String, password: String, database: String, outcome: Result<(), LoginError> },
    Executed { connection: u32, statement: Statement, outcome: Result<(), String> },
    Closed { connection: u32 },
    Others { deed: Deed, before: Box<Warehouse>, after: Box<Warehouse> },
    Looked(Box<Warehouse>),
}

/// The steps of a run, where somebody wants them. No part of the world's state.
#[derive(Clone, Debug, Default)]
pub struct Record {
    steps: Option<Vec<Step>>,
    connections: u32,
}

impl PartialEq for Record {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Record {
    /// One that holds what comes.
    pub fn begun() -> Self {
        Self { steps: Some(Vec::new()), connections: 0 }
    }

    pub fn is_wanted(&self) -> bool {
        self.steps.is_some()
    }

    pub fn add(&mut self, step: impl FnOnce() -> Step) {
        if let Some(steps) = &mut self.steps {
            steps.push(step());
        }
    }

    pub fn take_connection(&mut self) -> u32 {
        self.connections += 1;
        self.connections
    }

    pub fn take(&mut self) -> Vec<Step> {
        self.steps.take().unwrap_or_default()
    }
}
