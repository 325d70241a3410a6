//! Types. <https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html>

use std::sync::LazyLock;

use super::reader::{Item, read};

/// Those that a column may have.
const COLUMNS: &[&str] = &[
    "{SMALLINT|INT2|INTEGER|INT|INT4|BIGINT|INT8|REAL|FLOAT4|FLOAT8|BOOLEAN|BOOL|DATE|SUPER|DATETIME|TEXT}",
    "{DECIMAL|DEC|NUMERIC|FLOAT} [<block>]",
    "DOUBLE PRECISION",
    "{CHARACTER|CHAR|NATIONAL CHARACTER} VARYING [<block>]",
    "{CHARACTER|CHAR|NCHAR|BPCHAR|VARCHAR|NVARCHAR} [<block>]",
    "{TIMESTAMP|TIME} {WITHOUT|WITH} TIME ZONE",
    "{TIMESTAMP|TIMESTAMPTZ|TIME|TIMETZ}",
    "{VARBYTE|VARBINARY|BINARY VARYING} [<block>]",
    "{GEOMETRY|GEOGRAPHY|HLLSKETCH}",
    "INTERVAL {YEAR|MONTH|DAY|HOUR|MINUTE|SECOND} [<block>] [TO {MONTH|HOUR|MINUTE|SECOND} [<block>]]",
];

/// Those that the leader node knows besides, which the guide's samples and AWS's tools cast to.
/// <https://docs.aws.amazon.com/redshift/latest/dg/c_join_PG.html>
const CASTS: &[&str] =
    &["{REFCURSOR|NAME|OID|REGCLASS|REGPROC|REGPROCEDURE|REGTYPE|INTERVAL|ABSTIME|ACLITEM|CSTRING|XID|TID|UNKNOWN}"];

/// What columns may have.
pub(super) fn of_columns() -> &'static [Vec<Item>] {
    static ITEMS: LazyLock<Vec<Vec<Item>>> = LazyLock::new(|| COLUMNS.iter().map(|pattern| read(pattern)).collect());
    &ITEMS
}

/// What may be cast to besides.
pub(super) fn of_casts() -> &'static [Vec<Item>] {
    static ITEMS: LazyLock<Vec<Vec<Item>>> = LazyLock::new(|| CASTS.iter().map(|pattern| read(pattern)).collect());
    &ITEMS
}
