//! What is said of a wrong file, and what is read from a right one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read as _;

use flate2::Compression;
use flate2::bufread::GzEncoder;

use super::*;

const HEADER: &str = "user,groups,attributes\n";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    GzEncoder::new(content, Compression::fast()).read_to_end(&mut compressed).unwrap();
    compressed
}

/// A small file of so many lines of half a megabyte each; of so many megabytes in one line.
fn bomb(line_break: &str, halves: usize) -> Vec<u8> {
    let half = gzip(format!("{}{line_break}", " ".repeat(512 * 1024 - line_break.len())).as_bytes());
    [gzip(HEADER.as_bytes()), half.repeat(halves)].concat()
}

/// All that is read, or why nothing is.
fn all(format: ProfileFormat, file: &str, content: &[u8]) -> Result<Vec<Record>, Unreadable> {
    read(format, file, content).collect()
}

fn csv(content: &str) -> Result<Vec<Record>, Unreadable> {
    all(ProfileFormat::Csv, "hr.csv", content.as_bytes())
}

/// The profiles that a file gives.
fn profiles(format: ProfileFormat, content: &str) -> Vec<Profile> {
    all(format, "hr", content.as_bytes()).unwrap().into_iter().map(|record| record.profile.unwrap()).collect()
}

fn profile(user: &str, groups: &[&str], attributes: &[(&str, &[&str])]) -> Profile {
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let attributes = attributes.iter().map(|(name, values)| ((*name).to_owned(), texts(values)));
    Profile::new(user.to_owned(), texts(groups), attributes).unwrap()
}

/// What is said of a file: why it counts for nothing, or who has no profile and why, and how many have one.
fn said(format: ProfileFormat, file: &str, content: &[u8]) -> String {
    let records = match all(format, file, content) {
        Ok(records) => records,
        Err(unreadable) => return format!("unreadable: {unreadable}\n"),
    };
    let mut text = String::new();
    for refused in records.iter().filter_map(|record| record.profile.as_ref().err()) {
        let whose = if refused.user.is_some() { "" } else { ", nobody's name" };
        text += &format!("refused:    line {} (`{}`{whose}): {}\n", refused.line, refused.shown, refused.reason);
    }
    text + &format!(
        "            {} of {} have a profile\n",
        records.iter().filter(|r| r.profile.is_ok()).count(),
        records.len()
    )
}

/// The content for people.
fn escaped(content: &[u8]) -> String {
    if content.starts_with(&[0x1f, 0x8b]) {
        return "(compressed)".to_owned();
    }
    let start = &content[..content.len().min(150)];
    let more = if start.len() < content.len() { format!("… ({} bytes)", content.len()) } else { String::new() };
    format!("{}{more}", start.escape_ascii().to_string().replace("\\\"", "\"").replace("\\n", "\\n\n  "))
}

/// A document of them all.
fn document(format: ProfileFormat, files: &[(&str, &[u8])]) -> String {
    let of = |(file, content): &(&str, &[u8])| {
        format!("{file}\n  {}\n{}", escaped(content).trim_end(), said(format, file, content))
    };
    files.iter().map(of).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_wrong_csv_file_is_told_with_its_line_and_what_to_write() {
    let utf_16: Vec<u8> = [0xfeff].into_iter().chain(HEADER.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let utf_16_bare: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let whole = gzip(b"user,groups,attributes\nbob,a,\n");
    let mut damaged = whole.clone();
    *damaged.iter_mut().rev().nth(6).unwrap() ^= 1;
    let with_more = [whole.as_slice(), b"bob,fraud,\n"].concat();
    let long_line = format!("{HEADER}bob,{},\n", "a;".repeat(600_000));
    let long_name = format!("{HEADER}{},a,\n", "b".repeat(129));
    let many_groups = format!("{HEADER}bob,{},\n", (0..3_000).map(|n| format!("g{n}")).collect::<Vec<_>>().join(";"));
    let files: &[(&str, &[u8])] = &[
        ("empty.csv", b""),
        ("blank.csv", b"\n\r\n"),
        ("no-header.csv", b"bob,a;b,region=EU\neve,a,\n"),
        ("other-columns.csv", b"user,groups,attributes,email\nbob,a,,b@example.com\n"),
        ("too-few-columns.csv", b"user,groups\nbob,a\n"),
        ("twice.csv", b"user,groups,groups\nbob,a,b\n"),
        ("capitals.csv", b"User,Groups,Attributes\nbob,a,\n"),
        ("blanks-in-header.csv", b"user, groups, attributes\nbob,a,\n"),
        ("semicolons.csv", b"user;groups;attributes\r\nbob;a;\r\n"),
        ("tabs.csv", b"user\tgroups\tattributes\nbob\ta\t\n"),
        ("sep.csv", b"sep=,\r\nuser,groups,attributes\r\nbob,a,\r\n"),
        ("utf-16.csv", &utf_16),
        ("utf-16-without-mark.csv", &utf_16_bare),
        ("windows-1252.csv", b"user,groups,attributes\r\nbob,a,\r\nM\xfcller,a,\r\n"),
        ("cut-utf-8.csv", b"user,groups,attributes\nbob,a,region=\xe2\x82\n"),
        ("workbook.csv", b"PK\x03\x04\x14\x00\x06\x00"),
        ("login.csv", b"<!DOCTYPE html>\n<html><body>Log in</body></html>\n"),
        ("lines.csv", b"{\"user\":\"bob\",\"groups\":[\"a\"]}\n"),
        ("macintosh.csv", b"user,groups,attributes\rbob,a,\reve,b,\r"),
        ("mixed.csv", b"user,groups,attributes\nbob,a,\reve,b,\n"),
        ("cut-off.csv", b"user,groups,attributes\nann,a,\nbob,fraud-read"),
        ("header-without-end.csv", b"user,groups,attributes"),
        ("comma-in-group.csv", b"user,groups,attributes\nbob,a,b,region=EU\n"),
        ("comma-in-name.csv", b"user,groups,attributes\nSmith, Bob,a,\n"),
        ("too-few.csv", b"user,groups,attributes\nann,a,\nbob,a;b\neve,c,\n"),
        ("commas.csv", b"user,groups,attributes\nbob,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n"),
        ("open-quote.csv", b"user,groups,attributes\nbob,\"a;b,region=EU\neve,c,region=US\n"),
        ("swallowed.csv", b"user,groups,attributes\nbob,\"a,region=EU\neve,b\",region=US\n"),
        ("stray-quote.csv", b"user,groups,attributes\nbob, \"a;b\",region=EU\n"),
        ("backslash.csv", b"user,groups,attributes\nbob,\"a \\\"b\\\" c\",\n"),
        ("behind-quote.csv", b"user,groups,attributes\nbob,\"a\"b,\n"),
        ("long-line.csv", long_line.as_bytes()),
        ("not.csv.gz", b"user,groups,attributes\nbob,a,\n"),
        ("is-gzip.csv", &whole),
        ("cut-off.csv.gz", &whole[..whole.len() - 5]),
        ("damaged.csv.gz", &damaged),
        ("more-behind.csv.gz", &with_more),
        ("bomb-of-lines.csv.gz", &bomb("\n", 130)),
        ("bomb-of-one-line.csv.gz", &bomb("", 100)),
        ("header-alone.csv", b"user,groups,attributes\n"),
        ("no-user.csv", b"user,groups,attributes\nann,,\n,a,region=EU\n,,\n"),
        ("blank-behind-name.csv", b"user,groups,attributes\neve ,a,\n"),
        ("blank-in-groups.csv", b"user,groups,attributes\nbob,a; b,\n"),
        ("semicolon-at-end.csv", b"user,groups,attributes\nbob,a;b;,region=EU\neve,a,region=EU;;team=x\n"),
        ("no-equals.csv", b"user,groups,attributes\nbob,a,region\neve,a,region=EU;US\n"),
        ("two-equals.csv", b"user,groups,attributes\nbob,a,query=a=b\neve,a,\"region=EU,team=x\"\n"),
        ("no-value.csv", b"user,groups,attributes\nbob,a,region=\neve,a,=EU\n"),
        ("group-equals.csv", b"user,groups,attributes\nbob,region=EU,\neve,\"cn=staff,dc=example\",\n"),
        ("nul.csv", b"user,groups,attributes\nb\0ob,a,\neve,a\0,\n"),
        ("invisible.csv", "user,groups,attributes\nbob,a\u{200b},\n\u{202e}eve,a,\n\u{feff}ann,a,\n".as_bytes()),
        ("lost.csv", "user,groups,attributes\nM\u{fffd}ller,a,\n".as_bytes()),
        ("long-name.csv", long_name.as_bytes()),
        ("many-groups.csv", many_groups.as_bytes()),
    ];
    insta::assert_snapshot!(document(ProfileFormat::Csv, files));
}

#[test]
fn each_wrong_file_of_json_lines_is_told_with_its_line_and_what_to_write() {
    let deep = format!("{{\"user\":\"bob\",\"groups\":{}", "[".repeat(100_000));
    let quoted = format!("{{\"user\":\"bob\",\"groups\":\"{}\"}}\n", "x".repeat(10_000));
    let files: &[(&str, &[u8])] = &[
        ("empty.jsonl", b""),
        ("is-csv.jsonl", b"user,groups,attributes\nbob,a,\n"),
        ("array.jsonl", b"[{\"user\":\"bob\"},{\"user\":\"eve\"}]\n"),
        ("tuple.jsonl", b"[\"bob\",[\"a\"],{}]\n"),
        ("pretty.jsonl", b"{\n  \"user\": \"bob\",\n  \"groups\": []\n}\n"),
        ("cut-off.jsonl", b"{\"user\":\"ann\"}\n{\"user\":\"bob\",\"groups\":[\"fraud-re"),
        ("two-in-a-line.jsonl", b"{\"user\":\"ann\"} {\"user\":\"bob\"}\n"),
        ("comma.jsonl", b"{\"user\":\"ann\"},\n{\"user\":\"bob\"}\n"),
        ("single-quotes.jsonl", b"{'user':'bob'}\n"),
        ("text.jsonl", b"bob\n"),
        ("login.jsonl", b"<!DOCTYPE html>\n"),
        ("other-key.jsonl", b"{\"user\":\"bob\",\"group\":[\"a\"]}\n"),
        ("no-user.jsonl", b"{\"user\":\"ann\"}\n{\"groups\":[\"a\"]}\n"),
        ("two-users.jsonl", b"{\"user\":\"bob\",\"user\":\"eve\"}\n"),
        ("groups-twice.jsonl", b"{\"user\":\"bob\",\"groups\":[\"a\"],\"groups\":[\"b\"]}\n"),
        ("attribute-twice.jsonl", b"{\"user\":\"bob\",\"attributes\":{\"a\":[\"1\"],\"a\":[\"2\"]}}\n"),
        ("group-is-text.jsonl", b"{\"user\":\"bob\",\"groups\":\"a;b\"}\n"),
        ("value-is-text.jsonl", b"{\"user\":\"bob\",\"attributes\":{\"region\":\"EU\"}}\n"),
        ("list-of-attributes.jsonl", b"{\"user\":\"bob\",\"attributes\":[{\"name\":\"region\",\"values\":[\"EU\"]}]}\n"),
        ("null.jsonl", b"{\"user\":\"bob\",\"groups\":null}\n"),
        ("number.jsonl", b"{\"user\":17}\n"),
        ("surrogate.jsonl", b"{\"user\":\"\\ud800\"}\n"),
        ("deep.jsonl", deep.as_bytes()),
        ("long-quotation.jsonl", quoted.as_bytes()),
        ("latin-1.jsonl", b"{\"user\":\"M\xfcller\"}\n"),
        ("raw-nul.jsonl", b"{\"user\":\"b\0ob\"}\n"),
        ("escaped-nul.jsonl", b"{\"user\":\"b\\u0000ob\"}\n{\"user\":\"eve\",\"groups\":[\"a\\nb\"]}\n"),
        ("empty-texts.jsonl", b"{\"user\":\"\"}\n{\"user\":\"bob\",\"groups\":[\"\"]}\n{\"user\":\"eve\",\"attributes\":{\"\":[\"a\"]}}\n"),
        ("blanks.jsonl", b"{\"user\":\"bob \"}\n{\"user\":\"eve\",\"groups\":[\" a\"]}\n"),
    ];
    insta::assert_snapshot!(document(ProfileFormat::JsonLines, files));
}

#[test]
fn a_csv_file_is_read_whichever_way_its_columns_lines_and_quotes_are_written() {
    let bob = || profile("IAM:bob@example.com", &["a", "b"], &[("region", &["EU", "US"]), ("team", &["x"])]);
    for content in [
        "user,groups,attributes\nIAM:bob@example.com,a;b,region=EU;region=US;team=x\n",
        "\u{feff}user,groups,attributes\r\nIAM:bob@example.com,b;a;a,team=x;region=US;region=EU\r\n",
        "\"user\",\"groups\",\"attributes\"\n\"IAM:bob@example.com\",\"a;b\",\"region=EU;region=US;team=x\"\n",
        "\n\nattributes,user,groups\n\nregion=EU;region=US;team=x,IAM:bob@example.com,a;b\n\n\n",
    ] {
        assert_eq!(profiles(ProfileFormat::Csv, content), [bob()], "{content}");
    }
    let quoted =
        "user,groups,attributes\n\"Smith, Bob\",\"a, \"\"b\"\"\",\"x=1,2\"\n\"\",,\n".trim_end_matches("\"\",,\n");
    assert_eq!(profiles(ProfileFormat::Csv, quoted), [profile("Smith, Bob", &["a, \"b\""], &[("x", &["1,2"])])]);
    let bare = "user,groups,attributes\nann,,\nAnn,\"\",\"\"\n営業,部;Üß,地域=東京\n";
    let expected =
        [profile("ann", &[], &[]), profile("Ann", &[], &[]), profile("営業", &["部", "Üß"], &[("地域", &["東京"])])];
    assert_eq!(profiles(ProfileFormat::Csv, bare), expected);
}

#[test]
fn json_lines_hold_what_csv_cannot_and_may_leave_out_what_is_not_there() {
    let content = "\u{feff}{\"user\":\"bob\",\"groups\":[\"a;b=c\"],\"attributes\":{\"q\":[\"x=1;y=2\"],\"none\":[]}}\r\n\n  \n\
                   {\"attributes\":{},\"user\":\"eve\"}\n{ \"user\" : \"ann\" , \"groups\" : [] }";
    let expected =
        [profile("bob", &["a;b=c"], &[("q", &["x=1;y=2"])]), profile("eve", &[], &[]), profile("ann", &[], &[])];
    assert_eq!(profiles(ProfileFormat::JsonLines, content), expected);
}

#[test]
fn compressed_files_are_read_also_those_of_several_parts() {
    let parts = [gzip(HEADER.as_bytes()), gzip(b"bob,a,\n"), gzip(b"eve,b,\n")].concat();
    for file in ["hr.csv.gz", "HR.CSV.GZ"] {
        let read = all(ProfileFormat::Csv, file, &parts).unwrap();
        let users: Vec<_> = read.iter().map(|record| (record.line, record.user().unwrap())).collect();
        assert_eq!(users, [(2, "bob"), (3, "eve")]);
    }
}

#[test]
fn a_file_that_breaks_off_gives_an_error_and_then_nothing_more() {
    let mut records = read(ProfileFormat::Csv, "hr.csv", b"user,groups,attributes\nbob,a,\neve,\"b,\nann,c,\n");
    assert_eq!(records.next().unwrap().unwrap().user(), Some("bob"));
    assert_eq!(records.next().unwrap().unwrap_err().reason, FormFlaw::OpenQuote);
    assert!(records.next().is_none());
}

#[test]
fn who_is_refused_is_named_only_by_what_can_be_a_name() {
    let read = csv("user,groups,attributes\nbob,a;,\neve ,a,\n").unwrap();
    let named: Vec<_> = read.iter().map(Record::user).collect();
    assert_eq!(named, [Some("bob"), None]);
    let shown = format!("{HEADER}{}\u{7},a,\n", "é".repeat(5_000));
    let read = csv(&shown).unwrap();
    let refused = read[0].profile.as_ref().unwrap_err();
    assert!(refused.shown.len() <= 80 && refused.user.is_none(), "{refused:?}");
}

#[test]
fn ten_thousand_users_with_thirty_entitlements_are_read() {
    let line = |n: usize| {
        let groups: Vec<_> = (0..20).map(|g| format!("group-{}", (n + g) % 500)).collect();
        let values: Vec<_> = (0..10).map(|v| format!("region=r{}", (n + v) % 90)).collect();
        format!("IAM:user{n}@example.com,{},{}\n", groups.join(";"), values.join(";"))
    };
    let content: String = std::iter::once(HEADER.to_owned()).chain((0..10_000).map(line)).collect();
    let compressed = gzip(content.as_bytes());
    let read = read(ProfileFormat::Csv, "hr.csv.gz", &compressed).map(|record| record.unwrap().profile.unwrap());
    let rows: usize = read.map(|profile| profile.entitlements().count()).sum();
    assert_eq!(rows, 310_000);
}
