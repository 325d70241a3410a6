//! The SQL: `.sql` files that a DBA can read top to bottom, and the one way in which values get into
//! them. Pure: nothing in here talks to anything.
//!
//! A file is divided into sections, and a section into named statements; what is executed is always a
//! whole section, on one connection, a statement a message.

mod hex;
mod names;
mod password;
mod quote;
mod reserved_words;
mod script;
mod section;
mod statement;

pub use hex::hex;
pub use names::{ExistingName, NameError, ObjectName, SYSTEM_DATABASES};
pub use password::{Password, PasswordError, generate_key};
pub use quote::{QuoteError, quote_identifier, quote_literal, show_identifier};
pub use reserved_words::RESERVED_WORDS;
pub use script::{Fact, Fragment, Parameters, RenderError};
pub use section::{LookUp, Section, look_up, statements};
pub use statement::Statement;

/// Name of the user that is the claim of an integration on its warehouse.
pub const CLAIM_USER: &str = "redshift_governance_claim";

/// Version of what `create.sql` sets up; raised with every change of it.
pub const SCHEMA_VERSION: i32 = 2;

/// The same, with what policy-enforced views stand on (`sql/policy-views.sql`), which comes when the spec asks for it.
pub const POLICY_VIEWS_VERSION: i32 = 3;
