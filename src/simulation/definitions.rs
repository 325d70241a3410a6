//! What a server shows of our objects, where nobody has changed them: what their own statements say.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::api::DatabaseMode;
use crate::lifecycle::manual::Table;
use crate::lifecycle::{AccountPower, Setup, Subject, parameters};
use crate::scripts::{Section, statements};

/// All that make tables, views or procedures.
const SECTIONS: [Section; 7] = [
    Section::Registry,
    Section::Objects,
    Section::UserProfile,
    Section::PolicyTables,
    Section::UserEntitlements,
    Section::ImpersonateProcedure,
    Section::RoleProcedures,
];

thread_local! {
    /// The statements that were rendered, by the role in them.
    static RENDERED: RefCell<BTreeMap<String, Vec<String>>> = RefCell::default();
}

fn rendered<T>(role: &str, read: impl FnOnce(&[String]) -> T) -> T {
    RENDERED.with_borrow_mut(|known| {
        let render = || {
            let setup = Setup {
                database: String::new(),
                database_mode: DatabaseMode::Create,
                system_account: String::new(),
                impersonation_role: Some(role.to_owned()),
            };
            let values = parameters(&setup, AccountPower::Superuser, &Subject::Pass)
                .text("integration_uid", "")
                .text("masking_key", "");
            let found = SECTIONS.into_iter().flat_map(|section| statements(section, &values).unwrap());
            found.map(|statement| statement.text().to_owned()).collect()
        };
        read(known.entry(role.to_owned()).or_insert_with(render))
    })
}

/// The columns of a table: name, type, and `not null` where it is. Those of the view are one.
pub fn columns(relation: &str) -> Vec<[String; 3]> {
    let table = rendered("", |known| known.iter().filter_map(|text| Table::read(text)).find(|it| it.name == relation));
    let Some(table) = table else { return vec![["a", "varchar", ""].map(str::to_owned)] };
    let split = |column: &String| {
        let (name, rest) = column.split_once(' ').unwrap_or_default();
        let (kind, rest) = match rest.strip_suffix("not null") {
            Some(kind) => (kind.trim_end(), "not null"),
            None => (rest.trim_end(), ""),
        };
        [name, kind, rest].map(str::to_owned)
    };
    table.columns.iter().map(split).collect()
}

/// The text of the view or of a procedure, whose role is that one.
pub fn text(name: &str, role: &str) -> String {
    let is_meant = |text: &&String| text.starts_with("CREATE OR REPLACE") && text.contains(&format!(".{name}"));
    rendered(role, |known| known.iter().find(is_meant).cloned()).unwrap_or_default()
}
