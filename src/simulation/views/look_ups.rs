//! What the look-ups of views and profiles find.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::super::rows::{Reader, row};
use super::super::statements::{identifier, literal};
use super::super::warehouse::{Kind, Object};
use crate::ports::{Row, Rows};
use crate::scripts::{Statement, hex};

fn many<'a>(columns: impl IntoIterator<Item = &'a str>) -> Row {
    let mut rows = Rows::default();
    rows.push(columns);
    rows.into_rows().remove(0)
}

fn sha2(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// The texts of the list behind a word.
fn listed(text: &str, behind: &str) -> Vec<String> {
    let list = text.split_once(behind).map(|(_, rest)| rest).unwrap_or_default();
    list.split(')').next().unwrap_or_default().split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

impl Reader<'_> {
    /// Answers a look-up of views or profiles; nothing if it is none.
    pub fn of_views(&self, statement: &Statement) -> Option<Result<Vec<Row>, String>> {
        let text = statement.text();
        let answer = match statement.name() {
            "read-data-sources" => self.data_sources(),
            "read-profiles" => self.profiles(),
            "read-entitlement-sums" => self.sums(),
            "read-table-columns" => Ok(self.table_columns(text)),
            "read-views" => Ok(self.relations(&listed(text, "n.nspname IN ("), None)),
            "read-views-of-change" => {
                Ok(self.relations(&listed(text, "n.nspname IN ("), Some(&listed(text, "c.relname IN ("))))
            }
            "read-view-text" => self.text(&identifier(text, 0), &identifier(text, 1)),
            "read-views-that-name" => Ok(self.views_that_name(&literal(text, 0))),
            _ => return None,
        };
        Some(answer)
    }

    fn data_sources(&self) -> Result<Vec<Row>, String> {
        self.private("registry")?;
        self.private("data_source")?;
        let Some(registry) = &self.here().registry else { return Ok(Vec::new()) };
        let (counter, version) = (registry.fencing_counter.to_string(), registry.schema_version.to_string());
        let first = [registry.integration_uid.as_str(), registry.state.as_str(), &counter, &version];
        let sources = &self.here().policy.sources;
        if sources.is_empty() {
            return Ok(vec![many(first)]);
        }
        Ok(sources.iter().map(|source| many(first.into_iter().chain(source.iter().map(String::as_str)))).collect())
    }

    fn profiles(&self) -> Result<Vec<Row>, String> {
        self.private("profile")?;
        self.private("entitlement")?;
        let policy = &self.here().policy;
        let rows = policy.profiles.iter().flat_map(|[user, groups, attributes]| {
            let digests = (sha2(groups), sha2(attributes));
            let is_mark = |row: &&[String; 4]| row[0] == *user && row[1] == "u" && row[3] == *user;
            let marks: Vec<_> = policy.entitlements.iter().filter(is_mark).collect();
            if marks.is_empty() {
                return vec![row([user, &digests.0, &digests.1, "0", ""])];
            }
            marks.into_iter().map(|mark| row([user, &digests.0, &digests.1, "1", &mark[2]])).collect()
        });
        Ok(rows.collect())
    }

    fn sums(&self) -> Result<Vec<Row>, String> {
        self.private("entitlement")?;
        let mut sums: BTreeMap<&str, (u32, i64)> = BTreeMap::new();
        for [user, kind, name, value] in &self.here().policy.entitlements {
            let name = if kind == "u" { "" } else { name };
            let digest = sha2(&format!("{}{value}", sha2(&format!("{kind}{name}"))));
            let (rows, sum) = sums.entry(user).or_default();
            *rows += 1;
            *sum += i64::from_str_radix(&digest[..8], 16).unwrap();
        }
        Ok(sums.iter().map(|(user, (rows, sum))| row([user, &rows.to_string(), &sum.to_string()])).collect())
    }

    fn table_columns(&self, text: &str) -> Vec<Row> {
        let database = literal(text, 0);
        let (schemas, names) = (listed(text, "c.schema_name IN ("), listed(text, "c.table_name IN ("));
        let meant = self.warehouse.tables.iter().filter(|((of, schema, name), table)| {
            *of == database && schemas.contains(schema) && names.contains(name) && table.is_readable
        });
        let rows = meant.flat_map(|((_, schema, name), table)| {
            table.columns.iter().zip(1_u8..).map(move |((column, kind), at)| {
                let length = if *kind == "character varying" { "256" } else { "" };
                row([schema, name, "TABLE", column, &at.to_string(), kind, length, "", ""])
            })
        });
        rows.collect()
    }

    /// What is in some schemas; of them all, each schema has a row at least.
    fn relations(&self, schemas: &[String], names: Option<&[String]>) -> Vec<Row> {
        let owner = |object: &Object| self.warehouse.name_of(object.owner).unwrap_or_default().to_owned();
        let mut rows = Vec::new();
        let is_meant = |schema: &String, name: &String| schemas.contains(schema) && name.is_empty();
        for ((schema, _), object) in self.here().objects.iter().filter(|((schema, name), _)| is_meant(schema, name)) {
            let first = [schema.clone(), owner(object), self.acl(object)];
            let inside = self.here().objects.iter().filter(|((its, name), it)| {
                its == schema
                    && it.kind != Kind::Routine
                    && !name.is_empty()
                    && names.is_none_or(|names| names.contains(name))
            });
            let before = rows.len();
            for ((_, name), relation) in inside {
                let kind = if relation.kind == Kind::Relation { "r" } else { "v" };
                let [schema, by, acl] = &first;
                rows.push(row([schema, by, acl, name, kind, &owner(relation), &self.acl(relation)]));
            }
            if rows.len() == before && names.is_none() {
                let [schema, by, acl] = &first;
                rows.push(row([schema, by, acl, "", "", "", ""]));
            }
        }
        rows
    }

    fn views_that_name(&self, name: &str) -> Vec<Row> {
        let views = self.here().objects.iter().filter(|(_, it)| it.kind == Kind::View && it.text.contains(name));
        views.map(|((schema, name), it)| row([schema, name, &it.text])).collect()
    }

    /// Views whose text speaks of what an integration sets up.
    pub fn views_that_speak_of_us(&self) -> impl Iterator<Item = Row> {
        let views = self.here().objects.iter().filter(|(_, it)| it.kind == Kind::View && it.text.contains("immuta_"));
        views.map(|((schema, name), it)| row([schema, name, &it.text]))
    }
}
