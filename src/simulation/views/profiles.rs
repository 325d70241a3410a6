//! How profiles are written: what comes into tables of a session first, and what becomes of it.

use std::collections::BTreeSet;

use super::super::statements::refuse;
use super::Policy;

/// A row of the session's table: user, kind, name, value.
type Row = [String; 4];

/// The tables of a session.
#[derive(Clone, Debug, Default)]
pub struct Temporary {
    incoming: Option<Vec<Row>>,
    kept: Option<Vec<Row>>,
}

/// Whether a statement reads or writes the tables of a session.
pub fn is_of_profiles(name: &str) -> bool {
    matches!(
        name,
        "create-incoming"
            | "write-incoming"
            | "create-incoming-kept"
            | "delete-entitlements-but-for-kept"
            | "write-kept-entitlements"
            | "delete-profiles-but-for-kept"
            | "write-kept-profiles"
            | "delete-entitlements"
            | "write-entitlements"
            | "delete-profiles"
            | "write-profiles"
    )
}

/// All literals of a statement. None of ours holds a quote.
fn literals(text: &str) -> Vec<String> {
    text.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

impl Temporary {
    /// Executes a statement.
    pub fn change(&mut self, policy: &mut Policy, name: &str, text: &str) -> Result<(), String> {
        if name == "create-incoming" {
            refuse(self.incoming.is_none(), "42P07: relation \"incoming\" already exists")?;
            self.incoming = Some(Vec::new());
            return Ok(());
        }
        let incoming = self.incoming.as_mut().ok_or("42P01: relation \"incoming\" does not exist")?;
        let users: BTreeSet<_> = incoming.iter().filter(|row| row[1] == "x").map(|row| row[0].clone()).collect();
        match name {
            "write-incoming" => {
                incoming.extend(literals(text).chunks_exact(4).map(|row| Row::try_from(row.to_vec()).unwrap()));
            }
            "create-incoming-kept" => {
                refuse(self.kept.is_none(), "42P07: relation \"incoming_kept\" already exists")?;
                let kept = policy.entitlements.iter().flat_map(|row| {
                    // As the join has it: once for each row that fits.
                    let is_same = |it: &&Row| [0, 1, 3].iter().all(|n| it[*n] == row[*n]);
                    let name_counts = !(text.contains("e.kind = 'u' OR e.name = i.name") && row[1] == "u");
                    incoming
                        .iter()
                        .filter(is_same)
                        .filter(move |it| !name_counts || it[2] == row[2])
                        .map(|_| row.clone())
                });
                self.kept = Some(kept.collect());
            }
            "delete-entitlements-but-for-kept" | "delete-entitlements" => {
                policy.entitlements.retain(|row| !users.contains(&row[0]));
            }
            "delete-profiles-but-for-kept" | "delete-profiles" => {
                policy.profiles.retain(|row| !users.contains(&row[0]));
            }
            "write-entitlements" => {
                let rows = incoming.iter().filter(|row| ["u", "g", "a"].contains(&row[1].as_str()));
                policy.entitlements.extend(rows.cloned());
            }
            "write-profiles" => {
                let of = |kind: &'static str| incoming.iter().filter(move |row| row[1] == kind);
                let both = of("G").flat_map(|groups| {
                    of("A")
                        .filter(|attributes| attributes[0] == groups[0])
                        .map(move |attributes| [groups[0].clone(), groups[3].clone(), attributes[3].clone()])
                });
                policy.profiles.extend(both);
            }
            _ => {
                let kept = self.kept.as_ref().ok_or("42P01: relation \"incoming_kept\" does not exist")?;
                if name == "write-kept-entitlements" {
                    policy.entitlements.extend(kept.iter().cloned());
                } else {
                    let users = kept.iter().filter(|row| row[1] == "u").map(|row| row[0].clone());
                    policy.profiles.extend(users.map(|user| [user, "[]".to_owned(), "{}".to_owned()]));
                }
            }
        }
        Ok(())
    }
}
