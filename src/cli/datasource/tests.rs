#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::draft::{Drafts, Whose, drafts};
use crate::api::{Kind, RedshiftDataSource, RedshiftIntegration};
use crate::cli::{input, schema};
use crate::policy::views::{Column, ColumnType, DataSource, Table, TableKind};
use crate::reconcile::integration::Tables;

fn integration() -> RedshiftIntegration {
    serde_saphyr::from_str(include_str!("../../../deploy/samples/quick-start.yaml")).unwrap()
}

fn table(kind: &str, columns: &[&str]) -> Table {
    let kind_of = |name: &str| {
        if name == "amount" {
            ColumnType::new("numeric", "", "12", "2")
        } else {
            ColumnType::new("integer", "", "32", "0")
        }
    };
    let columns = columns.iter().map(|name| Column { name: (*name).to_owned(), kind: kind_of(name) });
    Table { kind: TableKind::named(kind), columns: columns.collect() }
}

fn made(schema: &str, with_types: bool, database: Option<&str>, tables: &[(&str, Table)]) -> Drafts {
    let integration = integration();
    let tables: BTreeMap<_, _> = tables.iter().map(|(name, table)| ((*name).to_owned(), table.clone())).collect();
    let found = Tables { database: database.unwrap_or("dev").to_owned(), user: "dba".to_owned(), tables };
    drafts(&Whose { integration: &integration, database, schema, with_types }, &found)
}

/// What a document says, read as the operator reads it.
fn read(manifest: &str) -> (RedshiftDataSource, DataSource) {
    let object: RedshiftDataSource =
        schema::check(Kind::RedshiftDataSource, &input::nodes(manifest).unwrap()[0]).unwrap();
    let source = DataSource::read(&object.spec, "immuta", "dev").unwrap();
    (object, source)
}

#[test]
fn a_draft_reads_from_top_to_bottom() {
    let tables = [("order_items", table("TABLE", &["id", "amount", "größe in cm", "yes"]))];
    let Drafts { manifests, left_out } = made("sales", false, None, &tables);
    assert_eq!((manifests.len(), left_out.len()), (1, 0));
    insta::assert_snapshot!(manifests[0]);
    let typed = made("sales", true, Some("lake"), &tables).manifests.remove(0);
    assert!(typed.contains("    database: lake\n") && typed.contains("type: numeric(12,2)"), "{typed}");
}

#[test]
fn what_cannot_be_a_data_source_is_named_with_its_reason() {
    let tables = [
        ("clicks", table("EXTERNAL TABLE", &["id"])),
        ("Mixed", table("TABLE", &["id"])),
        ("odd", table("TABLE", &["id", "ID", "immuta__userid"])),
        ("quoted\"", table("TABLE", &["id"])),
        ("shared", table("SHARED TABLE", &["id"])),
    ];
    let Drafts { manifests, left_out } = made("sales", false, None, &tables);
    assert_eq!(manifests.len(), 1);
    assert_eq!(read(&manifests[0]).0.spec.columns.len(), 1);
    for (line, expected) in left_out.iter().zip([
        "dev.sales.Mixed: left out: spec.table.name: write the name as the warehouse lists it, in lower case",
        "dev.sales.clicks: left out: the catalogue calls it `external table`, and only",
        "dev.sales.odd: these columns can't be listed by their names and are NULL for everybody: `ID`, `immuta__userid`",
        "dev.sales.quoted\": left out: spec.table.name: ",
        "dev.sales.shared: left out: the catalogue calls it `shared table`",
    ]) {
        assert!(line.starts_with(expected), "{line}");
    }
    assert_eq!(left_out.len(), 5);
}

#[test]
fn names_that_cannot_be_used_are_turned_into_ones_that_can() {
    let one = |schema: &str, names: &[&str]| {
        let tables: Vec<_> = names.iter().map(|name| (*name, table("TABLE", &["id"]))).collect();
        let manifests = made(schema, false, None, &tables).manifests;
        let named = |manifest: &String| {
            let (object, source) = read(manifest);
            format!("{} {}", object.metadata.name.unwrap(), source.view)
        };
        manifests.iter().map(named).collect::<Vec<_>>()
    };
    assert_eq!(
        one("sales", &["order", "all-orders", "all_orders", "2024", "営業"]),
        [
            "sales-2024 sales.view_2024",
            "sales-all-orders sales.all_orders",
            "sales-all-orders-2 sales.all_orders_2",
            "sales-order sales.order_view",
            "sales sales.view",
        ]
    );
    assert_eq!(one("public", &["t"]), ["public-t public_views.t"]);
    assert_eq!(one("Sales 2", &["t"]), [""; 0]);
    assert_eq!(one("sales 2", &["t"]), ["sales-2-t sales_2_views.t"]);
    assert_eq!(one("immuta_system", &["t"]), [""; 0]);
    let long = "a".repeat(127);
    assert_eq!(one("s", &[&long, &format!("{}b", &long[1..])]).len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_printed_passes_and_no_two_are_called_alike(
        schema in "[a-z_]{1,8}|[ -~]{1,12}",
        names in prop::collection::btree_set("[a-z_]{1,6}|[a-b_-]{1,3}|[ -~é営]{1,130}", 1..6),
        columns in prop::collection::btree_set("[a-zA-Z_]{1,6}|[ -~é営]{1,40}|immuta__[a-z]", 0..6),
    ) {
        let columns: Vec<_> = columns.iter().map(String::as_str).collect();
        let tables: Vec<_> = names.iter().map(|name| (name.as_str(), table("TABLE", &columns))).collect();
        let Drafts { manifests, left_out } = made(&schema, true, None, &tables);
        prop_assert!(manifests.len() + left_out.len() >= names.len());
        let all: Vec<_> = manifests.iter().map(|manifest| read(manifest)).collect();
        let resources: std::collections::BTreeSet<_> = all.iter().map(|(object, _)| object.metadata.name.clone()).collect();
        let views: std::collections::BTreeSet<_> = all.iter().map(|(_, source)| source.view.clone()).collect();
        prop_assert_eq!((resources.len(), views.len()), (manifests.len(), manifests.len()));
    }
}
