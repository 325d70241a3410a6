//! A table, as the catalogue shows it.

use std::fmt;

/// What kind of relation it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TableKind {
    /// A table or view of the warehouse's own.
    Local,
    /// Something else, by the catalogue's word: an external table, or one of a datashare.
    Other(String),
}

impl TableKind {
    /// By `table_type` of `svv_all_tables`. <https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ALL_TABLES.html>
    #[must_use]
    pub fn named(table_type: &str) -> Self {
        let word = table_type.to_ascii_uppercase();
        if word.contains("EXTERNAL") || word.contains("SHARED") {
            Self::Other(table_type.to_lowercase())
        } else {
            Self::Local
        }
    }
}

/// The type of a column, as the warehouse writes it with its length: `character varying(256)`, `numeric(12,2)`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ColumnType {
    name: String,
    arguments: Option<String>,
}

/// Types for which a NULL can be written, by their names in the catalogue.
const KNOWN: [&str; 13] = [
    "smallint",
    "integer",
    "bigint",
    "numeric",
    "real",
    "double precision",
    "boolean",
    "character",
    "character varying",
    "date",
    "timestamp without time zone",
    "timestamp with time zone",
    "time without time zone",
];

impl ColumnType {
    /// Of what `svv_all_columns` says. <https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ALL_COLUMNS.html>
    #[must_use]
    pub fn new(data_type: &str, length: &str, precision: &str, scale: &str) -> Self {
        let name = canonical(data_type.split('(').next().unwrap_or(data_type));
        let arguments = match name.as_str() {
            "character" | "character varying" if !length.is_empty() => Some(length.to_owned()),
            "numeric" if !precision.is_empty() => {
                Some(format!("{precision},{}", if scale.is_empty() { "0" } else { scale }))
            }
            _ => None,
        };
        Self { name, arguments }
    }

    /// Of what a person has written.
    #[must_use]
    pub fn written(text: &str) -> Self {
        let (name, rest) = text.split_once('(').unwrap_or((text, ""));
        let (arguments, behind) = rest.split_once(')').unwrap_or((rest, ""));
        let arguments: String = arguments.chars().filter(|character| !character.is_whitespace()).collect();
        let name = canonical(&format!("{name} {behind}"));
        // A scale that isn't written is 0.
        let arguments = if name == "numeric" && !arguments.is_empty() && !arguments.contains(',') {
            format!("{arguments},0")
        } else {
            arguments
        };
        Self { name, arguments: (!arguments.is_empty()).then_some(arguments) }
    }

    /// A type that a NULL can be written for.
    #[must_use]
    pub fn is_known(&self) -> bool {
        let needs_length = matches!(self.name.as_str(), "character" | "character varying" | "numeric");
        KNOWN.contains(&self.name.as_str()) && (self.arguments.is_some() || !needs_length)
    }
}

/// As the catalogue has it.
fn canonical(name: &str) -> String {
    let words: Vec<_> = name.split_whitespace().map(str::to_lowercase).collect();
    match words.join(" ").as_str() {
        "int2" => "smallint",
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "decimal" => "numeric",
        "float4" => "real",
        "float" | "float8" => "double precision",
        "bool" => "boolean",
        "char" | "nchar" | "bpchar" => "character",
        "varchar" | "nvarchar" | "text" => "character varying",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        "time" => "time without time zone",
        "timetz" => "time with time zone",
        other => return other.to_owned(),
    }
    .to_owned()
}

impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.arguments {
            Some(arguments) => write!(formatter, "{}({arguments})", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
}

/// A table, as the catalogue shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Table {
    /// What kind of relation it is.
    pub kind: TableKind,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_the_same_however_it_is_written() {
        for (written, data_type, length, precision, scale) in [
            ("varchar(256)", "character varying", "256", "", ""),
            ("CHARACTER  VARYING (256)", "character varying", "256", "", ""),
            ("char(2)", "character", "2", "", ""),
            ("decimal(12, 2)", "numeric", "", "12", "2"),
            ("numeric(12)", "numeric", "", "12", "0"),
            ("int", "integer", "", "32", "0"),
            ("timestamptz", "timestamp with time zone", "", "", ""),
            ("timestamp", "timestamp without time zone", "", "", ""),
            ("bool", "boolean", "", "", ""),
            ("super", "super", "", "", ""),
        ] {
            assert_eq!(ColumnType::written(written), ColumnType::new(data_type, length, precision, scale), "{written}");
        }
        assert_ne!(ColumnType::written("varchar(255)"), ColumnType::new("character varying", "256", "", ""));
    }

    #[test]
    fn a_null_is_written_for_types_that_are_known() {
        for (kind, known) in [
            (ColumnType::new("integer", "", "32", "0"), true),
            (ColumnType::new("character varying", "256", "", ""), true),
            (ColumnType::new("character varying", "", "", ""), false),
            (ColumnType::new("super", "", "", ""), false),
            (ColumnType::new("geometry", "", "", ""), false),
        ] {
            assert_eq!(kind.is_known(), known, "{kind}");
        }
    }

    #[test]
    fn what_is_not_in_the_warehouse_itself_is_told_apart() {
        assert_eq!(TableKind::named("TABLE"), TableKind::Local);
        assert_eq!(TableKind::named("VIEW"), TableKind::Local);
        assert_eq!(TableKind::named("EXTERNAL TABLE"), TableKind::Other("external table".to_owned()));
        assert_eq!(TableKind::named("SHARED TABLE"), TableKind::Other("shared table".to_owned()));
    }
}
