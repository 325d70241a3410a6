//! A plan as a script: what would be run, in which order, on which connection, statement by statement. It is the planner's
//! word, so that what a person reads is what the operator runs.

use super::{Connection, Operation, Plan, Subject};
use crate::scripts::{Parameters, RenderError, Statement, statements};

/// Statements that follow each other on one connection.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where they are run.
    pub on: Connection,
    /// What is run.
    pub statements: Vec<Statement>,
}

impl Plan {
    /// The plan as a script, as far as it is about the connections that are `wanted`. Writes to Kubernetes, and privileges that
    /// others gave, are no part of it.
    ///
    /// # Errors
    ///
    /// If a value is missing, or can't stand in SQL.
    pub fn transcript(
        &self,
        wanted: impl Fn(Connection) -> bool,
        parameters: impl Fn(&Subject) -> Parameters,
    ) -> Result<Vec<Part>, RenderError> {
        let mut parts: Vec<Part> = Vec::new();
        for operation in &self.operations {
            let Operation::Run(on, section, subject) = operation else { continue };
            if !wanted(*on) {
                continue;
            }
            let rendered = statements(*section, &parameters(subject))?;
            match parts.last_mut().filter(|part| part.on == *on) {
                Some(part) => part.statements.extend(rendered),
                None => parts.push(Part { on: *on, statements: rendered }),
            }
        }
        Ok(parts)
    }
}
