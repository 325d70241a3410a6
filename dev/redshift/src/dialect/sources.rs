//! Where a query reads from.

use std::ops::Range;

use super::tokens::Token;
use super::{Statement, is_name};

/// `PostgreSQL` 8.0's catalogues, and Redshift's own of that kind. <https://docs.aws.amazon.com/redshift/latest/dg/c_join_PG.html>
#[rustfmt::skip]
const CATALOGUES: &[&str] = &[
    "pg_aggregate", "pg_am", "pg_amop", "pg_amproc", "pg_attrdef", "pg_attribute", "pg_attribute_info", "pg_cast", "pg_class",
    "pg_class_info", "pg_conf", "pg_constraint", "pg_conversion", "pg_database", "pg_database_info", "pg_default_acl", "pg_depend",
    "pg_description", "pg_external_schema", "pg_group", "pg_index", "pg_indexes", "pg_inherits", "pg_language",
    "pg_largeobject", "pg_library", "pg_listener", "pg_locks", "pg_namespace", "pg_opclass", "pg_operator", "pg_proc",
    "pg_proc_info", "pg_rewrite", "pg_rules", "pg_settings", "pg_shadow", "pg_stat_activity", "pg_stat_all_tables",
    "pg_stat_database", "pg_statistic", "pg_statistic_indicator", "pg_stats", "pg_table_def", "pg_tables", "pg_tablespace",
    "pg_trigger", "pg_type", "pg_user", "pg_user_info", "pg_views",
];

/// Views of `information_schema` that `PostgreSQL` 8.0 has.
#[rustfmt::skip]
const INFORMATION: &[&str] = &[
    "applicable_roles", "check_constraints", "column_domain_usage", "column_privileges", "column_udt_usage", "columns",
    "constraint_column_usage", "constraint_table_usage", "data_type_privileges", "element_types", "enabled_roles",
    "information_schema_catalog_name", "key_column_usage", "parameters", "referential_constraints", "role_column_grants",
    "role_routine_grants", "role_table_grants", "role_usage_grants", "routine_privileges", "routines", "schemata",
    "sql_features", "sql_implementation_info", "sql_languages", "sql_packages", "sql_sizing", "table_constraints",
    "table_privileges", "tables", "triggers", "usage_privileges", "view_column_usage", "view_table_usage", "views",
];

/// A relation that stands behind FROM, JOIN or a comma between relations.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Source {
    pub database: Option<String>,
    pub schema: Option<String>,
    pub name: String,
    /// The tokens of its name.
    pub tokens: Range<usize>,
}

impl Source {
    /// Whether it is read on compute nodes: a user's table or a system view, not a catalogue of
    /// `PostgreSQL`'s. <https://docs.aws.amazon.com/redshift/latest/dg/c_join_PG.html>
    pub(super) fn is_on_compute_nodes(&self) -> bool {
        !self.is_catalogue()
    }

    /// Whether it is called as a system table or view is. Of others' tables names begin with `sys_` too.
    /// <https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html>
    pub(super) fn is_systems(&self) -> bool {
        const PREFIXES: [&str; 6] = ["stl_", "stv_", "svl_", "svcs_", "svv_", "stcs_"];
        self.schema.as_deref().is_none_or(|schema| schema == "pg_catalog")
            && PREFIXES.iter().any(|prefix| self.name.starts_with(prefix))
    }

    pub(super) fn is_catalogue(&self) -> bool {
        let is_in_information_schema = self.schema.as_deref() == Some("information_schema");
        // A user's schema may hold a table of any name.
        let is_in_catalogue = self.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
        is_in_information_schema || (is_in_catalogue && self.name.starts_with("pg_"))
    }

    /// Whether Redshift has it, as far as the name tells: what `PostgreSQL` has added since 8.0 is nothing to it.
    pub(super) fn is_known(&self) -> bool {
        if self.name.starts_with("rdsdb_") {
            return false;
        }
        let list = if self.schema.as_deref() == Some("information_schema") { INFORMATION } else { CATALOGUES };
        !self.is_catalogue() || list.contains(&self.name.as_str())
    }
}

/// How many parentheses are open at each token.
pub(super) fn depths(statement: &Statement<'_>) -> Vec<usize> {
    let mut depth = 0_usize;
    statement
        .tokens
        .iter()
        .map(|token| {
            if token.is(")") {
                depth = depth.saturating_sub(1);
            }
            let here = depth;
            if token.is("(") {
                depth += 1;
            }
            here
        })
        .collect()
}

/// The FROM that ends the select list of the outermost query.
pub(super) fn first_from(statement: &Statement<'_>, depths: &[usize]) -> Option<usize> {
    (0..statement.tokens.len()).find(|at| depths[*at] == 0 && statement.tokens[*at].is("FROM"))
}

/// The FROM of `EXTRACT(year FROM x)` and its kind, and of `IS DISTINCT FROM`.
fn is_part_of_an_expression(statement: &Statement<'_>, at: usize, depths: &[usize]) -> bool {
    let tokens = &statement.tokens;
    if at > 0 && tokens[at - 1].is("DISTINCT") {
        return true;
    }
    let Some(depth) = depths[at].checked_sub(1) else { return false };
    let Some(open) = (0..at).rev().find(|before| tokens[*before].is("(") && depths[*before] == depth) else {
        return false;
    };
    let is_function =
        |token: &Token| ["EXTRACT", "TRIM", "SUBSTRING", "OVERLAY", "POSITION"].iter().any(|word| token.is(word));
    open > 0 && is_function(&tokens[open - 1]) && !tokens[open..at].iter().any(|token| token.is("SELECT"))
}

/// All relations that a statement reads from, queries inside it included; not what WITH names.
pub(super) fn sources(statement: &Statement<'_>) -> Vec<Source> {
    let tokens = &statement.tokens;
    let named_by_with: Vec<_> = (0..tokens.len())
        .filter(|at| {
            tokens.get(at + 1).is_some_and(|next| next.is("AS")) && tokens.get(at + 2).is_some_and(|next| next.is("("))
        })
        .filter_map(|at| tokens[at].name())
        .collect();
    let starts = starts_of_sources(statement);
    let mut found: Vec<_> = starts.into_iter().filter_map(|start| source(tokens, start)).collect();
    found.retain(|source| source.schema.is_some() || !named_by_with.contains(&source.name));
    found
}

/// Where relations and queries stand that are read from.
pub(super) fn starts_of_sources(statement: &Statement<'_>) -> Vec<usize> {
    let tokens = &statement.tokens;
    let depths = depths(statement);
    let verb = statement.verb();
    let mut starts = Vec::new();
    for at in 0..tokens.len() {
        let from = tokens[at].is("FROM") && !is_part_of_an_expression(statement, at, &depths);
        // DG/r_DELETE, DG/r_MERGE. That of a join has its columns behind it.
        let using = tokens[at].is("USING") && ["DELETE", "MERGE"].iter().any(|word| statement.is(verb, word));
        if from || using || tokens[at].is("JOIN") {
            starts.push(at + 1);
        }
        if from || using {
            let further: Vec<_> =
                listed(tokens, &depths, at).into_iter().filter(|start| !starts.contains(start)).collect();
            starts.extend(further);
        }
    }
    starts
}

/// Where further relations of a FROM start, behind commas.
fn listed(tokens: &[Token], depths: &[usize], from: usize) -> Vec<usize> {
    const ENDS: [&str; 11] =
        ["WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "EXCEPT", "MINUS", "INTERSECT", "QUALIFY", ";"];
    (from + 1..tokens.len())
        .take_while(|at| {
            depths[*at] > depths[from] || (depths[*at] == depths[from] && !ENDS.iter().any(|word| tokens[*at].is(word)))
        })
        .filter(|at| depths[*at] == depths[from] && tokens[*at].is(","))
        .map(|at| at + 1)
        .collect()
}

fn source(tokens: &[Token], start: usize) -> Option<Source> {
    let mut parts = Vec::new();
    let mut at = start;
    loop {
        let token = tokens.get(at).filter(|token| is_name(token))?;
        if parts.is_empty() && (token.is("SELECT") || token.is("LATERAL") || token.is("VALUES")) {
            return None;
        }
        parts.extend(token.name());
        if tokens.get(at + 1).is_some_and(|next| next.is(".")) {
            at += 2;
        } else {
            break;
        }
    }
    // A function that gives rows is no relation.
    if tokens.get(at + 1).is_some_and(|next| next.is("(")) {
        return None;
    }
    let name = parts.pop()?;
    Some(Source { schema: parts.pop(), database: parts.pop(), name, tokens: start..at + 1 })
}

#[cfg(test)]
mod tests {
    use super::super::grammar::Parsed;
    use super::super::tokens::read;
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let statement = Statement { text, tokens: read(text).unwrap_or_default(), parsed: Parsed::default() };
        sources(&statement)
            .into_iter()
            .map(|source| source.schema.map_or(source.name.clone(), |schema| format!("{schema}.{}", source.name)))
            .collect()
    }

    #[test]
    fn every_relation_is_found_and_nothing_else() {
        for (text, expected) in [
            ("SELECT 1 FROM a", &["a"][..]),
            ("SELECT 1 FROM s.a x, \"B\" y JOIN d.s.c ON x.i = y.i WHERE x.j IN (1, 2)", &["s.a", "B", "s.c"]),
            ("SELECT extract(day FROM b), trim(both FROM c) FROM a", &["a"]),
            ("SELECT (SELECT 1 FROM b) FROM (SELECT 1 FROM c) d", &["b", "c"]),
            ("WITH x AS (SELECT 1 FROM a) SELECT 1 FROM x", &["a"]),
            ("SELECT 1 FROM f(1)", &[]),
            ("DELETE FROM a USING s.b, c JOIN d USING (i) WHERE a.i = b.i", &["a", "s.b", "c", "d"]),
        ] {
            let mut found = of(text);
            found.sort();
            let mut expected: Vec<_> = expected.iter().map(|name| (*name).to_owned()).collect();
            expected.sort();
            assert_eq!(found, expected, "{text}");
        }
    }
}
