//! The properties. A failing history is shrunk, and printed with its seed.

use proptest::prelude::*;

use super::histories::{Action, Event, Run, SLOTS};
use super::invariants::is_enabled;
use super::kubernetes::Resource;
use super::others::clear_up;
use super::strategies::{
    begun, begun_with_a_member, config, modes, of_confirmed_deletions, of_one_alone, of_one_among_others, of_renamings,
    of_several, of_take_overs, power,
};
use super::warehouse::{Power, digest};
use super::world::World;
use crate::lifecycle::validate;
use crate::scripts::CLAIM_USER;

/// Cases per property.
const CASES: u32 = 2_000;

/// So many rounds of passes must be enough, whatever happened before.
const ROUNDS: usize = 12;

impl Run {
    fn all_pass_once(&mut self) {
        for slot in 0..SLOTS.len() {
            self.play(&[Event::Pass(slot, u8::MAX, None)]);
        }
    }

    /// Counters of tries aside, nothing changes any more.
    fn still(&self) -> World {
        let mut world = self.world.borrow().clone();
        world.next = 0;
        world.sessions.clear();
        for database in world.warehouse.databases.values_mut() {
            if let Some(registry) = &mut database.registry {
                registry.fencing_counter = 0;
            }
        }
        world
    }

    /// No more faults: passes, until nothing changes any more.
    pub fn settle(&mut self) -> Result<(), String> {
        self.interrupt();
        for _ in 0..ROUNDS {
            let before = self.still();
            self.all_pass_once();
            if self.still() == before {
                return self.unbroken();
            }
        }
        Err("it settles when faults stop: it doesn't".to_owned())
    }

    fn unbroken(&self) -> Result<(), String> {
        self.world.borrow().broken.first().map_or(Ok(()), |broken| Err(broken.clone()))
    }

    /// With every right, and nothing in the way.
    pub fn lift_obstacles(&mut self) {
        self.interrupt();
        let world = &mut *self.world.borrow_mut();
        clear_up(world);
        world.warehouse.admin = Power::Superuser;
        // As the message asks for: the account that made them is not in the Secret any more.
        let lesser = [Power::Seeing, Power::Blind].map(|power| world.warehouse.users[power.name()].id);
        world.warehouse.databases.retain(|_, it| !lesser.contains(&it.owner) || !it.objects.is_empty());
        // As the messages ask for: passwords are set to the Secret's again, and a role without a tie dropped.
        for secret in world.clusters.iter().flat_map(|cluster| cluster.secrets.values()) {
            for (name, password) in secret.accounts().chain([(CLAIM_USER, secret.claim_password.as_str())]) {
                if let Some(user) = world.warehouse.users.get_mut(name) {
                    user.password.get_or_insert_with(|| digest(password, name));
                }
            }
        }
        if !world.warehouse.users_roll_back {
            world.warehouse.roles.retain(|_, role| role.members.values().any(|admin| *admin));
        }
        for cluster in &mut world.clusters {
            cluster.without_credentials = false;
            for resource in cluster.resources.values_mut() {
                resource.spec.suspend = false;
                if let Some(secret) = cluster.secrets.get(&resource.name) {
                    // Where the Secret says that it is: what the status asks for.
                    let setup = &secret.place.setup;
                    resource.spec.config.database.clone_from(&setup.database);
                    resource.spec.config.database_mode = setup.database_mode;
                }
                resource.generation += 1;
                resource.version += 1;
            }
        }
    }

    /// Whether every resource is gone, or set up as wanted.
    pub fn all_are_done(&self) -> Result<(), String> {
        let world = self.world.borrow();
        for resource in world.clusters.iter().flat_map(|cluster| cluster.resources.values()) {
            let created = resource.status.as_ref().and_then(|status| status.created.clone());
            let wanted = validate(&resource.spec).map_err(|invalid| invalid.to_string())?.place;
            let as_wanted = created.is_some_and(|created| crate::lifecycle::Place::from(&created) == wanted);
            if resource.deleting || !is_enabled(resource) || !as_wanted {
                return Err(format!("{} doesn't get done: {:?}", resource.uid, brief(resource)));
            }
        }
        Ok(())
    }

    /// Of which nobody knows any more whose they are: a deletion asks a person. Whether there was any.
    fn drop_the_roles_that_messages_name(&mut self) -> bool {
        let world = &mut *self.world.borrow_mut();
        let resources = world.clusters.iter().flat_map(|cluster| cluster.resources.values());
        let said: Vec<_> = resources.map(brief).filter(|said| said.contains("owns the role")).collect();
        let roles = &mut world.warehouse.roles;
        roles.retain(|role, _| !said.iter().any(|said| said.contains(&format!("owns the role {role};"))));
        !said.is_empty()
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
        let world = self.world.borrow();
        let left = world.clusters.iter().flat_map(|cluster| cluster.resources.values());
        left.filter(|resource| !world.excused.contains(&resource.uid))
            .map(|resource| format!("a deletion ends: {} is still there: {:?}", resource.uid, brief(resource)))
            .next()
            .map_or(Ok(()), Err)
    }
}

/// Its phase, and what its conditions say.
fn brief(resource: &Resource) -> String {
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
        let enabled = {
            let world = run.world.borrow();
            world.clusters.iter().flat_map(|it| it.resources.values()).filter(|it| is_enabled(it)).count()
        };
        prop_assert!(enabled <= 1);
        check(run.delete_all())?;
    }

    /// Resources of two clusters, of one cluster under two host names, and of one under the same.
    #[test]
    fn of_several_integrations_one_holds_the_warehouse(history in of_several()) {
        let mut run = Run::new(Power::Superuser, true);
        run.play(&history);
        run.lift_obstacles();
        check(run.settle())?;
        let enabled = |run: &Run| {
            let world = run.world.borrow();
            world.clusters.iter().flat_map(|it| it.resources.values()).filter(|it| is_enabled(it)).count()
        };
        prop_assert!(enabled(&run) <= 1);
        let wanted = run.world.borrow().clusters.iter().any(|it| it.resources.values().any(|it| !it.deleting));
        prop_assert!(enabled(&run) == 1 || !wanted, "one of them gets the warehouse: {:#?}", run.world.borrow());
        check(run.delete_all())?;
    }
}
