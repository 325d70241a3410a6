//! The properties. A failing history is shrunk, and printed with its seed.

use std::collections::BTreeSet;

use kube::ResourceExt;
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::histories::{Action, Event, ROLES, Run, SLOTS, give_authority, give_credentials, spoil};
use super::invariants::{is_enabled, opened_by, uid_of};
use super::kubernetes::Cluster;
use super::others::{Deed, clear_up, is_tampered_with};
use super::strategies::{
    begun, begun_with_a_member, config, modes, of_a_person, of_changes_by_others, of_confirmed_deletions, of_one_alone,
    of_one_among_others, of_renamings, of_rotations, of_several, of_take_overs, power,
};
use super::warehouse::{Power, Warehouse};
use crate::api::{Phase, ROTATE_ANNOTATION, RedshiftIntegration, RedshiftIntegrationStatus};
use crate::lifecycle::checks::Test;
use crate::lifecycle::{Schema, validate};
use crate::reconcile::integration::Examination;
use crate::scripts::{CLAIM_USER, POLICY_VIEWS_VERSION};

/// Cases per property, of each run of the suite; by hand there are more (CONTRIBUTING.md).
const CASES: u32 = 600;

/// The same where a person runs scripts, which are taken apart each time.
const CASES_OF_A_PERSON: u32 = 200;

/// So many passes must be enough, whatever happened before.
const PASSES: usize = 300;

/// What there is, without what changes by looking alone.
#[derive(PartialEq)]
struct Picture {
    warehouse: Warehouse,
    clusters: Vec<Cluster>,
}

impl Run {
    fn picture(&self) -> Picture {
        let world = self.world.borrow();
        let mut warehouse = world.warehouse.clone();
        for database in warehouse.databases.values_mut() {
            if let Some(registry) = &mut database.registry {
                registry.fencing_counter = 0;
            }
        }
        Picture { warehouse, clusters: world.clusters.iter().map(Cluster::still).collect() }
    }

    /// No more faults: passes as they fall due, until nothing changes any more.
    pub fn settle(&mut self) -> Result<(), String> {
        self.interrupt();
        let (mut before, mut in_vain) = (self.picture(), BTreeSet::new());
        for _ in 0..PASSES {
            let Some(slot) = self.take_next_pass() else { return self.unbroken() };
            let after = self.picture();
            if after != before {
                in_vain.clear();
            }
            // One that only found out that it isn't due yet is none.
            if self.world.borrow().slots[slot].has_taken_steps() || self.operators.is_waiting(slot) {
                in_vain.insert(slot);
            }
            // Whoever will be looked at again has been, since anything changed.
            if self.operators.all_due_are_among(&in_vain) {
                return self.unbroken();
            }
            before = after;
        }
        Err("it settles when faults stop: it doesn't".to_owned())
    }

    fn unbroken(&self) -> Result<(), String> {
        self.world.borrow().broken.first().map_or(Ok(()), |broken| Err(broken.clone()))
    }

    /// With every right, and nothing in the way.
    pub fn lift_obstacles(&mut self) {
        self.set_admin(Power::Superuser);
        let world = &mut *self.world.borrow_mut();
        clear_up(world);
        // As the message asks for: the account that made them is not in the Secret any more.
        let lesser = [Power::Seeing, Power::Blind].map(|power| world.warehouse.users[power.name()].id);
        world.warehouse.databases.retain(|_, it| !lesser.contains(&it.owner) || !it.objects.is_empty());
        for cluster in &mut world.clusters {
            for slot in SLOTS {
                spoil(cluster, slot.1, false);
            }
            cluster.let_go(false);
            give_credentials(cluster, Power::Superuser);
            give_authority(cluster);
        }
        // As the messages ask for: passwords are set to the Secret's again, and a role without a tie dropped.
        let accounts: Vec<_> = world.clusters.iter().flat_map(Cluster::accounts).collect();
        for (_, _, account) in &accounts {
            let of_account =
                account.account_names().filter_map(|name| Some((name, account.passwords_of(name).next()?)));
            let of_claim = account.claim_passwords().next().map(|password| (CLAIM_USER, password));
            for (name, password) in of_account.chain(of_claim) {
                if let Some(user) = world.warehouse.users.get_mut(name) {
                    let digest = || password.md5_for(name).expose_secret().to_owned();
                    user.password.get_or_insert_with(digest);
                }
            }
        }
        if !world.warehouse.users_roll_back {
            world.warehouse.roles.retain(|_, role| role.members.values().any(|admin| *admin));
        }
        for cluster in &mut world.clusters {
            let names: Vec<_> = cluster.integrations().map(ResourceExt::name_any).collect();
            for name in names {
                let accounts = cluster.accounts();
                let place = accounts.into_iter().find(|(of, ..)| *of == name).map(|(_, _, account)| account.place);
                cluster.edit(&name, |resource| {
                    resource.spec.suspend = false;
                    if let Some(place) = place {
                        // Where the Secret says that it is: what the status asks for.
                        resource.spec.config.database.clone_from(&place.setup.database);
                        resource.spec.config.database_mode = place.setup.database_mode;
                    }
                });
            }
        }
    }

    /// All resources.
    pub fn resources(&self) -> Vec<RedshiftIntegration> {
        self.world.borrow().clusters.iter().flat_map(Cluster::integrations).cloned().collect()
    }

    /// The status of a slot's resource.
    pub fn status_of(&self, slot: usize) -> Option<RedshiftIntegrationStatus> {
        let (cluster, name, _) = SLOTS[slot];
        self.world.borrow().clusters[cluster].integration(name)?.status.clone()
    }

    /// The phase of a slot's resource.
    pub fn phase_of(&self, slot: usize) -> Option<Phase> {
        self.status_of(slot)?.phase
    }

    /// Whether every resource is gone, or set up as wanted.
    pub fn all_are_done(&self) -> Result<(), String> {
        for resource in self.resources() {
            let created = resource.status.as_ref().and_then(|status| status.created.clone());
            let wanted = validate(&resource.spec).map_err(|invalid| invalid.to_string())?.place;
            let with_views = created.as_ref().is_some_and(|created| created.schema_version == POLICY_VIEWS_VERSION);
            let as_wanted = created.is_some_and(|created| crate::lifecycle::Place::from(&created) == wanted)
                && (with_views || !resource.spec.config.policy_views.enabled);
            if is_going(&resource) || !is_enabled(&resource) || !as_wanted || !self.has_one_password_each(&resource) {
                return Err(format!("{} doesn't get done: {:?}", uid_of(&resource), brief(&resource)));
            }
        }
        Ok(())
    }

    /// Both users have the passwords that the Secret holds, and no others are to come.
    fn has_one_password_each(&self, resource: &RedshiftIntegration) -> bool {
        let world = self.world.borrow();
        let account = world.clusters.iter().find_map(|cluster| cluster.account(resource));
        account.is_some_and(|account| {
            !account.is_rotating()
                && account.next_password.is_none()
                && opened_by(&account, &world.warehouse).len() == 2
        })
    }

    /// Of which nobody knows any more whose they are: a deletion asks a person. Whether there was any.
    fn drop_the_roles_that_messages_name(&mut self) -> bool {
        let said: Vec<_> = self.resources().iter().map(brief).collect();
        let is_named = |role: &str| said.iter().any(|said| said.contains(&format!("owns the role {role}")));
        let named: Vec<_> = (0..ROLES.len()).filter(|n| is_named(ROLES[*n])).collect();
        for n in &named {
            self.play(&[Event::Others(Deed::DropRole(*n))]);
        }
        !named.is_empty()
    }

    /// All resources are deleted, and all that is ours goes with them.
    pub fn delete_all(&mut self) -> Result<(), String> {
        for slot in 0..SLOTS.len() {
            self.play(&[Event::User(slot, Action::Retain(false)), Event::User(slot, Action::Delete)]);
        }
        self.settle()?;
        if self.drop_the_roles_that_messages_name() {
            self.settle()?;
        }
        let excused = self.world.borrow().excused.clone();
        let left = self.resources().into_iter().find(|resource| !excused.contains(&uid_of(resource)));
        left.map_or(Ok(()), |resource| {
            Err(format!("a deletion ends: {} is still there: {:?}", uid_of(&resource), brief(&resource)))
        })
    }

    /// A person does what the status of the first slot's resource says, until nothing is to be done.
    pub fn do_as_told(&mut self) -> Result<(), String> {
        let mut done = Vec::new();
        for _ in 0..12 {
            self.settle()?;
            let Some(status) = self.status_of(0) else { return Ok(()) };
            let commands: Vec<_> = status.remedies.iter().filter_map(|remedy| remedy.command.clone()).collect();
            if commands.iter().any(|command| command.contains("confirm-deleted=")) {
                self.play(&[Event::User(0, Action::ConfirmDeleted)]);
                continue;
            }
            let file = |command: &String| command.split_once("base64 -d > ").map(|(_, file)| file.to_owned());
            let files: Vec<_> = commands.iter().filter_map(file).filter(|file| !file.contains("lesser")).collect();
            if files.is_empty() {
                self.set_back(&status);
                done.push(format!("{:?}: {:?}", status.phase, status.conditions));
                if status.conditions.iter().all(|it| it.type_ != "Stalled" || it.status == "False") {
                    return Ok(());
                }
                continue;
            }
            for file in files {
                let result = self.world.borrow_mut().person_follows(0, &file);
                done.push(format!("{file}: {result:?}"));
            }
        }
        Err(format!("what the status says leads nowhere: {done:#?}"))
    }

    /// What is Stalled asks for the spec to be set back to what was begun, for what an old script has left to be dropped, for a
    /// role that it has left to be granted, or for the rights on the database.
    fn set_back(&mut self, status: &RedshiftIntegrationStatus) {
        let world = &mut *self.world.borrow_mut();
        let dropped = |kind: &str, name: &String| {
            let statement = format!("DROP {kind} \"{name}\"");
            let mut commands = status.remedies.iter().filter_map(|remedy| remedy.command.as_ref());
            commands.any(|command| command.starts_with(&statement))
        };
        world.warehouse.roles.retain(|role, _| !dropped("ROLE", role));
        for (name, role) in &mut world.warehouse.roles {
            let granted = |user: &String| {
                let statement = format!("GRANT ROLE \"{name}\" TO \"{user}\" WITH ADMIN OPTION");
                status.remedies.iter().any(|remedy| remedy.command.as_ref() == Some(&statement))
            };
            role.members
                .extend(world.warehouse.users.keys().filter(|user| granted(user)).map(|user| (user.clone(), true)));
        }
        let ids: Vec<_> = world.warehouse.users.iter().map(|(name, user)| (name.clone(), user.id)).collect();
        let superuser = world.warehouse.users[Power::Superuser.name()].id;
        for (name, database) in &mut world.warehouse.databases {
            let granted = |user: &String| {
                let statement = format!("GRANT ALL PRIVILEGES ON DATABASE \"{name}\" TO \"{user}\"");
                status.remedies.iter().any(|remedy| remedy.command.as_ref() == Some(&statement))
            };
            database.granted.extend(ids.iter().filter(|(user, _)| granted(user)).map(|(_, id)| (*id, superuser)));
        }
        let users: Vec<_> = world.warehouse.users.keys().filter(|user| dropped("USER", user)).cloned().collect();
        for user in users {
            let id = world.warehouse.users.remove(&user).unwrap().id;
            for database in world.warehouse.databases.values_mut() {
                database.granted.retain(|(to, by)| *to != id && *by != id);
            }
            for role in world.warehouse.roles.values_mut() {
                role.members.remove(&user);
            }
        }
        let said = status.conditions.iter().find(|it| it.type_ == "Stalled").map(|it| it.message.as_str());
        let named = said.and_then(|said| said.split_once(" with the system account ")?.1.split([' ', ';']).next());
        let Some(begun) = status.created.as_ref().filter(|created| created.applied_hash.is_none()) else { return };
        let there = world.warehouse.databases.get(&begun.database).and_then(|there| there.registry.as_ref());
        let registered = there.map(|registry| registry.setup.impersonation_role.clone());
        world.clusters[SLOTS[0].0].edit(SLOTS[0].1, |resource| {
            let config = &mut resource.spec.config;
            if let Some(name) = named {
                name.clone_into(&mut config.system_account.name);
            }
            config.database.clone_from(&begun.database);
            config.database_mode = begun.database_mode;
            if let Some(role) = registered {
                config.impersonation.enabled = role.is_some();
                config.impersonation.role = role.unwrap_or_else(|| config.impersonation.role.clone());
            }
        });
    }

    fn enabled(&self) -> usize {
        self.resources().iter().filter(|resource| is_enabled(resource)).count()
    }
}

fn is_going(resource: &RedshiftIntegration) -> bool {
    resource.metadata.deletion_timestamp.is_some()
}

/// Its phase, and what its conditions say.
fn brief(resource: &RedshiftIntegration) -> String {
    let status = resource.status.clone().unwrap_or_default();
    let said = status.conditions.iter().filter(|it| !it.message.is_empty());
    let said: Vec<_> = said.map(|it| format!("{}={}: {}", it.type_, it.status, it.message)).collect();
    format!("{:?}; {}", status.phase, said.join("; "))
}

fn check(result: Result<(), String>) -> Result<(), TestCaseError> {
    result.map_err(TestCaseError::fail)
}

/// Where roles don't roll back, a superuser's renaming can outlive its transaction; if a lesser admin's new
/// role is there too, nothing tells which of the two has the members.
fn roll_back(roll_back: bool, admin: Power, history: &[Event]) -> bool {
    roll_back || admin != Power::Superuser || history.iter().any(|event| matches!(event, Event::Admin(_)))
}

proptest! {
    #![proptest_config(config(CASES_OF_A_PERSON))]

    /// A person runs scripts as it comes: what is wanted can be had in the end by doing what the status says.
    #[test]
    fn a_person_gets_what_the_spec_says_in_the_end(
        mode in modes(),
        users_roll_back in any::<bool>(),
        history in of_a_person(),
    ) {
        let mut run = Run::new(Power::Superuser, users_roll_back);
        run.play(&[Event::User(0, Action::CreateByHand(mode)), Event::pass(0)]);
        run.play(&history);
        run.play(&[Event::User(0, Action::Suspend(false))]);
        check(run.do_as_told())?;
        check(run.all_are_done())?;
        let uid = uid_of(&run.resources()[0]);
        run.play(&[Event::User(0, Action::Delete)]);
        check(run.do_as_told())?;
        let left = run.world.borrow().warehouse.of(&uid);
        prop_assert_eq!(left, Vec::<String>::new());
        prop_assert!(run.resources().is_empty());
    }
}

proptest! {
    #![proptest_config(config(CASES))]

    /// Faults, crashes, edits and lost status, with accounts of every kind.
    #[test]
    fn an_integration_alone_gets_what_its_user_wants_in_the_end(
        mode in modes(),
        admin in power(),
        users_roll_back in any::<bool>(),
        history in of_one_alone(),
    ) {
        let mut run = Run::new(admin, users_roll_back);
        run.play(&begun(mode));
        run.play(&history);
        run.lift_obstacles();
        check(run.settle())?;
        check(run.all_are_done())?;
        check(run.delete_all())?;
    }

    /// Whatever stops an edit of names: members of the role stay members.
    #[test]
    fn members_keep_their_role_through_edits_of_its_name(
        mode in modes(),
        admin in power(),
        users_roll_back in any::<bool>(),
        history in of_renamings(),
    ) {
        let mut run = Run::new(admin, roll_back(users_roll_back, admin, &history));
        run.play(&begun_with_a_member(mode));
        run.play(&history);
        check(run.settle())?;
        run.lift_obstacles();
        check(run.settle())?;
        check(run.all_are_done())?;
        let world = run.world.borrow();
        let ours = world.warehouse.roles.values().map(|role| role.members.contains_key("analyst"));
        prop_assert_eq!(ours.collect::<Vec<_>>(), [true]);
    }

    /// Faults and edits, and others do what they like in the warehouse, Secrets get lost, resources are replaced.
    #[test]
    fn among_others_nothing_of_theirs_is_harmed_and_nothing_of_ours_is_left(
        mode in modes(),
        admin in power(),
        users_roll_back in any::<bool>(),
        history in of_one_among_others(),
    ) {
        let mut run = Run::new(admin, roll_back(users_roll_back, admin, &history));
        run.play(&begun(mode));
        run.play(&history);
        check(run.settle())?;
        run.lift_obstacles();
        check(run.settle())?;
        check(run.delete_all())?;
    }

    /// A person confirms a list of others' work; other things happen then, and the list may not fit any more.
    #[test]
    fn a_confirmed_deletion_takes_what_was_on_the_list_and_nothing_else(
        mode in modes(),
        admin in power(),
        history in of_confirmed_deletions(),
    ) {
        let mut run = Run::new(admin, true);
        run.play(&begun_with_a_member(mode));
        run.play(&history);
        check(run.settle())?;
        run.lift_obstacles();
        check(run.settle())?;
        check(run.delete_all())?;
    }

    /// By somebody of the same name, of another cluster, or of the same host; and back.
    #[test]
    fn who_was_taken_over_writes_nothing_any_more_and_nothing_is_left_by_both(
        mode in modes(),
        history in of_take_overs(),
    ) {
        let mut run = Run::new(Power::Superuser, true);
        run.play(&begun_with_a_member(mode));
        run.play(&history);
        run.lift_obstacles();
        check(run.settle())?;
        prop_assert!(run.enabled() <= 1);
        check(run.delete_all())?;
    }

    /// Resources of two clusters, of one cluster under two host names, and of one under the same.
    #[test]
    fn of_several_integrations_one_holds_the_warehouse(history in of_several()) {
        let mut run = Run::new(Power::Superuser, true);
        run.play(&history);
        run.lift_obstacles();
        check(run.settle())?;
        prop_assert!(run.enabled() <= 1);
        let is_wanted = run.resources().iter().any(|resource| !is_going(resource));
        prop_assert!(run.enabled() == 1 || !is_wanted, "one of them gets the warehouse: {:#?}", run.resources());
        check(run.delete_all())?;
    }
}

proptest! {
    // What is looked at is what the other properties bring about.
    #![proptest_config(config(CASES / 4))]

    /// Wherever a pass was cut off, and whatever others have done: whoever only asks changes nothing, and is told what is wrong
    /// unless all is well.
    #[test]
    fn an_examination_changes_nothing(
        mode in modes(),
        admin in power(),
        users_roll_back in any::<bool>(),
        history in of_take_overs(),
    ) {
        let mut run = Run::new(admin, users_roll_back);
        run.play(&begun(mode));
        run.play(&history);
        run.interrupt();
        let world = || {
            let world = run.world.borrow();
            (world.warehouse.clone(), world.clusters.iter().map(Cluster::still).collect::<Vec<_>>())
        };
        let before = world();
        for slot in 0..SLOTS.len() {
            let examined = run.operators.examine(slot);
            let has_failed = |it: &Examination| it.tests.iter().any(Test::has_failed);
            prop_assert!(examined.is_none_or(|it| !has_failed(&it) || it.failure.is_some()));
            prop_assert!(before == world(), "looking at the resource {} has changed something", slot);
        }
    }
}

proptest! {
    // Each of these histories is long.
    #![proptest_config(config(CASES / 2))]

    /// Whatever stops a rotation: one password of the Secret logs in at any moment, and in the end there is one of each
    /// user, and one key.
    #[test]
    fn passwords_are_rotated_without_a_moment_in_which_none_works(
        mode in modes(),
        admin in power(),
        users_roll_back in any::<bool>(),
        history in of_rotations(),
    ) {
        let mut run = Run::new(admin, roll_back(users_roll_back, admin, &history));
        run.play(&begun_with_a_member(mode));
        run.play(&history);
        check(run.settle())?;
        run.lift_obstacles();
        check(run.settle())?;
        check(run.all_are_done())?;
        for resource in run.resources() {
            let asked_for = resource.annotations().get(ROTATE_ANNOTATION);
            let handled = resource.status.as_ref().and_then(|status| status.last_handled_rotation.as_ref());
            prop_assert!(asked_for.is_none() || asked_for == handled, "{asked_for:?}, {handled:?}");
        }
    }

    /// What others change of ours is mended, what an older version has set up is migrated, and nothing else is touched.
    #[test]
    fn what_others_change_is_mended_and_what_is_old_is_migrated(
        mode in modes(),
        admin in power(),
        history in of_changes_by_others(),
    ) {
        let mut run = Run::new(admin, true);
        run.play(&begun_with_a_member(mode));
        run.play(&history);
        check(run.settle())?;
        run.play(&[Event::User(0, Action::Suspend(false)), Event::User(0, Action::Repair(true))]);
        // Owners are changed by a superuser. A new process has seen nothing mended yet.
        run.set_admin(Power::Superuser);
        check(run.settle())?;
        check(run.all_are_done())?;
        let world = run.world.borrow();
        for database in world.warehouse.databases.values() {
            let registry = database.registry.iter();
            prop_assert!(registry.clone().all(|registry| registry.schema() == Schema::Current));
            prop_assert!(!is_tampered_with(database), "{database:#?}");
        }
    }
}
