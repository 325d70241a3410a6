//! A namespace is deleted, with the operator in another one. Kubernetes deletes what is in it in any order, and
//! lets nothing be created in it any more: no Secret, no event.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource};
use redshift_integration_operator::api::RedshiftIntegration;
use redshift_stand_in::faults::{Action, Fault};
use redshift_stand_in::{Options, StandIn};
use serde_json::json;

use crate::manual::{Person, confirms};
use crate::support::{
    ControlPlane, Dump, World, admin, assert_same, condition, documented, makes_a_lesser_admin, phase_of, rows,
    run_by_hand,
};

const OURS: &str = "analytics-system-account";
const ADMINS: &str = "redshift-admin";
const AUTHORITY: &str = "redshift-ca";
const MARK: &str = "SET state = 'deleting'";

/// Keeps something in a namespace that is being deleted, or lets it go.
async fn keep<K>(world: &World, name: &str, kept: bool)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let finalizers = if kept { json!(["tests.example/kept"]) } else { json!([]) };
    let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    let api = Api::<K>::namespaced(world.client.clone(), &world.namespace);
    api.patch(name, &PatchParams::default(), &patch).await.unwrap();
}

/// Keeps all that is named, or lets it go.
async fn keep_all(world: &World, names: &[&str], kept: bool) {
    for name in names {
        match *name {
            AUTHORITY => keep::<ConfigMap>(world, name, kept).await,
            _ => keep::<Secret>(world, name, kept).await,
        }
    }
}

/// Waits until nothing of this name is left.
async fn until_it_went(world: &World, name: &str) {
    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
    let is_there = async || match name {
        AUTHORITY => maps.get_opt(name).await.unwrap().is_some(),
        _ => world.secrets().get_opt(name).await.unwrap().is_some(),
    };
    while is_there().await {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Removes what is left by the statements in the message, after `Retain`, which it gives too.
async fn let_go_and_remove_by_hand(world: &World, object: &RedshiftIntegration) {
    let before = Dump::of(&world.stand_in).await;
    world.patch(json!({"spec": {"deletionPolicy": "Retain"}})).await;
    world.until_gone().await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
    run_by_hand(&admin(&world.stand_in, "dev").await, object).await;
}

/// An integration in a namespace of its own, and the warehouse as it was before.
struct Integration {
    world: World,
    nothing: Dump,
}

impl Integration {
    async fn enabled(home: &World) -> Self {
        let world = home.beside().await;
        let nothing = Dump::of(&world.stand_in).await;
        world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
        world.until_phase("enabled").await;
        Self { world, nothing }
    }

    async fn is_gone_from_the_warehouse(&self) {
        self.world.until_gone().await;
        assert_same(&self.nothing, &Dump::of(&self.world.stand_in).await);
    }
}

/// A deletion that began before goes on with what it has read; and one for which nothing is arranged ends in the
/// one way or the other.
async fn with_the_operator_at_work(home: &World) -> [World; 2] {
    let (first, arbitrary) = tokio::join!(Integration::enabled(home), Integration::enabled(home));
    first.world.stand_in.faults().set(Fault::new(Action::HoldAfter).at(MARK));
    first.world.delete().await;
    first.world.stand_in.faults().held().await;
    tokio::join!(first.world.delete_namespace(), arbitrary.world.delete_namespace());
    for name in [OURS, ADMINS, AUTHORITY] {
        until_it_went(&first.world, name).await;
    }
    first.world.stand_in.faults().clear();
    first.is_gone_from_the_warehouse().await;

    let stopped = loop {
        match arbitrary.world.api().get_opt("analytics").await.unwrap() {
            None => break None,
            Some(object) if phase_of(&object) == "deleteError" && condition(&object, "Stalled").status == "True" => {
                break Some(object);
            }
            Some(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    if let Some(object) = stopped {
        let_go_and_remove_by_hand(&arbitrary.world, &object).await;
    }
    arbitrary.is_gone_from_the_warehouse().await;
    [first.world, arbitrary.world]
}

/// What is there when the operator comes back, and what it says then; nothing where it can do its work.
type Arranged = (&'static [&'static str], Option<(&'static str, &'static str)>);

const ARRANGED: [Arranged; 6] = [
    (&[ADMINS, AUTHORITY], None),
    // With somebody in it who is no superuser.
    (&[ADMINS, AUTHORITY], Some(("ProofLost", "namespace__our_secret_went_first_and_the_admin_is_no_superuser"))),
    (&[OURS, AUTHORITY], Some(("SecretMissing", "namespace__admin_secret_went_first"))),
    (&[OURS, ADMINS], Some(("CaBundleMissing", "namespace__ca_bundle_went_first"))),
    (&[], Some(("SecretMissing", "namespace__everything_went_first"))),
    // With an operator that dies when the database is dropped, and the users are not.
    (&[ADMINS, AUTHORITY], Some(("ProofLost", "namespace__our_secret_went_first_and_half_of_it_is_removed"))),
];

/// Where the operator dies in the middle of a removal, of which of those.
const DIES: [(usize, &str); 2] = [(0, MARK), (5, "DROP DATABASE")];

async fn clear_away_the_lesser_admin(world: &World) {
    let dba = admin(&world.stand_in, "dev").await;
    if !rows(&dba, "SELECT usename FROM pg_user WHERE usename = 'lesser'").await.is_empty() {
        dba.batch_execute("DROP USER lesser").await.unwrap();
        dba.batch_execute("DROP ROLE makers").await.unwrap();
    }
}

async fn with_the_operator_away(home: &mut World) -> Vec<World> {
    let enabled = ARRANGED.map(|_| Integration::enabled(home));
    let integrations = futures::future::join_all(enabled).await;
    home.kill_operator();
    makes_a_lesser_admin(&integrations[1].world).await;
    for (Integration { world, .. }, (kept, _)) in integrations.iter().zip(ARRANGED) {
        keep_all(world, kept, true).await;
        world.delete_namespace().await;
    }
    for (Integration { world, .. }, (kept, _)) in integrations.iter().zip(ARRANGED) {
        for name in [OURS, ADMINS, AUTHORITY].into_iter().filter(|name| !kept.contains(name)) {
            until_it_went(world, name).await;
        }
    }
    // Without our Secret each pass sets passwords of its own, since none can be stored.
    let without_ours = DIES.map(|(n, at)| (&integrations[n].world, at));
    for (world, at) in without_ours {
        world.stand_in.faults().set(Fault::new(Action::HoldAfter).at(at));
    }
    home.start_operator();
    for (world, _) in without_ours {
        world.stand_in.faults().held().await;
    }
    home.kill_operator();
    for (world, _) in without_ours {
        world.until_disconnected().await;
        world.stand_in.faults().clear();
    }
    home.start_operator();
    for (integration, (kept, said)) in integrations.iter().zip(ARRANGED) {
        if let Some((reason, case)) = said {
            let object = integration.world.until_phase("deleteError").await;
            assert_eq!(condition(&object, "Stalled").reason, reason);
            documented(case, &object, "Stalled");
            let_go_and_remove_by_hand(&integration.world, &object).await;
        }
        clear_away_the_lesser_admin(&integration.world).await;
        integration.is_gone_from_the_warehouse().await;
        keep_all(&integration.world, kept, false).await;
    }
    integrations.into_iter().map(|integration| integration.world).collect()
}

/// How far a person has come in manual mode when the namespace goes, and what of it goes first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ByHand {
    NothingWasRun,
    Enabled,
    ARemovalIsAwaited,
    EnabledAndOurSecretWent,
    EnabledAndTheAuthorityWent,
}

impl ByHand {
    const ALL: [Self; 5] = [
        Self::NothingWasRun,
        Self::Enabled,
        Self::ARemovalIsAwaited,
        Self::EnabledAndOurSecretWent,
        Self::EnabledAndTheAuthorityWent,
    ];

    /// What is kept, what went, and what the status says of it.
    fn arranged(self) -> (&'static [&'static str], &'static str, &'static str, &'static str) {
        let scripts = "analytics-scripts";
        match self {
            Self::NothingWasRun => (&[AUTHORITY], scripts, "", ""),
            Self::Enabled | Self::ARemovalIsAwaited => {
                (&[OURS, AUTHORITY], scripts, "ApiServer", "namespace__no_script_can_be_published")
            }
            Self::EnabledAndOurSecretWent => {
                (&[AUTHORITY], OURS, "ProofLost", "namespace__our_secret_went_first_in_manual_mode")
            }
            Self::EnabledAndTheAuthorityWent => {
                (&[OURS], AUTHORITY, "CaBundleMissing", "namespace__ca_bundle_went_first_in_manual_mode")
            }
        }
    }
}

/// In manual mode the scripts of a removal have no place any more: what is fetched already can be run, the status says what
/// else there is to do, and a person's word is enough in the end.
async fn with_a_person(home: &World, kubeconfig: &str, how_far: ByHand) -> World {
    let person = Person::of(home.beside().await, kubeconfig.to_owned(), json!({})).await;
    let world = &person.world;
    let nothing = Dump::of(&world.stand_in).await;
    if how_far == ByHand::NothingWasRun {
        person.until_asked("initial-create.sql").await;
    } else {
        person.sets_up().await;
    }
    if how_far == ByHand::ARemovalIsAwaited {
        world.delete().await;
        person.until_asked("delete.sql").await;
        person.fetch().await;
    }
    let (kept, went, reason, case) = how_far.arranged();
    keep_all(world, kept, true).await;
    world.delete_namespace().await;
    until_it_went(world, went).await;
    if how_far != ByHand::NothingWasRun {
        until_it_is_told_and_removed(&person, how_far, reason, case).await;
    }
    world.until_gone().await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
    keep_all(world, kept, false).await;
    person.world
}

async fn until_it_is_told_and_removed(person: &Person, how_far: ByHand, reason: &str, case: &str) {
    let world = &person.world;
    // What went may have been there at the last look.
    world.patch(look_now()).await;
    let is_told = |object: &RedshiftIntegration| {
        phase_of(object) == "deleteError" && condition(object, "Stalled").reason == reason
    };
    let object = world.until(&format!("it says {reason}"), is_told).await;
    documented(case, &object, "Stalled");
    // It waits for a person, and doesn't look all the time.
    let looked = world.stand_in.journal().statements().len();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let looked = world.stand_in.journal().statements().len() - looked;
    assert!(looked < 50, "{looked} statements in a second");
    if how_far == ByHand::EnabledAndTheAuthorityWent {
        return let_go_and_remove_by_hand(world, &object).await;
    }
    if how_far == ByHand::ARemovalIsAwaited {
        person.runs("delete.sql").await;
        person.runs("delete-rest.sql").await;
    } else {
        run_by_hand(&admin(&world.stand_in, "dev").await, &object).await;
    }
    if how_far != ByHand::EnabledAndOurSecretWent {
        world.patch(look_now()).await;
        let is_asked = |object: &RedshiftIntegration| condition(object, "Reconciling").reason == "AwaitingConfirmation";
        world.until("a person is to confirm it", is_asked).await;
    }
    confirms(person, "confirm-deleted").await;
}

fn look_now() -> serde_json::Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos().to_string();
    json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": now}}})
}

#[tokio::test]
async fn a_namespace_takes_its_integration_along_or_the_status_says_why_not() {
    let control_plane = ControlPlane::start().await;
    let stand_in = StandIn::start(Options::default()).await.unwrap();
    let mut home = World::cluster_wide_on(&control_plane, stand_in.into()).await;
    home.start_operator();
    let at_work = with_the_operator_at_work(&home).await;
    let away = with_the_operator_away(&mut home).await;
    for world in at_work.into_iter().chain(away) {
        world.until_namespace_is_gone().await;
    }
    // The last events couldn't be created: that has stopped nothing.
    assert!(home.log().contains("an event was not published"));
}

#[tokio::test]
async fn a_namespace_takes_along_what_a_person_has_set_up_or_the_status_says_what_to_run() {
    let control_plane = ControlPlane::start().await;
    let stand_in = StandIn::start(Options::default()).await.unwrap();
    let mut home = World::cluster_wide_on(&control_plane, stand_in.into()).await;
    home.start_operator();
    let kubeconfig = control_plane.kubeconfig().display().to_string();
    let worlds = ByHand::ALL.map(|how_far| with_a_person(&home, &kubeconfig, how_far));
    for world in futures::future::join_all(worlds).await {
        world.until_namespace_is_gone().await;
    }
}

#[tokio::test]
async fn several_resources_of_a_namespace_are_deleted_at_once() {
    let world = World::new().await;
    let other = Arc::new(StandIn::start(Options::default()).await.unwrap());
    world.put_secret("other-admin", other.admin_user(), other.admin_password()).await;
    world.put_ca("other-ca", other.ca_pem()).await;
    let before = (Dump::of(&world.stand_in).await, Dump::of(&other).await);
    world.enabled().await;
    let config = json!({
        "port": other.port(), "credentialsSecretRef": {"name": "other-admin"},
        "tls": {"caBundleRef": {"name": "other-ca"}},
    });
    world.create_named("other", json!({"config": config})).await;
    // Comes too late for the first one's warehouse.
    world.create_named("late", json!({})).await;
    for (name, phase) in [("other", "enabled"), ("late", "createError")] {
        world.until_named_is(name, phase).await;
    }
    world.api().delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    for name in ["analytics", "other", "late"] {
        world.until_gone_named(name).await;
    }
    assert_same(&before.0, &Dump::of(&world.stand_in).await);
    assert_same(&before.1, &Dump::of(&other).await);
    let left = world.secrets().list(&ListParams::default()).await.unwrap().items;
    let left: Vec<_> = left.iter().filter_map(|secret| secret.metadata.name.as_deref()).collect();
    assert_eq!(left, ["other-admin", "redshift-admin"]);
}
