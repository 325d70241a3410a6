//! Histories that once broke an invariant, shrunk.

use super::histories::{Action, Event, Run};
use super::others::Deed;
use super::person;
use super::strategies::{begun, begun_with_a_member};
use super::warehouse::Power;
use super::world::{Fault, Step};
use crate::api::Phase;

const WHOLE: Event = Event::pass(0);

fn run(admin: Power, database: Option<usize>, history: &[Event]) -> Run {
    let mut run = Run::new(admin, true);
    run.play(&begun(database));
    run.play(history);
    run
}

/// Where impersonation is on, and somebody a member of the role, if a pass gets so far.
fn run_with_a_member(database: Option<usize>, history: &[Event]) -> Run {
    let mut run = Run::new(Power::Superuser, true);
    run.play(&begun_with_a_member(database));
    run.play(history);
    run
}

/// A whole pass in which a statement is refused.
fn refused(statement: &'static str) -> Event {
    Event::failing(0, Step::Named(statement, 0), Fault::Refused)
}

/// A pass that doesn't come to a statement.
fn before(slot: usize, statement: &'static str) -> Event {
    Event::before(slot, Step::Named(statement, 0))
}

/// A whole pass in which something that it does is refused.
fn refused_at(act: u8) -> Event {
    Event::failing(0, Step::Act(act), Fault::Refused)
}

#[test]
fn a_creation_stopped_at_any_step_in_an_existing_database_can_be_deleted() {
    for step in 0..80 {
        let mut run = run(Power::Superuser, None, &[refused_at(step)]);
        run.delete_all().unwrap();
    }
}

#[test]
fn a_database_that_an_earlier_account_kept_is_not_left_behind_by_a_deletion() {
    for step in 0..40 {
        let mut run = run(
            Power::Seeing,
            Some(0),
            &[refused_at(step), Event::Admin(Power::Superuser), Event::User(0, Action::Delete)],
        );
        run.settle().unwrap();
        run.play(&[Event::Admin(Power::Seeing)]);
        run.settle().unwrap();
        assert!(run.world.borrow().clusters[0].integrations().next().is_none(), "step {step}");
    }
}

#[test]
fn members_that_the_account_does_not_see_keep_their_role() {
    let mut run = run(
        Power::Blind,
        Some(0),
        &[
            Event::User(0, Action::Impersonate(Some(0))),
            WHOLE,
            Event::Others(Deed::Join),
            Event::User(0, Action::Impersonate(Some(1))),
        ],
    );
    run.settle().unwrap();
    assert!(run.world.borrow().warehouse.roles["impersonators"].members.contains_key("analyst"));
    run.play(&[Event::Admin(Power::Superuser)]);
    run.settle().unwrap();
    assert!(run.world.borrow().warehouse.roles["others_may"].members.contains_key("analyst"));
}

#[test]
fn a_role_that_others_granted_something_is_not_dropped_when_a_creation_goes_on_with_another() {
    for step in 0..60 {
        let mut run = run(
            Power::Superuser,
            Some(0),
            &[
                Event::User(0, Action::Impersonate(Some(0))),
                refused_at(step),
                Event::Others(Deed::GrantToRole(0)),
                Event::User(0, Action::Impersonate(Some(1))),
            ],
        );
        run.settle().unwrap();
    }
}

#[test]
fn an_account_whose_password_was_changed_is_not_left_behind_by_a_deletion() {
    let mut run =
        run(Power::Seeing, Some(0), &[WHOLE, Event::Others(Deed::ChangePassword(0)), Event::User(0, Action::Delete)]);
    run.settle().unwrap();
    let phase = run.phase_of(0);
    assert_eq!(phase, Some(Phase::DeleteError));
    run.lift_obstacles();
    run.settle().unwrap();
    assert!(run.world.borrow().clusters[0].integrations().next().is_none());
}

#[test]
fn an_edit_mends_impersonation_whose_role_others_have_dropped() {
    let mut run = run(
        Power::Superuser,
        Some(0),
        &[
            Event::User(0, Action::Impersonate(Some(0))),
            WHOLE,
            Event::Others(Deed::DropRole(0)),
            WHOLE,
            Event::User(0, Action::Impersonate(Some(1))),
        ],
    );
    run.settle().unwrap();
    run.all_are_done().unwrap();
}

#[test]
fn a_role_renamed_by_an_edit_that_did_not_roll_back_keeps_its_members() {
    for step in 0..60 {
        let mut run = Run::new(Power::Superuser, false);
        run.play(&[
            Event::User(0, Action::Create(Some(0))),
            Event::User(0, Action::Impersonate(Some(0))),
            WHOLE,
            Event::Others(Deed::Join),
            Event::User(0, Action::Impersonate(Some(1))),
            Event::failing(0, Step::Act(step), Fault::AnswerLost),
            Event::User(0, Action::Impersonate(Some(0))),
        ]);
        run.settle().unwrap();
        run.all_are_done().unwrap();
        assert!(run.world.borrow().warehouse.roles["impersonators"].members.contains_key("analyst"), "step {step}");
    }
}

#[test]
fn a_role_is_not_dropped_before_the_registry_has_let_go_of_it() {
    for step in 0..80 {
        let mut run = Run::new(Power::Superuser, false);
        run.play(&[
            Event::User(0, Action::Create(Some(0))),
            Event::User(0, Action::Impersonate(Some(0))),
            WHOLE,
            Event::Others(Deed::Join),
            Event::User(0, Action::Impersonate(None)),
            refused_at(step),
        ]);
        run.settle().unwrap();
        run.all_are_done().unwrap();
    }
}

#[test]
fn every_name_that_an_interrupted_edit_may_have_given_is_remembered() {
    for (first, second) in (5..20).flat_map(|first| (5..20).map(move |second| (first, second))) {
        let mut run = run(
            Power::Superuser,
            Some(0),
            &[
                Event::User(0, Action::Impersonate(Some(0))),
                refused_at(first),
                Event::User(0, Action::Rename(2)),
                Event::User(0, Action::Impersonate(Some(1))),
                refused_at(second),
                Event::User(0, Action::Rename(1)),
                Event::User(0, Action::Impersonate(Some(2))),
            ],
        );
        run.settle().unwrap();
        run.all_are_done().unwrap();
        run.delete_all().unwrap();
    }
}

/// Each of these histories in one of its variants, for whoever does the same to another warehouse.
pub fn sample() -> Vec<(Power, Vec<Event>)> {
    let create = |database| Event::User(0, Action::Create(database));
    let impersonate = |role| Event::User(0, Action::Impersonate(role));
    let (delete, join) = (Event::User(0, Action::Delete), Event::Others(Deed::Join));
    let lost = |statement| Event::failing(0, Step::Named(statement, 0), Fault::AnswerLost);
    let superuser = |history: &[Event]| (Power::Superuser, history.to_vec());
    let mut sample = vec![
        superuser(&[create(None), refused("complete-registry")]),
        (
            Power::Seeing,
            vec![
                create(Some(0)),
                refused("grant-database-to-system-account"),
                Event::Admin(Power::Superuser),
                delete,
                WHOLE,
            ],
        ),
        (Power::Blind, vec![create(Some(0)), impersonate(Some(0)), WHOLE, join, impersonate(Some(1)), WHOLE]),
        superuser(&[
            create(Some(0)),
            impersonate(Some(0)),
            refused("create-system-schema"),
            Event::Others(Deed::GrantToRole(0)),
            impersonate(Some(1)),
            WHOLE,
        ]),
        superuser(&[create(Some(0)), WHOLE, Event::Others(Deed::ChangePassword(0)), delete, WHOLE]),
        superuser(&[
            create(Some(0)),
            impersonate(Some(0)),
            WHOLE,
            Event::User(0, Action::Repair(true)),
            Event::Others(Deed::RenameAccount(0)),
            WHOLE,
            Event::Others(Deed::RenameAccount(0)),
            lost("commit-change"),
        ]),
        superuser(&[
            create(Some(0)),
            impersonate(Some(0)),
            WHOLE,
            Event::Others(Deed::DropRole(0)),
            WHOLE,
            impersonate(Some(1)),
            WHOLE,
        ]),
        superuser(&[create(Some(0)), impersonate(Some(0)), WHOLE, join, impersonate(Some(1)), lost("commit-change")]),
        superuser(&[
            create(Some(0)),
            impersonate(Some(0)),
            WHOLE,
            join,
            impersonate(None),
            refused("complete-registry"),
        ]),
        superuser(&[
            create(Some(0)),
            impersonate(Some(0)),
            WHOLE,
            Event::User(0, Action::Rename(2)),
            refused("complete-registry"),
            Event::User(0, Action::Rename(1)),
            impersonate(Some(2)),
            WHOLE,
        ]),
        (Power::Seeing, vec![create(None), WHOLE, Event::Admin(Power::Superuser), delete, WHOLE]),
        superuser(&[create(None), WHOLE, Event::Admin(Power::Seeing), delete, WHOLE]),
    ];
    sample.extend(sample_of_changing_hands());
    sample
}

/// Likewise, of those in which Secrets are lost and integrations taken over; or where a person confirmed a deletion.
fn sample_of_changing_hands() -> Vec<(Power, Vec<Event>)> {
    let create = |database| Event::User(0, Action::Create(database));
    let impersonate = |role| Event::User(0, Action::Impersonate(role));
    let heir = |action| Event::User(1, action);
    let delete = Event::User(0, Action::Delete);
    let histories = vec![
        // Taken over meanwhile, with and without the Secret; renamed in between; deleted in the middle of it.
        vec![
            create(Some(0)),
            WHOLE,
            heir(Action::Create(Some(0))),
            heir(Action::TakeOver),
            Event::failing(1, Step::Named("write-new-owner", 0), Fault::Refused),
            Event::User(0, Action::Rename(1)),
            WHOLE,
            Event::pass(1),
        ],
        vec![
            create(Some(0)),
            WHOLE,
            heir(Action::Create(Some(0))),
            heir(Action::TakeOver),
            Event::User(0, Action::DeleteSecret),
            before(0, "set-password-of-system-account"),
            Event::pass(1),
            WHOLE,
        ],
        vec![
            create(Some(0)),
            impersonate(Some(0)),
            WHOLE,
            Event::User(0, Action::Replace),
            Event::User(0, Action::TakeOver),
            before(0, "write-new-owner"),
            Event::Crash(0),
            delete,
            Event::failing(0, Step::Named("log-in", 2), Fault::Refused),
        ],
        vec![
            create(Some(0)),
            WHOLE,
            Event::User(0, Action::Replace),
            Event::User(0, Action::Move(Some(1))),
            Event::User(0, Action::TakeOver),
            WHOLE,
            delete,
        ],
        // A role that nothing names any more, or the status alone.
        vec![
            create(None),
            impersonate(Some(0)),
            WHOLE,
            impersonate(None),
            before(0, "drop-role"),
            Event::Crash(0),
            heir(Action::Create(None)),
            heir(Action::TakeOver),
            Event::User(0, Action::DeleteSecret),
            Event::pass(1),
        ],
        vec![
            create(Some(0)),
            WHOLE,
            Event::Admin(Power::Seeing),
            impersonate(Some(0)),
            before(0, "grant-role-to-system-account"),
            Event::Crash(0),
            Event::User(0, Action::DeleteSecret),
            impersonate(None),
            Event::Admin(Power::Superuser),
        ],
        vec![
            create(Some(0)),
            impersonate(Some(0)),
            WHOLE,
            Event::Others(Deed::GrantToRole(0)),
            delete,
            WHOLE,
            Event::User(0, Action::ConfirmDelete),
            Event::Others(Deed::TakeRole(2)),
            Event::Others(Deed::GrantToRole(2)),
        ],
    ];
    histories.into_iter().map(|history| (Power::Superuser, history)).collect()
}

#[test]
fn what_a_lesser_account_set_up_in_an_existing_database_a_superuser_can_delete() {
    let mut run = run(Power::Seeing, None, &[WHOLE, Event::Admin(Power::Superuser)]);
    run.delete_all().unwrap();
}

#[test]
fn a_take_over_is_carried_through_although_the_former_owner_renamed_things_in_the_middle_of_it() {
    for step in 0..30 {
        let mut run = run_with_a_member(
            Some(0),
            &[
                Event::User(0, Action::Rename(1)),
                Event::User(1, Action::Create(Some(0))),
                Event::User(1, Action::TakeOver),
                Event::failing(1, Step::Act(step), Fault::Refused),
            ],
        );
        run.lift_obstacles();
        run.settle().unwrap();
        run.delete_all().unwrap();
    }
}

#[test]
fn what_was_being_taken_over_with_its_secret_goes_with_the_heir() {
    for steps in 0..40 {
        let mut run = run_with_a_member(
            Some(0),
            &[
                WHOLE,
                Event::User(0, Action::Replace),
                Event::User(0, Action::TakeOver),
                Event::before(0, Step::Act(steps)),
                Event::Crash(0),
            ],
        );
        run.delete_all().unwrap();
    }
}

#[test]
fn a_grant_to_another_role_than_the_confirmed_one_stays() {
    let mut run = run(
        Power::Superuser,
        Some(0),
        &[
            WHOLE,
            Event::Others(Deed::GrantToRole(0)),
            Event::User(0, Action::Delete),
            WHOLE,
            Event::User(0, Action::ConfirmDelete),
            Event::Others(Deed::TakeRole(2)),
            Event::Others(Deed::GrantToRole(2)),
        ],
    );
    run.settle().unwrap();
    run.delete_all().unwrap();
}

#[test]
fn passwords_are_not_set_over_the_head_of_who_took_over_meanwhile() {
    for steps in 0..40 {
        let mut run = run(
            Power::Superuser,
            Some(0),
            &[
                WHOLE,
                Event::User(1, Action::Create(Some(0))),
                Event::User(1, Action::TakeOver),
                Event::User(0, Action::DeleteSecret),
                Event::before(0, Step::Act(steps)),
                Event::pass(1),
                WHOLE,
            ],
        );
        run.settle().unwrap();
        run.delete_all().unwrap();
    }
}

#[test]
fn a_secret_for_another_database_is_not_taken_over_and_stops_no_deletion() {
    let mut run = run(
        Power::Superuser,
        Some(0),
        &[
            WHOLE,
            Event::User(0, Action::Replace),
            Event::User(0, Action::Move(Some(1))),
            Event::User(0, Action::TakeOver),
            WHOLE,
            Event::User(0, Action::Delete),
        ],
    );
    run.settle().unwrap();
    assert!(run.world.borrow().clusters.iter().all(|cluster| cluster.integrations().next().is_none()));
}

#[test]
fn a_role_that_only_the_lost_secret_named_is_told_of_before_anything_is_removed() {
    for steps in 0..40 {
        let mut run = run_with_a_member(
            None,
            &[
                WHOLE,
                Event::User(0, Action::Impersonate(None)),
                Event::before(0, Step::Act(steps)),
                Event::Crash(0),
                Event::User(1, Action::Create(None)),
                Event::User(1, Action::TakeOver),
                Event::User(0, Action::DeleteSecret),
                Event::pass(1),
                Event::User(1, Action::Delete),
            ],
        );
        run.settle().unwrap();
        run.lift_obstacles();
        run.delete_all().unwrap();
    }
}

#[test]
fn a_role_that_an_interrupted_edit_made_goes_although_the_secret_that_named_it_was_lost() {
    for steps in 0..40 {
        for admin in [Power::Seeing, Power::Superuser] {
            let mut run = run(
                Power::Superuser,
                Some(0),
                &[
                    WHOLE,
                    Event::Admin(admin),
                    Event::User(0, Action::Impersonate(Some(0))),
                    Event::before(0, Step::Act(steps)),
                    Event::Crash(0),
                    Event::User(0, Action::DeleteSecret),
                    Event::User(0, Action::Impersonate(None)),
                ],
            );
            run.lift_obstacles();
            run.settle().unwrap();
            run.delete_all().unwrap();
        }
    }
}

#[test]
fn a_login_that_fails_lets_nothing_go_that_was_being_taken_over() {
    let first = [before(0, "create-profile"), WHOLE];
    let cases = first.into_iter().flat_map(|first| (0..12).map(move |until| (first, until)));
    for ((first, until), step) in cases.flat_map(|case| (0..20).map(move |step| (case, step))) {
        let mut run = run(
            Power::Superuser,
            Some(0),
            &[
                first,
                Event::Crash(0),
                Event::User(0, Action::Replace),
                Event::User(0, Action::TakeOver),
                Event::before(0, Step::Act(until)),
                Event::Crash(0),
                Event::User(0, Action::Delete),
                Event::failing(0, Step::Act(step), Fault::Refused),
            ],
        );
        run.settle().unwrap();
        assert!(run.world.borrow().clusters.iter().all(|cluster| cluster.integrations().next().is_none()));
    }
}

#[test]
fn no_password_is_set_for_a_user_who_took_the_name_that_became_free() {
    for step in 0..60 {
        let mut run = Run::new(Power::Superuser, false);
        run.play(&begun(Some(0)));
        run.play(&[
            before(0, "create-user-profile"),
            Event::Crash(0),
            Event::User(0, Action::Rename(1)),
            Event::Others(Deed::Expose),
            Event::failing(0, Step::Act(step), Fault::Refused),
            Event::Others(Deed::TakeUser(0)),
        ]);
        run.settle().unwrap();
        run.lift_obstacles();
        run.settle().unwrap();
        run.delete_all().unwrap();
    }
}

#[test]
fn who_lost_a_role_by_switching_impersonation_off_does_not_get_another_one() {
    for step in 20..60 {
        let mut run = run_with_a_member(
            None,
            &[
                Event::User(0, Action::Rename(1)),
                Event::User(0, Action::Impersonate(None)),
                Event::failing(0, Step::Act(step), Fault::Lost),
                Event::User(0, Action::Impersonate(Some(1))),
            ],
        );
        run.settle().unwrap();
        run.delete_all().unwrap();
    }
}

#[test]
fn a_take_over_that_fails_behind_its_record_keeps_it() {
    for statement in ["lock-registry", "write-new-owner", "commit-change"] {
        let mut run = run(
            Power::Superuser,
            Some(0),
            &[
                WHOLE,
                Event::User(1, Action::Create(Some(0))),
                Event::pass(1),
                Event::User(1, Action::TakeOver),
                Event::failing(1, Step::Named(statement, 0), Fault::Refused),
            ],
        );
        let status = run.status_of(1).unwrap();
        assert!(status.created.is_some(), "{statement}: {status:?}");
        run.lift_obstacles();
        run.settle().unwrap();
        run.delete_all().unwrap();
    }
}

#[test]
fn a_drop_that_was_refused_is_no_point_of_no_return_even_if_that_cannot_be_taken_back() {
    for fault in [Fault::Refused, Fault::Lost, Fault::Late] {
        let mut run = run(
            Power::Superuser,
            Some(0),
            &[
                WHOLE,
                Event::User(0, Action::Delete),
                Event::failing(0, Step::Named("drop-database", 0), Fault::Lost),
                Event::Others(Deed::Connect(true)),
                Event::failing(0, Step::Named("write-taken-back", 0), fault),
            ],
        );
        let status = run.status_of(0).unwrap();
        assert_eq!(status.deletion, None, "{fault:?}: {status:?}");
        run.lift_obstacles();
        run.delete_all().unwrap();
    }
}

#[test]
fn what_was_confirmed_stays_confirmed_if_a_late_drop_is_done_just_before_the_next() {
    let drop = Step::Named("drop-database", 0);
    let mut run = run(
        Power::Superuser,
        Some(0),
        &[
            Event::User(0, Action::Impersonate(Some(0))),
            WHOLE,
            Event::Others(Deed::GrantToRole(0)),
            Event::Others(Deed::Table { database: 0, inside: false }),
            Event::User(0, Action::Delete),
            WHOLE,
            Event::User(0, Action::ConfirmDelete),
            Event::failing(0, drop, Fault::Lost),
            Event::before(0, drop),
        ],
    );
    let name = run.status_of(0).unwrap().created.unwrap().database;
    assert!(run.world.borrow_mut().warehouse.databases.remove(&name).is_some());
    run.play(&[WHOLE]);
    run.settle().unwrap();
    assert!(run.world.borrow().clusters[0].integrations().next().is_none());
}

/// Others have renamed the account of an integration that is set up, and drift is to be mended.
const RENAMED: [Event; 3] = [WHOLE, Event::User(0, Action::Repair(true)), Event::Others(Deed::RenameAccount(0))];

#[test]
fn an_account_that_others_have_renamed_is_named_back_wherever_that_is_stopped() {
    for fault in [Fault::Refused, Fault::Lost, Fault::AnswerLost, Fault::Late] {
        for statement in [
            "begin-change",
            "check-registry",
            "rename-system-account",
            "set-password-of-renamed-account",
            "write-mended",
            "commit-change",
        ] {
            for next in [Action::Rename(1), Action::Impersonate(Some(1)), Action::Rotate(1)] {
                let mut run = run_with_a_member(Some(0), &RENAMED);
                run.play(&[Event::failing(0, Step::Named(statement, 0), fault), Event::User(0, next)]);
                run.settle().unwrap();
                run.all_are_done().unwrap();
            }
        }
    }
}

#[test]
fn an_account_that_others_have_renamed_is_left_alone_where_nobody_proves_whose_it_is_or_wants_it_back() {
    let repair = |wanted| Event::User(0, Action::Repair(wanted));
    for (admin, change) in [
        (Power::Superuser, repair(false)),
        (Power::Seeing, repair(true)),
        (Power::Superuser, Event::User(0, Action::Credentials(true))),
        (Power::Superuser, Event::Others(Deed::TakeUser(0))),
    ] {
        let mut run = run(admin, Some(0), &[&RENAMED[..], &[change]].concat());
        let before = run.world.borrow().warehouse.clone();
        run.settle().unwrap();
        assert_ne!(run.phase_of(0), Some(Phase::Enabled), "{change:?}");
        assert_eq!(run.world.borrow().warehouse, before, "{change:?}");
        let said = format!("{:?}", run.status_of(0).unwrap().conditions);
        assert!(said.contains("the system account keeper was renamed to governess"), "{change:?}: {said}");
    }
}

#[test]
fn whoever_was_taken_over_names_nobody_back() {
    let mut run = run(
        Power::Superuser,
        Some(0),
        &[
            WHOLE,
            Event::User(0, Action::Repair(true)),
            Event::User(1, Action::Create(Some(0))),
            Event::User(1, Action::TakeOver),
            Event::pass(1),
            Event::pass(1),
            Event::Others(Deed::RenameAccount(0)),
        ],
    );
    let before = run.world.borrow().warehouse.clone();
    run.play(&[WHOLE, WHOLE]);
    assert_eq!(run.world.borrow().warehouse, before);
}

/// A rotation is asked for, where one integration is set up.
const ROTATE: [Event; 2] = [WHOLE, Event::User(0, Action::Rotate(1))];

#[test]
fn a_rotation_stopped_at_any_step_is_finished_before_an_edit_and_does_not_hinder_a_deletion() {
    let faults = [Fault::Refused, Fault::Lost, Fault::AnswerLost, Fault::Late];
    let next = [Action::Rename(1), Action::Impersonate(Some(1)), Action::EmptyStatus, Action::Delete];
    for step in 0..24_u8 {
        for (turn, next) in (usize::from(step)..).zip(next) {
            let stopped = Event::failing(0, Step::Act(step), faults[turn % faults.len()]);
            let mut run = run_with_a_member(Some(0), &[&ROTATE[..], &[stopped, Event::User(0, next)]].concat());
            run.settle().unwrap();
            run.all_are_done().unwrap();
        }
    }
}

#[test]
fn who_takes_over_in_the_middle_of_a_rotation_is_not_locked_out_by_it() {
    for step in ["change-own-password-of-claim", "change-own-password", "write-rotated", "commit-change"] {
        let mut run = run_with_a_member(Some(0), &ROTATE);
        run.play(&[
            before(0, step),
            Event::User(1, Action::Create(Some(0))),
            Event::User(1, Action::Impersonate(Some(0))),
            Event::User(1, Action::TakeOver),
            Event::pass(1),
            Event::pass(1),
            WHOLE,
            Event::pass(1),
        ]);
        run.settle().unwrap();
        assert_eq!(run.phase_of(1), Some(Phase::Enabled), "{step}");
    }
}

/// What a newer or older version of the operator would have written.
fn set_schema_version(run: &Run, version: i64) {
    let databases = &mut run.world.borrow_mut().warehouse.databases;
    databases.get_mut("immuta").unwrap().registry.as_mut().unwrap().schema_version = version;
}

#[test]
fn what_another_version_of_the_operator_has_set_up_is_not_touched() {
    for (version, reason) in [(0, "SchemaOlder"), (4, "SchemaNewer")] {
        let mut run = run(Power::Superuser, Some(0), &[WHOLE]);
        set_schema_version(&run, version);
        let before = run.world.borrow().warehouse.clone();
        run.play(&[
            WHOLE,
            Event::User(0, Action::Impersonate(Some(0))),
            WHOLE,
            Event::User(0, Action::Rename(1)),
            WHOLE,
        ]);
        let status = run.status_of(0).unwrap();
        let shown = |type_: &str| status.conditions.iter().find(|it| it.type_ == type_).unwrap().clone();
        assert_eq!(status.phase, Some(Phase::MigrateError));
        assert_eq!((shown("Ready").status, shown("Stalled").status), ("True".to_owned(), "True".to_owned()));
        assert_eq!(shown("Stalled").reason, reason);
        // Nor after its Secret or its status was lost, or by who takes over.
        run.play(&[
            Event::User(0, Action::EmptyStatus),
            WHOLE,
            Event::User(0, Action::DeleteSecret),
            WHOLE,
            Event::User(1, Action::Create(Some(0))),
            Event::User(1, Action::TakeOver),
            Event::pass(1),
        ]);
        assert_eq!(run.world.borrow().warehouse, before, "{version}");
    }
}

#[test]
fn what_a_newer_version_has_set_up_is_not_removed_by_an_older_one_but_the_other_way_round() {
    let mut run = run(Power::Superuser, Some(0), &[WHOLE]);
    set_schema_version(&run, 4);
    let before = run.world.borrow().warehouse.clone();
    run.play(&[Event::User(0, Action::Delete), WHOLE]);
    assert_eq!(run.phase_of(0), Some(Phase::DeleteError));
    assert_eq!(run.world.borrow().warehouse, before);
    set_schema_version(&run, 0);
    run.delete_all().unwrap();
    assert!(run.world.borrow().clusters[0].integrations().next().is_none());
}

/// A person runs a script from a step on, so many statements of it, with a client that goes on after errors.
const fn behind(script: usize, from: usize, statements: usize) -> Event {
    Event::Person(0, person::Run { script, from, statements, stops: false, elsewhere: false })
}

#[test]
fn a_person_sets_new_passwords_where_those_of_an_enabled_integration_were_lost() {
    for meanwhile in [None, Some(Action::Rename(1)), Some(Action::Impersonate(Some(0))), Some(Action::DeleteSecret)] {
        let mut run = Run::new(Power::Superuser, true);
        run.play(&[Event::User(0, Action::CreateByHand(Some(0))), Event::pass(0)]);
        run.do_as_told().unwrap();
        run.all_are_done().unwrap();
        run.play(&[Event::User(0, Action::DeleteSecret), Event::pass(0)]);
        assert_eq!(run.phase_of(0), Some(Phase::RecurringValidationError));
        run.play(
            &meanwhile.map(|action| [Event::User(0, action), Event::pass(0)]).into_iter().flatten().collect::<Vec<_>>(),
        );
        run.do_as_told().unwrap();
        run.all_are_done().unwrap();
    }
}

#[test]
fn a_role_that_a_script_of_a_lesser_admin_has_left_alone_is_granted_as_the_status_says() {
    // Its client goes on after an error and ends before the grant, and what makes roles doesn't roll back.
    let mut run = Run::new(Power::Superuser, false);
    run.play(&[
        Event::User(0, Action::CreateByHand(Some(0))),
        Event::User(0, Action::Impersonate(Some(0))),
        Event::pass(0),
        behind(1, 1, 20),
    ]);
    run.do_as_told().unwrap();
    run.all_are_done().unwrap();
}

#[test]
fn a_role_that_an_edit_cut_off_has_left_is_dropped_as_the_script_says() {
    let mut run = Run::new(Power::Superuser, false);
    run.play(&[Event::User(0, Action::CreateByHand(Some(0))), Event::pass(0)]);
    run.do_as_told().unwrap();
    run.play(&[Event::User(0, Action::Impersonate(Some(0))), Event::pass(0)]);
    let script = run.world.borrow().fetched[0].len();
    // Cut off a statement later each time, until the role is there: what makes roles doesn't roll back.
    let is_left = |run: &Run| !run.world.borrow().warehouse.roles.is_empty();
    for statements in 0.. {
        run.play(&[behind(script, 0, statements)]);
        if is_left(&run) {
            break;
        }
    }
    run.do_as_told().unwrap();
    run.all_are_done().unwrap();
}

#[test]
fn an_account_to_which_no_script_gave_the_database_is_given_it_as_the_status_says() {
    // The script of the account's former name made the database, and that of the new one was run behind it.
    let mut run = Run::new(Power::Superuser, false);
    run.play(&[
        Event::User(0, Action::CreateByHand(Some(0))),
        Event::pass(0),
        behind(8, 0, usize::MAX),
        Event::User(0, Action::Rename(1)),
        Event::pass(0),
        behind(4, 2, usize::MAX),
    ]);
    run.do_as_told().unwrap();
    run.all_are_done().unwrap();
}

#[test]
fn policy_views_come_after_an_edit_even_if_their_key_is_there_already() {
    let mut run = run(Power::Superuser, Some(0), &[WHOLE]);
    run.play(&[
        Event::Others(Deed::Tamper(0)),
        Event::User(0, Action::PolicyViews(true)),
        Event::User(0, Action::Repair(true)),
        Event::failing(0, Step::Named("create-entitlement", 0), Fault::AnswerLost),
        Event::Others(Deed::Tamper(0)),
        Event::User(0, Action::Repair(false)),
        Event::User(0, Action::Impersonate(Some(2))),
    ]);
    run.settle().unwrap();
    run.play(&[Event::User(0, Action::Repair(true))]);
    run.settle().unwrap();
    run.all_are_done().unwrap();
}

#[test]
fn what_old_scripts_have_set_up_with_another_account_is_gone_on_with_as_the_status_says() {
    // The account is renamed before anything is run; then the old scripts are run behind it, and the new ones behind those.
    let begun = [
        Event::User(0, Action::CreateByHand(Some(0))),
        Event::pass(0),
        behind(0, 0, 0),
        Event::User(0, Action::Rename(1)),
        Event::pass(0),
        behind(7, 0, usize::MAX),
        Event::User(0, Action::Impersonate(Some(0))),
        Event::pass(0),
        behind(4, 2, usize::MAX),
        behind(3, 0, usize::MAX),
    ];
    for back in [false, true] {
        let mut run = Run::new(Power::Superuser, false);
        run.play(&begun);
        if back {
            run.play(&[Event::User(0, Action::Rename(0)), Event::pass(0)]);
            let said = format!("{:?}", run.status_of(0).unwrap().conditions);
            assert!(said.contains("it has set the integration up with the system account warden"), "{said}");
        }
        run.do_as_told().unwrap();
        run.all_are_done().unwrap();
    }
}

#[test]
fn a_user_that_old_scripts_have_left_is_dropped_with_the_role_that_they_have_made_for_it() {
    let mut run = Run::new(Power::Superuser, true);
    run.play(&[
        Event::User(0, Action::CreateByHand(Some(0))),
        Event::pass(0),
        behind(0, 0, 0),
        Event::User(0, Action::Impersonate(Some(0))),
        Event::User(0, Action::Rename(1)),
        Event::pass(0),
        Event::User(0, Action::Rename(0)),
        behind(7, 0, usize::MAX),
        Event::User(0, Action::Impersonate(Some(1))),
        behind(4, 2, 16),
        Event::pass(0),
    ]);
    run.do_as_told().unwrap();
    run.all_are_done().unwrap();
    let roles: Vec<_> = run.world.borrow().warehouse.roles.keys().cloned().collect();
    assert_eq!(roles, ["others_may"]);
}
