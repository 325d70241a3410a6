//! The kind `RedshiftDataSource`: what users write and what the operator reports back.

pub mod rules;
mod spec;
mod status;

pub use spec::*;
pub use status::*;
