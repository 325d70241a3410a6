//! Names: how long, of what characters, and which words are none.

use super::super::tokens::Kind;
use super::{Refusal, SYNTAX, Statement, UNSUPPORTED};

/// Words that can't be names unless quoted. <https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html>
const RESERVED: &[&str] = &[
    "AES128",
    "AES256",
    "ALL",
    "ALLOWOVERWRITE",
    "ANALYSE",
    "ANALYZE",
    "AND",
    "ANY",
    "ARRAY",
    "AS",
    "ASC",
    "AUTHORIZATION",
    "BACKUP",
    "BETWEEN",
    "BINARY",
    "BOTH",
    "CASE",
    "CAST",
    "CHECK",
    "COLLATE",
    "COLUMN",
    "CONSTRAINT",
    "CREATE",
    "CROSS",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "DEFAULT",
    "DEFERRABLE",
    "DESC",
    "DISABLE",
    "DISTINCT",
    "DO",
    "ELSE",
    "ENABLE",
    "ENCODE",
    "ENCRYPT",
    "END",
    "EXCEPT",
    "EXPLICIT",
    "FALSE",
    "FOR",
    "FOREIGN",
    "FREEZE",
    "FROM",
    "FULL",
    "GRANT",
    "GROUP",
    "HAVING",
    "IDENTITY",
    "IGNORE",
    "ILIKE",
    "IN",
    "INITIALLY",
    "INNER",
    "INTERSECT",
    "INTO",
    "IS",
    "ISNULL",
    "JOIN",
    "LANGUAGE",
    "LEADING",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "MINUS",
    "NATURAL",
    "NEW",
    "NOT",
    "NOTNULL",
    "NULL",
    "OFF",
    "OFFLINE",
    "OFFSET",
    "OLD",
    "ON",
    "ONLY",
    "OPEN",
    "OR",
    "ORDER",
    "OUTER",
    "OVERLAPS",
    "PARALLEL",
    "PARTITION",
    "PERCENT",
    "PRIMARY",
    "RAW",
    "REFERENCES",
    "RIGHT",
    "SELECT",
    "SESSION_USER",
    "SIMILAR",
    "SNAPSHOT",
    "SOME",
    "SYSDATE",
    "SYSTEM",
    "TABLE",
    "TAG",
    "THEN",
    "TO",
    "TOP",
    "TRAILING",
    "TRUE",
    "UNION",
    "UNIQUE",
    "USER",
    "USING",
    "VERBOSE",
    "WHEN",
    "WHERE",
    "WITH",
    "WITHOUT",
];

/// `E'…'` is a type name followed by a literal, and there is no such type.
pub(super) fn escapes(statement: &Statement<'_>) -> Option<Refusal> {
    statement
        .tokens
        .windows(2)
        .find(|pair| pair[0].is("E") && pair[1].kind == Kind::Text && pair[0].span.end == pair[1].span.start)
        .map(|_| Refusal::new("42704", "type \"e\" does not exist", "r_CHAR_and_VARCHAR"))
}

pub(super) fn names(statement: &Statement<'_>) -> Option<Refusal> {
    for token in &statement.tokens {
        if let Some(name) = token.name() {
            if name.len() > 127 {
                return Some(Refusal::new(
                    "42622",
                    format!("identifier \"{name}\" is longer than 127 bytes"),
                    "r_names",
                ));
            }
            if name.len() > 63 {
                // PostgreSQL would cut it with no more than a notice. That isn't Redshift's answer, but
                // a limit of the stand-in's, and one that must be loud.
                return Some(Refusal::new(
                    UNSUPPORTED,
                    format!("the stand-in can't hold the name \"{name}\": more than 63 bytes"),
                    "r_names",
                ));
            }
            if token.kind == Kind::Quoted && (name.is_empty() || name.chars().any(char::is_control)) {
                return Some(Refusal::new("42602", "invalid name: only printable characters", "r_names"));
            }
        }
    }
    let created = match statement.tokens.get(..3)? {
        [verb, kind, name]
            if verb.is("CREATE")
                && ["DATABASE", "USER", "ROLE", "GROUP", "SCHEMA", "TABLE", "VIEW"].iter().any(|k| kind.is(k)) =>
        {
            name
        }
        _ => return None,
    };
    if created.kind == Kind::Word && RESERVED.contains(&created.text.as_str()) && !created.is("IF") {
        return Some(Refusal::new(SYNTAX, format!("syntax error at or near \"{}\"", created.text), "r_pg_keywords"));
    }
    None
}
