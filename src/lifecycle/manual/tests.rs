//! What the scripts are, whatever stands in them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;
use crate::lifecycle::contents::Contents;
use crate::lifecycle::{
    Endpoint, Operation, Place, Plan, Setup, edit_of_whole, new_passwords_of_whole, removal_of_whole,
    set_up_from_nothing,
};
use crate::scripts::{ExistingName, Password};

const ALL: [Script; 8] = [
    Script::InitialCreate(AccountPower::Superuser),
    Script::InitialCreate(AccountPower::Lesser),
    Script::Create,
    Script::Edit,
    Script::NewPasswords,
    Script::Delete,
    Script::DeleteRest,
    Script::Cleanup,
];

fn wanted(database: &str, mode: &str, role: Option<&str>) -> Wanted {
    let spec = serde_json::json!({"autoBootstrap": false, "config": {
        "host": "analytics.example.com", "database": database, "databaseMode": mode, "initialDatabase": "dev",
        "authenticationType": "userPassword",
        "impersonation": {"enabled": role.is_some(), "role": role.unwrap_or("immuta_impersonation")},
    }});
    Wanted::read(&serde_json::from_value(spec).unwrap()).unwrap()
}

fn account(setup: &Setup) -> SystemAccount {
    let password = |text: &str| Password::new(text.to_owned().into()).unwrap();
    let place = Place { endpoint: Endpoint::new("h", 1), setup: setup.clone() };
    SystemAccount::new(place, password("Abcd1234-Canary"), password("Abcd1234-Canary"))
}

/// What was applied where another account and another role are wanted.
fn former(wanted: &Wanted, role: Option<&str>) -> Setup {
    Setup {
        system_account: "former_account".to_owned(),
        impersonation_role: role.map(str::to_owned),
        ..wanted.place.setup.clone()
    }
}

fn text_after(which: Script, applied: Option<&Setup>, wanted: &Wanted, uid: &str) -> String {
    let setup = &wanted.place.setup;
    let next = || Password::new("Abcd1234-Canary-next".to_owned().into()).unwrap();
    let account = account(applied.unwrap_or(setup)).with_next(setup, next);
    let source = Source { wanted, applied, namespace: "data-platform", name: "analytics", uid, account: &account };
    script(which, &source, Secrets::Shown).unwrap().expose_secret().to_owned()
}

fn text(which: Script, wanted: &Wanted, uid: &str) -> String {
    text_after(which, None, wanted, uid)
}

/// What is no comment, no literal, no name and no body of a procedure.
fn skeleton(script: &str) -> String {
    let mut rest = script;
    let mut skeleton = String::new();
    while let Some(next) = rest.chars().next() {
        let length = match next {
            _ if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("$$") => rest[2..].find("$$").unwrap() + 4,
            '\'' => {
                let mut at = 1;
                loop {
                    match rest.as_bytes()[at..] {
                        [b'\\', ..] | [b'\'', b'\'', ..] => at += 2,
                        [b'\'', ..] => break at + 1,
                        _ => at += 1,
                    }
                }
            }
            '"' => rest[1..].find('"').unwrap() + 2,
            _ => {
                skeleton.push(next);
                next.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    skeleton
}

#[test]
fn the_script_of_a_superuser_reads_from_top_to_bottom() {
    insta::assert_snapshot!(text(ALL[0], &wanted("immuta", "Create", Some("immuta_impersonation")), "uid-1"));
}

#[test]
fn the_script_for_the_managed_database_reads_from_top_to_bottom() {
    insta::assert_snapshot!(text(ALL[2], &wanted("immuta", "Create", None), "uid-1"));
}

#[test]
fn an_edit_of_everything_reads_from_top_to_bottom() {
    let wanted = wanted("immuta", "Create", None);
    insta::assert_snapshot!(text_after(Script::Edit, Some(&former(&wanted, Some("acting"))), &wanted, "uid-1"));
}

#[test]
fn new_passwords_read_from_top_to_bottom() {
    let wanted = wanted("immuta", "Create", Some("acting"));
    insta::assert_snapshot!(text(Script::NewPasswords, &wanted, "uid-1"));
}

#[test]
fn a_removal_from_a_database_of_others_reads_from_top_to_bottom() {
    let wanted = wanted("lake", "Existing", Some("acting"));
    insta::assert_snapshot!(text_after(Script::Delete, Some(&wanted.place.setup), &wanted, "uid-1"));
}

#[test]
fn the_second_part_of_a_removal_reads_from_top_to_bottom() {
    let wanted = wanted("immuta", "Create", Some("acting"));
    insta::assert_snapshot!(text(Script::DeleteRest, &wanted, "uid-1"));
}

#[test]
fn another_password_or_another_integration_has_another_key() {
    let wanted = wanted("immuta", "Create", Some("acting"));
    let setup = &wanted.place.setup;
    let key = |uid: &str, account: &SystemAccount| {
        let source = Source { wanted: &wanted, applied: None, namespace: "a", name: "b", uid, account };
        impersonation_key(&source).expose_secret().to_owned()
    };
    let first = account(setup);
    let other =
        SystemAccount { password: Password::new("Abcd1234-other".to_owned().into()).unwrap(), ..account(setup) };
    assert_eq!(key("uid-1", &first).len(), 64);
    assert_eq!(key("uid-1", &first), key("uid-1", &first));
    assert_ne!(key("uid-1", &first), key("uid-2", &first));
    assert_ne!(key("uid-1", &first), key("uid-1", &other));
}

#[test]
fn a_longest_setup_is_far_from_what_a_secret_holds() {
    let long = "d".repeat(127);
    let role = "r".repeat(127);
    let wanted = wanted(&long, "Existing", Some(&role));
    let all: usize = ALL.into_iter().map(|which| text(which, &wanted, &"u".repeat(36)).len()).sum();
    assert!(all < 200_000, "{all}");
}

proptest! {
    // Each case makes all scripts.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_a_database_is_called_the_script_is_the_same_statements(name in "[^\"\\p{Cc}]{1,30}") {
        prop_assume!(ExistingName::new(&name).is_ok());
        let skeleton_for = |which, database: &str| {
            let wanted = wanted(database, "Existing", Some("acting"));
            let applied = former(&wanted, Some("former_role"));
            skeleton(&text_after(which, (which == Script::Edit).then_some(&applied), &wanted, "uid-1"))
        };
        for which in ALL {
            prop_assert_eq!(skeleton_for(which, "plain"), skeleton_for(which, &name));
        }
    }
}

/// What two scripts need that one operator doesn't.
const IN_SCRIPTS_ALONE: [Section; 5] = [
    Section::SetDatabaseAside,
    Section::CloseAccount,
    Section::WaitAsBefore,
    Section::BecomeSystemAccount,
    Section::BecomeAdmin,
];

#[test]
fn what_is_run_is_what_the_automatic_mode_runs() {
    let of = |plan: Plan, may_be_left_out: &[Section]| -> Vec<_> {
        let run = plan.operations.into_iter().filter_map(|operation| match operation {
            Operation::Run(_, section, subject) => Some((section, subject)),
            _ => None,
        });
        run.filter(|(section, _)| !may_be_left_out.contains(section)).collect()
    };
    for mode in ["Create", "Existing"] {
        let wanted = wanted("immuta", mode, Some("acting"));
        let setup = &wanted.place.setup;
        let by_hand = |applied: Option<&Setup>, scripts: &[Script], may_be_left_out: &[Section]| -> Vec<_> {
            let account = account(setup);
            let source =
                Source { wanted: &wanted, applied, namespace: "a", name: "b", uid: "uid-1", account: &account };
            let steps = scripts.iter().flat_map(|script| steps::steps(*script, &source));
            let run = steps.flat_map(|step| step.operations);
            run.filter(|(section, _)| !may_be_left_out.contains(section)).collect()
        };
        let creation = set_up_from_nothing(setup, AccountPower::Superuser);
        assert_eq!(of(creation, &[]), by_hand(None, &[ALL[0], Script::Create], &[]));
        for role in [None, Some("acting"), Some("former_role")] {
            let applied = former(&wanted, role);
            let edit = edit_of_whole(&applied, setup);
            assert_eq!(of(edit, &[]), by_hand(Some(&applied), &[Script::Edit], &[]));
        }
        assert_eq!(of(new_passwords_of_whole(setup), &[]), by_hand(Some(setup), &[Script::NewPasswords], &[]));
        let removal = removal_of_whole(setup, AccountPower::Superuser, &Contents::of(setup));
        let scripts = [Script::Delete, Script::DeleteRest];
        assert_eq!(of(removal, &[]), by_hand(Some(setup), &scripts, &IN_SCRIPTS_ALONE));
    }
}

#[test]
fn what_was_begun_in_a_database_of_others_is_dropped_and_nothing_that_never_was() {
    let wanted = wanted("lake", "Existing", Some("acting"));
    let dropped = |applied: Option<&Setup>| {
        let script = text_after(Script::Delete, applied, &wanted, "uid-1");
        script.lines().filter(|line| line.starts_with("DROP ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        dropped(None),
        [
            "DROP TABLE \"immuta_system\".\"registry\";",
            "DROP TABLE \"immuta_system\".\"registry_lock\";",
            "DROP SCHEMA \"immuta_system\";",
        ]
    );
    assert_eq!(dropped(Some(&wanted.place.setup)).len(), 11);
}

#[test]
fn a_new_name_gets_its_own_password_or_no_script() {
    let wanted = wanted("immuta", "Create", Some("acting"));
    let applied = former(&wanted, Some("acting"));
    let script_of = |which, account: &SystemAccount| {
        let source =
            Source { wanted: &wanted, applied: Some(&applied), namespace: "a", name: "b", uid: "uid-1", account };
        script(which, &source, Secrets::Shown).map(|script| script.expose_secret().to_owned())
    };
    let next = || Password::new("Abcd1234-Canary-next".to_owned().into()).unwrap();
    let of_next = next().md5_for("immuta_system_account");
    for which in [ALL[0], Script::Edit] {
        assert!(script_of(which, &account(&applied)).is_err());
        let script = script_of(which, &account(&applied).with_next(&wanted.place.setup, next)).unwrap();
        assert!(script.contains(of_next.expose_secret()), "{script}");
    }
}

#[test]
fn a_script_without_its_secrets_is_the_same_otherwise_and_says_so() {
    let wanted = wanted("immuta", "Create", Some("acting"));
    let applied = former(&wanted, None);
    let account = account(&applied).with_next(&wanted.place.setup, Password::generate);
    let source =
        Source { wanted: &wanted, applied: Some(&applied), namespace: "a", name: "b", uid: "uid-1", account: &account };
    for which in ALL {
        let whole = script(which, &source, Secrets::Shown).unwrap();
        let without = script(which, &source, Secrets::TakenOut).unwrap().expose_secret().to_owned();
        assert_eq!(skeleton(whole.expose_secret()), skeleton(&without));
        assert!(!without.contains("'md5") && !without.contains(impersonation_key(&source).expose_secret()));
        // What holds none is the same.
        assert_eq!(whole.expose_secret() == without, !without.contains(TAKEN_OUT), "{which:?}");
        assert_eq!(without.contains("The passwords were taken out of this file"), without.contains(TAKEN_OUT));
        assert_eq!(whole.expose_secret().contains("This file is a credential"), without.contains(TAKEN_OUT));
        let takes_away = matches!(which, Script::Delete | Script::DeleteRest | Script::Cleanup);
        assert_eq!(takes_away, !without.contains(TAKEN_OUT), "{which:?}");
    }
    assert!(TAKEN_OUT.len() > 64);
}
