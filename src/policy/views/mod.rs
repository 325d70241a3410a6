//! Views that show a table as a data source says: from the resource and what the warehouse shows to what is to be done.

mod columns;
mod compile;
mod plan;
mod render;
mod source;
mod table;

pub use columns::shown;
pub use compile::{Because, Guard, OutColumn, Value, View, compile};
pub use plan::{Act, Held, Neighbours, Obstacle, Place, Retained, Step, Wanted, is_ours, plan, removal};
pub use render::{APPLIED_BY, applied_hash, columns_hash, query};
pub use source::{DataSource, Granted, Listed, Subscribed, TableName, Unfit, ViewName, Who};
pub use table::{Column, ColumnType, Table, TableKind};
