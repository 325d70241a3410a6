//! Others' reading of our SQL: sqlfluff takes every script for Redshift's, whatever names stand in it.

use std::process::Command;

use serde_json::json;

use super::Person;

/// What sqlfluff doesn't know of Redshift's SQL: how such a statement begins, from where on it is cut off, and why it is right.
/// Nothing behind a statement that it can't read is read at all, so that these are made readable.
const WAIVED: [(&str, &str, &str); 4] = [
    (
        "ALTER ROLE ",
        " OWNER TO ",
        "documented by AWS: ALTER ROLE role [ RENAME TO newrole ] | [ OWNER TO user ]; \
         https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_ROLE.html",
    ),
    (
        "DROP ROLE ",
        " FORCE;",
        "documented by AWS: DROP ROLE role_name [ FORCE | RESTRICT ]; \
         https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_ROLE.html",
    ),
    (
        "CREATE DATABASE ",
        " OWNER ",
        "documented by AWS: [ [ WITH ] [ OWNER [=] db_owner ] …; neither WITH nor = is needed; \
         https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_DATABASE.html",
    ),
    (
        "CREATE DATABASE ",
        " COLLATE ",
        "documented by AWS: COLLATE and ISOLATION LEVEL may stand without OWNER; \
         https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_DATABASE.html",
    ),
];

fn without_what_is_waived(script: &str) -> String {
    let line = |line: &str| {
        let waived = WAIVED.iter().find(|(begins, cut, _)| line.starts_with(begins) && line.contains(cut));
        let shortened = waived.map(|(begins, cut, _)| {
            let head = line.split_once(cut).expect("it was found").0;
            // An ALTER without anything to alter is none.
            if *begins == "ALTER ROLE " { format!("{head} RENAME TO other;\n") } else { format!("{head};\n") }
        });
        shortened.unwrap_or_else(|| format!("{line}\n"))
    };
    script.lines().map(line).collect()
}

#[tokio::test]
async fn every_script_is_sql_that_others_can_read() {
    let folder = tempfile::tempdir().unwrap();
    // A database that was there before can have any name without a double quote; others' names are plain.
    let names = ["immuta", r"it's; -- $$ ${HOME} \ \' /* ünïcode テーブル"];
    for (n, name) in names.into_iter().enumerate() {
        let mode = if n == 0 { "Create" } else { "Existing" };
        let person = Person::new(json!({"database": name, "databaseMode": mode})).await;
        let mut scripts = vec![("lesser-admin", person.script("initial-create", &["--lesser-admin"]))];
        scripts.extend(["initial-create", "delete-rest"].map(|which| (which, person.script(which, &[]))));
        if n > 0 {
            // They name the database, and don't depend on its mode otherwise, or have more in this one.
            scripts.extend(
                ["create", "new-passwords", "delete", "cleanup"].map(|which| (which, person.script(which, &[]))),
            );
        }
        let next = json!({"stringData": {"nextUsername": "governor", "nextPassword": "Canary-7f3a-of-the-new-name"}});
        person.change("secret.yaml", next);
        let edited = json!({"systemAccount": {"name": "governor"}, "impersonation": {"role": "acting"}});
        person.change("integration.yaml", json!({"spec": {"config": edited}}));
        if n > 0 {
            scripts.push(("edit", person.script("edit", &[])));
        }
        for (which, script) in scripts {
            std::fs::write(folder.path().join(format!("{which}-{n}.sql")), without_what_is_waived(&script)).unwrap();
        }
    }
    std::fs::write(folder.path().join(".sqlfluff"), "[sqlfluff]\nlarge_file_skip_byte_limit = 0\n").unwrap();
    // One rule that has nothing to say here: what can't be parsed is told in any case.
    let arguments =
        ["lint", "--dialect", "redshift", "--templater", "raw", "--rules", "LT15", "--disable-progress-bar"];
    let output = Command::new("sqlfluff").args(arguments).arg(folder.path()).current_dir(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    // That it read them at all.
    assert!(!said.contains("PRS") && !said.contains("Skipping"), "{said}");
}
