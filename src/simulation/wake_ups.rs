//! What wakes a pass, what it then asks for, and that nothing is slept through.

use std::time::Duration;

use super::histories::{Action, Event, Run, spoil};
use super::kubernetes::INTEGRATION;
use super::rows;
use super::warehouse::Power;
use super::world::{Fault, Step};
use crate::api::{Phase, REQUESTED_AT_ANNOTATION, TAKE_OVER_ANNOTATION};

/// The one resource that is looked at.
const SLOT: usize = 0;

const CREATE: Event = Event::User(SLOT, Action::Create(Some(0)));
const WHOLE: Event = Event::pass(SLOT);
const CRASH: Event = Event::Crash(SLOT);

fn run(history: &[Event]) -> Run {
    let mut run = Run::new(Power::Superuser, true);
    run.play(history);
    run
}

impl Run {
    fn now(&self) -> Duration {
        self.world.borrow().clock
    }

    /// Whether a pass is due at once.
    fn is_awake(&self) -> bool {
        self.operators.due_at(SLOT).is_some_and(|at| at <= self.now())
    }

    /// Takes the pass when it is due, and gives what it asks for, step by step.
    fn steps(&mut self) -> Vec<String> {
        self.operators.wait_until(self.operators.due_at(SLOT).unwrap());
        self.world.borrow_mut().slots[SLOT].go_on(None);
        self.operators.begin_pass(SLOT);
        let mut steps = Vec::new();
        loop {
            self.operators.poll(SLOT);
            if !self.operators.is_under_way(SLOT) {
                return steps;
            }
            steps.extend(self.world.borrow().slots[SLOT].coming.as_ref().map(|coming| coming.name.clone()));
        }
    }

    /// Takes what is due by now, for as long as anything is.
    fn take_all_that_is_due(&mut self) {
        while self.is_awake() {
            self.steps();
        }
    }

    fn annotate(&mut self, annotation: &str) {
        self.world.borrow_mut().clusters[0].edit("a", |resource| {
            resource.metadata.annotations.get_or_insert_default().insert(annotation.to_owned(), "now".to_owned());
        });
        self.operators.hear_of_changes();
    }
}

/// What somebody does who wants something.
type Wish = fn(&mut Run);

/// The requests to the API server among the steps of a pass.
fn requests(steps: &[String]) -> Vec<&str> {
    let kinds = [INTEGRATION, "Secret", "ConfigMap"];
    steps.iter().map(String::as_str).filter(|step| kinds.iter().any(|kind| step.ends_with(kind))).collect()
}

#[test]
fn whoever_asks_not_to_be_asked_for_a_while_is_left_alone_for_so_long() {
    // It logs in with an access key.
    let keyed = 2;
    let limited = (Step::Named("obtain-credentials", 0), Fault::Refused);
    let mut run = run(&[Event::User(keyed, Action::Create(Some(0))), Event::failing(keyed, limited.0, limited.1)]);
    // It is woken by what it has written itself.
    run.operators.begin_pass(keyed);
    while run.operators.is_under_way(keyed) {
        run.operators.poll(keyed);
    }
    let due = run.operators.due_at(keyed).expect("it goes on by itself");
    assert!(due >= run.now() + Duration::from_mins(1), "{due:?}");
}

#[test]
fn a_pass_waits_for_the_warehouse_as_seldom_as_it_can() {
    let mut run = run(&[CREATE, WHOLE]);
    let looks = |run: &Run| {
        let waits = run.world.borrow().slots[SLOT].waits.clone();
        waits.into_iter().filter(|sent| rows::is_look(sent[0])).map(|sent| sent.len()).collect::<Vec<_>>()
    };
    // The warehouse; the ids of our users; and what was set up: its registry, all else, and what it looks like.
    assert_eq!(looks(&run), [7, 1, 1, 10, 2], "how many look-ups of a creation are sent together, each time");
    run.play(&[WHOLE]);
    assert_eq!(looks(&run), [1, 10, 2], "and of a validation");
}

#[test]
fn a_creation_reads_and_writes_everything_once() {
    let mut run = run(&[CREATE]);
    let steps = run.steps();
    let expected = [
        "get RedshiftIntegration",
        "get Secret",
        "get Secret",
        "get ConfigMap",
        "merge RedshiftIntegration",
        "create Secret",
        "write status of RedshiftIntegration",
        "merge Secret",
        "write status of RedshiftIntegration",
    ];
    assert_eq!(requests(&steps), expected);
    assert_eq!(run.phase_of(SLOT), Some(Phase::Enabled));
}

#[test]
fn the_echo_of_own_writes_is_no_reason_for_anything() {
    // However late the watches are: what they tell is older than what is written, or all of it comes at once.
    for silent_before in [None, Some("create Secret"), Some("merge Secret")] {
        let mut run = run(&[CREATE]);
        if let Some(step) = silent_before {
            run.play(&[Event::before(SLOT, Step::Named(step, 0)), Event::Silence(SLOT, true)]);
        }
        run.play(&[WHOLE]);
        assert_eq!(run.phase_of(SLOT), Some(Phase::Enabled));
        // Something else wakes it while what is told is old.
        run.operators.wake(SLOT);
        assert_eq!(run.steps(), [""; 0], "{silent_before:?}");
        run.play(&[Event::Silence(SLOT, false)]);
        run.operators.wake(SLOT);
        assert_eq!(run.steps(), [""; 0], "{silent_before:?}");
        assert_eq!(run.operators.due_at(SLOT), Some(Duration::from_hours(1)));
    }
}

#[test]
fn a_validation_reads_what_it_needs_and_no_more() {
    let mut run = run(&[CREATE, WHOLE]);
    run.take_all_that_is_due();
    let steps = run.steps();
    assert_eq!(requests(&steps), ["get RedshiftIntegration", "get Secret", "get ConfigMap"]);
}

#[test]
fn a_suspended_resource_is_looked_at_once_after_a_restart() {
    let suspend = Event::User(SLOT, Action::Suspend(true));
    let mut run = run(&[CREATE, suspend, WHOLE, CRASH]);
    assert_eq!(run.steps(), ["get RedshiftIntegration"]);
    run.operators.wake(SLOT);
    assert_eq!(run.steps(), [""; 0]);
    // One that is enabled has time.
    let mut run = self::run(&[CREATE, WHOLE, suspend, WHOLE, CRASH]);
    assert_eq!(run.steps(), [""; 0]);
    assert_eq!(run.steps(), ["get RedshiftIntegration"]);
    assert_eq!(run.operators.due_at(SLOT), None);
}

#[test]
fn what_it_refers_to_and_changes_in_the_middle_of_a_pass_is_a_reason_for_another() {
    for missing in [Action::Credentials, Action::Authority] {
        let missing = |is_missing| Event::User(SLOT, missing(is_missing));
        for look in 0.. {
            let mut run = run(&[CREATE, missing(true), Event::before(SLOT, Step::Look(look))]);
            if !run.operators.is_under_way(SLOT) {
                assert!(look >= 3, "{look} looks");
                break;
            }
            run.play(&[missing(false), WHOLE]);
            run.take_all_that_is_due();
            assert_eq!((run.phase_of(SLOT), run.now()), (Some(Phase::Enabled), Duration::ZERO), "before look {look}");
        }
        // When it has read that there is none, and before it says so.
        let mut run = run(&[CREATE, missing(true), Event::before(SLOT, Step::Act(0)), missing(false), WHOLE]);
        assert_eq!(run.phase_of(SLOT), Some(Phase::CreateError));
        run.take_all_that_is_due();
        assert_eq!((run.phase_of(SLOT), run.now()), (Some(Phase::Enabled), Duration::ZERO));
    }
}

#[test]
fn an_own_secret_that_is_spoiled_in_the_middle_of_a_pass_is_noticed_at_once() {
    let mut last = 0;
    for step in 0..60 {
        let mut run = run(&[CREATE, WHOLE]);
        run.take_all_that_is_due();
        run.annotate(REQUESTED_AT_ANNOTATION);
        run.play(&[Event::before(SLOT, Step::Look(step))]);
        if !run.operators.is_under_way(SLOT) {
            break;
        }
        let before = run.now();
        // Told of at once, or late.
        run.world.borrow_mut().clusters[0].silence(step % 2 == 0);
        spoil(&mut run.world.borrow_mut().clusters[0], "a", true);
        run.play(&[WHOLE, Event::Silence(SLOT, false)]);
        run.take_all_that_is_due();
        assert_eq!(run.phase_of(SLOT), Some(Phase::RecurringValidationError), "before look {step}");
        assert_eq!(run.now(), before);
        last = step;
    }
    assert!(last > 5, "{last} looks");
}

#[test]
fn an_edit_in_the_middle_of_a_pass_is_a_reason_for_another() {
    for step in 0..60 {
        let mut run = run(&[CREATE, Event::before(SLOT, Step::Look(step))]);
        if !run.operators.is_under_way(SLOT) {
            assert!(step > 5, "{step} looks");
            break;
        }
        run.play(&[Event::User(SLOT, Action::Impersonate(Some(0))), WHOLE]);
        run.take_all_that_is_due();
        assert_eq!(run.now(), Duration::ZERO, "before look {step}");
        assert_eq!(run.phase_of(SLOT), Some(Phase::Enabled), "before look {step}");
        run.all_are_done().unwrap();
    }
}

#[test]
fn a_resource_of_the_same_name_is_not_taken_for_the_one_that_was_there() {
    let mut run = run(&[CREATE, WHOLE]);
    run.take_all_that_is_due();
    run.play(&[Event::User(SLOT, Action::Replace)]);
    assert!(run.is_awake());
    assert_eq!(run.steps().first().map(String::as_str), Some("get RedshiftIntegration"));
}

#[test]
fn after_a_restart_what_is_well_is_looked_at_later_and_nobody_is_asked_until_then() {
    let mut run = run(&[CREATE, WHOLE]);
    run.take_all_that_is_due();
    run.play(&[CRASH]);
    assert_eq!(run.steps(), [""; 0]);
    let first = run.operators.due_at(SLOT).unwrap();
    assert!(first > Duration::ZERO && first <= Duration::from_mins(6), "{first:?}");
    let steps = run.steps();
    assert_eq!(requests(&steps), ["get RedshiftIntegration", "get Secret", "get ConfigMap"]);
    assert_eq!(run.now(), first);
}

#[test]
fn after_a_restart_what_somebody_wants_is_done_at_once() {
    let wishes: [(&str, Wish); 6] = [
        ("an edit", |run| run.play(&[Event::User(SLOT, Action::Impersonate(Some(1)))])),
        ("a deletion", |run| run.play(&[Event::User(SLOT, Action::Delete)])),
        ("a look", |run| run.annotate(REQUESTED_AT_ANNOTATION)),
        ("a take-over", |run| run.annotate(TAKE_OVER_ANNOTATION)),
        ("an empty status", |run| run.play(&[Event::User(SLOT, Action::EmptyStatus)])),
        ("a lost Secret", |run| run.play(&[Event::User(SLOT, Action::DeleteSecret)])),
    ];
    for (wish, make) in wishes {
        let mut run = run(&[CREATE, WHOLE]);
        run.take_all_that_is_due();
        make(&mut run);
        run.play(&[CRASH]);
        assert_eq!(run.steps().first().map(String::as_str), Some("get RedshiftIntegration"), "{wish}");
        assert_eq!(run.now(), Duration::ZERO, "{wish}");
        // Or while it waits for the first look.
        let mut run = self::run(&[CREATE, WHOLE]);
        run.take_all_that_is_due();
        run.play(&[CRASH]);
        assert_eq!(run.steps(), [""; 0]);
        make(&mut run);
        assert!(run.is_awake(), "{wish}");
        assert_eq!(run.steps().first().map(String::as_str), Some("get RedshiftIntegration"), "{wish}");
    }
}
