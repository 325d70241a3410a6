use super::super::tokens::read;
use super::*;

fn of(text: &str) -> Result<Parsed, String> {
    parse(&read(text).unwrap_or_default()).map_err(|refusal| refusal.message)
}

#[test]
fn what_no_form_goes_on_with_is_named() {
    for (text, expected) in [
        ("DROP DATABASE d CASCADE", "syntax error at or near \"CASCADE\""),
        ("CREATE USER u PASSWORD", "syntax error at end of input"),
        ("CREATE ROLE r LOGIN", "syntax error at or near \"LOGIN\""),
        ("CREATE TABLE t (a INTEGER, b JSONB)", "Column has unsupported type \"jsonb\"."),
        ("CREATE TABLE t (a INTEGER CHECK (a > 0))", "syntax error at or near \"CHECK\""),
        ("CREATE TABLE user (a INTEGER)", "syntax error at or near \"USER\""),
        ("FROBNICATE", "syntax error at or near \"FROBNICATE\""),
    ] {
        assert_eq!(of(text).map(|_| ()), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn places_are_labelled_and_what_was_tried_in_vain_is_not() {
    let parsed = of("GRANT SELECT, DROP ON s.t TO \"U\", GROUP g, sys:monitor").unwrap_or_default();
    assert_eq!(parsed.labelled("privileges").collect::<Vec<_>>(), [1..2, 3..4]);
    assert_eq!(parsed.labelled("user").collect::<Vec<_>>(), [9..10, 12..13, 14..17]);
    assert!(parsed.is_labelled("grantees", 11) && !parsed.is_labelled("user", 11));
}

#[test]
fn every_form_is_of_a_page_and_can_be_read() {
    assert!(commands::forms().iter().all(|form| !form.page.is_empty() && !form.items.is_empty()));
    assert!(!commands::elements().is_empty() && !types::of_columns().is_empty() && !types::of_casts().is_empty());
}
