//! Status, the Secret, or the resource itself is lost in the middle of a creation, an edit or a deletion. Each
//! comes to what it would have come to, or says which statements are the way on, and these are.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use redshift_integration_operator::api::RedshiftIntegration;
use redshift_stand_in::Options;
use redshift_stand_in::faults::{Action, Fault};
use serde_json::{Value, json};

use crate::support::{
    Dump, World, admin, asked_for, assert_same, conditions, documented, login, makes_a_lesser_admin, phase_of,
    run_by_hand, said, statements,
};

const SECRET: &str = "analytics-system-account";

/// What is lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lost {
    /// Emptied through the subresource.
    Status,
    /// Deleted.
    Secret,
    /// A backup was restored: the resource is there under another UID, with the finalizer and without status.
    Uid,
}

/// What goes on meanwhile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Doing {
    Creation,
    Edit,
    Deletion,
}

/// What the operator does when it happens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operator {
    /// It goes on.
    AtWork,
    /// It was killed, and another one takes up the work.
    Killed,
}

/// What it comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// What it would have come to.
    Undisturbed,
    /// The same, after a superuser has run the statements that the message gives.
    ByHand(&'static str),
    /// What there was is enabled for the restored resource, with the annotation that the message gives.
    TakenOver,
    /// The deletion was half done: with the annotation and another deletion it is whole.
    TakenOverToBeDeleted,
    /// Nothing was left: it is created anew.
    CreatedAnew,
}

use Doing::{Creation, Deletion, Edit};
use End::{ByHand, CreatedAnew, TakenOver, TakenOverToBeDeleted, Undisturbed};
use Operator::{AtWork, Killed};

/// What goes on, the statement whose answer the operator is waiting for, the operator, and the end.
type Case = (Doing, &'static str, Operator, End);

const CLAIM: &str = "CREATE USER redshift_governance_claim";
const DATABASE: &str = "CREATE DATABASE";
const OBJECTS: &str = "CREATE OR REPLACE VIEW immuta_system.user_profile";
const ROLE: &str = "CREATE ROLE";
const COMMIT: &str = "COMMIT";
const MARK: &str = "SET state = 'deleting'";
const DROP: &str = "DROP DATABASE";
const DROP_ACCOUNT: &str = "DROP USER \"immuta_system_account\"";

/// Retries come soon: there are many cases.
const PROMPT: [&str; 3] = ["--log-level=info", "--retry-delay-milliseconds=50", "--retry-delay-max-milliseconds=500"];

/// A world, and what things come to in it undisturbed.
struct Scene {
    world: World,
    nothing: Dump,
    created: Dump,
    edited: Dump,
}

impl Scene {
    async fn new() -> Self {
        let mut world = World::without_operator(Options::default()).await;
        let nothing = Dump::of(&world.stand_in).await;
        world.start_operator_with(&PROMPT);
        world.enabled().await;
        let created = Dump::of(&world.stand_in).await;
        edit(&world).await;
        world.until_phase("enabled").await;
        let edited = Dump::of(&world.stand_in).await;
        world.delete().await;
        world.until_gone().await;
        Self { world, nothing, created, edited }
    }

    async fn run(&mut self, lost: Lost, (doing, at, operator, end): Case) {
        eprintln!("{lost:?} lost in {doing:?}, after {at}, {operator:?}: {end:?}");
        let hold = Fault::new(Action::HoldAfter).at(at);
        match doing {
            Creation => {
                self.world.stand_in.faults().set(hold);
                self.world.create(json!({})).await;
            }
            Edit => {
                self.world.enabled().await;
                self.world.stand_in.faults().set(hold);
                edit(&self.world).await;
            }
            Deletion => {
                self.world.enabled().await;
                self.world.stand_in.faults().set(hold);
                self.world.delete().await;
            }
        }
        self.world.stand_in.faults().held().await;
        if operator == Killed {
            self.world.kill_operator();
        }
        lose(&self.world, lost).await;
        if operator == Killed {
            self.world.until_disconnected().await;
        }
        self.world.stand_in.faults().clear();
        if operator == Killed {
            self.world.start_operator_with(&PROMPT);
        }
        self.comes_to(doing, end).await;
    }

    async fn comes_to(&self, doing: Doing, end: End) {
        let Self { world, nothing, created, edited } = self;
        match end {
            Undisturbed => {}
            ByHand(case) => by_hand(world, doing, case).await,
            TakenOver => take_over(world).await,
            TakenOverToBeDeleted => {
                take_over(world).await;
                let object = world.until("it says so", |object| ready_reason(object) == "RegistryState").await;
                documented("lost__backup_restored_of_what_was_being_deleted", &object, "Stalled");
                world.delete().await;
            }
            CreatedAnew => {
                world.until_phase("enabled").await;
            }
        }
        let is_gone = matches!((doing, end), (Deletion, Undisturbed | ByHand(_)) | (_, TakenOverToBeDeleted));
        if !is_gone {
            let object = world.until_phase("enabled").await;
            assert_eq!(conditions(&object), ["True", "False", "False"]);
            assert_same(if doing == Edit { edited } else { created }, &Dump::of(&world.stand_in).await);
            let names = object.status.unwrap().created.unwrap();
            assert_eq!(names.next, None);
            assert_eq!(names.system_account, object.spec.config.system_account.name);
            world.delete().await;
        }
        world.until_gone().await;
        assert_same(nothing, &Dump::of(&world.stand_in).await);
        assert!(world.secrets().get_opt(SECRET).await.unwrap().is_none());
    }
}

async fn edit(world: &World) {
    let edit = json!({"impersonation": {"enabled": true}, "systemAccount": {"name": "governor"}});
    world.patch(json!({"spec": {"config": edit}})).await;
}

async fn empty_the_status(world: &World) {
    let nothing = json!({"status": {
        "phase": null, "conditions": [], "created": null, "deletion": null, "validationResults": null,
        "observedGeneration": -1,
    }});
    world.api().patch_status("analytics", &PatchParams::default(), &Patch::Merge(nothing)).await.unwrap();
}

async fn lose(world: &World, lost: Lost) {
    match lost {
        Lost::Status => empty_the_status(world).await,
        Lost::Secret => {
            world.secrets().delete(SECRET, &DeleteParams::default()).await.unwrap();
        }
        Lost::Uid => {
            let mut object = serde_json::to_value(world.get().await).unwrap();
            world.api().delete("analytics", &DeleteParams::default()).await.unwrap();
            world.patch(json!({"metadata": {"finalizers": []}})).await;
            world.until_gone().await;
            object.as_object_mut().unwrap().remove("status");
            let metadata = object["metadata"].as_object_mut().unwrap();
            metadata.retain(|field, _| ["name", "namespace", "finalizers"].contains(&field.as_str()));
            let object: RedshiftIntegration = serde_json::from_value(object).unwrap();
            world.api().create(&PostParams::default(), &object).await.unwrap();
        }
    }
}

fn ready_reason(object: &RedshiftIntegration) -> &str {
    let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    conditions.iter().find(|condition| condition.type_ == "Ready").map_or("", |condition| condition.reason.as_str())
}

/// Does what the message says.
async fn by_hand(world: &World, doing: Doing, case: &str) {
    let object = world.until("it says so", |object| ready_reason(object) == "ProofLost").await;
    assert_eq!(phase_of(&object), if doing == Deletion { "deleteError" } else { "createError" });
    documented(case, &object, "Stalled");
    run_by_hand(&admin(&world.stand_in, "dev").await, &object).await;
}

/// Sets the annotation that the message gives.
async fn take_over(world: &World) {
    let object = world.until("it says so", |object| ready_reason(object) == "SecretNotOurs").await;
    documented("lost__backup_restored", &object, "Stalled");
    let value: Value = json!({"redshift-governance.dev/take-over": asked_for(&object, "take-over")});
    world.patch(json!({"metadata": {"annotations": value}})).await;
}

async fn each(lost: Lost, cases: &[Case]) {
    let mut scene = Scene::new().await;
    for case in cases {
        scene.run(lost, *case).await;
    }
}

#[tokio::test]
async fn status_that_is_lost_in_the_middle_of_things_changes_nothing() {
    let cases = [
        (Creation, CLAIM, AtWork, Undisturbed),
        (Creation, CLAIM, Killed, Undisturbed),
        (Creation, DATABASE, Killed, Undisturbed),
        (Creation, OBJECTS, Killed, Undisturbed),
        (Edit, ROLE, AtWork, Undisturbed),
        (Edit, ROLE, Killed, Undisturbed),
        (Edit, COMMIT, Killed, Undisturbed),
        (Deletion, MARK, AtWork, Undisturbed),
        (Deletion, COMMIT, Killed, Undisturbed),
        (Deletion, DROP, Killed, Undisturbed),
        (Deletion, DROP_ACCOUNT, Killed, Undisturbed),
    ];
    each(Lost::Status, &cases).await;
}

#[tokio::test]
async fn a_secret_that_is_lost_in_the_middle_of_things_is_made_anew_or_explained() {
    let cases = [
        (Creation, CLAIM, AtWork, Undisturbed),
        (Creation, CLAIM, Killed, ByHand("lost__secret_right_after_the_claim")),
        (Creation, DATABASE, Killed, ByHand("lost__secret_before_there_is_a_registry")),
        (Creation, OBJECTS, Killed, Undisturbed),
        (Edit, ROLE, AtWork, Undisturbed),
        (Edit, ROLE, Killed, Undisturbed),
        (Edit, COMMIT, Killed, Undisturbed),
        (Deletion, MARK, AtWork, Undisturbed),
        (Deletion, COMMIT, Killed, Undisturbed),
        (Deletion, DROP, AtWork, Undisturbed),
        (Deletion, DROP, Killed, ByHand("lost__secret_after_the_database_was_dropped")),
    ];
    each(Lost::Secret, &cases).await;
}

#[tokio::test]
async fn a_backup_that_is_restored_in_the_middle_of_things_owns_nothing_until_a_person_says_so() {
    let cases = [
        (Creation, CLAIM, AtWork, TakenOver),
        (Creation, DATABASE, Killed, TakenOver),
        (Creation, OBJECTS, Killed, TakenOver),
        (Edit, ROLE, AtWork, TakenOver),
        (Edit, ROLE, Killed, TakenOver),
        (Deletion, MARK, AtWork, TakenOverToBeDeleted),
        (Deletion, MARK, Killed, TakenOver),
        (Deletion, COMMIT, Killed, TakenOverToBeDeleted),
        (Deletion, DROP, AtWork, CreatedAnew),
        (Deletion, DROP, Killed, TakenOver),
    ];
    each(Lost::Uid, &cases).await;
}

#[tokio::test]
async fn an_edit_that_fails_after_status_was_lost_leaves_the_integration_ready() {
    let mut world = World::new().await;
    world.enabled().await;
    world.kill_operator();
    let before = Dump::of(&world.stand_in).await;
    empty_the_status(&world).await;
    world.patch(json!({"spec": {"config": {"systemAccount": {"name": "awsuser"}}}})).await;
    world.start_operator();
    let object = world.until_phase("editError").await;
    assert_eq!(conditions(&object), ["True", "False", "True"]);
    let message = &said(&object, "Ready");
    assert!(message.starts_with("what was set up works on; the edit has stopped: "), "{message}");
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_secret_that_is_lost_when_the_account_was_just_renamed_is_made_anew_under_the_former_name() {
    let mut world = World::without_operator(Options::default()).await;
    makes_a_lesser_admin(&world).await;
    world.start_operator();
    world.enabled().await;
    // A lesser admin renames it before the registry says so.
    world.stand_in.faults().set(Fault::new(Action::HoldAfter).at(COMMIT));
    edit(&world).await;
    world.stand_in.faults().held().await;
    world.kill_operator();
    lose(&world, Lost::Secret).await;
    world.until_disconnected().await;
    world.stand_in.faults().clear();
    world.start_operator();
    let object = world.until("it says so", |object| ready_reason(object) == "ProofLost").await;
    documented("lost__secret_while_a_lesser_admin_renamed_the_account", &object, "Stalled");
    // Somebody takes the name that became free: his password stays his.
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER immuta_system_account PASSWORD 'Theirs1234'").await.unwrap();
    world.put_secret("redshift-admin", world.stand_in.admin_user(), world.stand_in.admin_password()).await;
    let object = world.until("it says so", |object| ready_reason(object) == "UsersGone").await;
    documented("lost__secret_of_a_renamed_account", &object, "Stalled");
    let (_, statement) = statements(&object).remove(0);
    login(&world.stand_in, "immuta_system_account", "Theirs1234", "dev").await.unwrap();
    dba.batch_execute("DROP USER immuta_system_account").await.unwrap();
    dba.batch_execute(&statement).await.unwrap();
    let object = world.until_phase("enabled").await;
    assert_eq!(object.status.unwrap().created.unwrap().system_account, "governor");
    world.delete().await;
    world.until_gone().await;
}
