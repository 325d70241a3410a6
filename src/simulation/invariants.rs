//! What must hold at every step, whatever happens.

use std::collections::BTreeSet;

use kube::ResourceExt;
use secrecy::ExposeSecret;

use super::histories::word_that_confirms;
use super::kubernetes::{Cluster, has_finalizer};
use super::others::TAMPERED;
use super::statements::identifier;
use super::warehouse::{Maker, Warehouse};
use super::world::World;
use crate::api::{DeletionPolicy, Phase, RedshiftIntegration, TAKE_OVER_ANNOTATION};
use crate::lifecycle::proof::take_over;
use crate::lifecycle::{RegistryState, SystemAccount};
use crate::scripts::{CLAIM_USER, Statement};

/// The UID of a resource.
pub fn uid_of(resource: &RedshiftIntegration) -> String {
    resource.uid().unwrap_or_default()
}

/// The word by which a person lets it take over.
fn take_over_of(resource: &RedshiftIntegration) -> Option<&str> {
    resource.annotations().get(TAKE_OVER_ANNOTATION).map(String::as_str)
}

/// Whether a deletion says which word of a person would let it go on.
pub fn asks_for_a_word(resource: &RedshiftIntegration) -> bool {
    resource.status.as_ref().and_then(word_that_confirms).is_some()
}

/// A statement that was executed.
pub struct Change<'a> {
    pub before: Warehouse,
    pub after: &'a Warehouse,
    pub cluster: &'a Cluster,
    /// The resource, as the pass has read it.
    pub resource: &'a RedshiftIntegration,
    pub statement: &'a Statement,
    /// What a person let go of.
    pub confirmed: Option<&'a BTreeSet<String>>,
}

impl Change<'_> {
    /// What it broke.
    pub fn broken(mut self) -> Vec<String> {
        let uid = uid_of(self.resource);
        let mut broken = Vec::new();
        if self.before != *self.after {
            self.take_over();
            broken.extend(self.nothing_foreign_is_dropped_altered_or_revoked());
            broken.extend(self.two_operators_never_both_write());
            broken.extend(self.the_secret_still_opens_what_it_opened());
            let Self { before, after, statement, .. } = &self;
            broken.extend(no_member_is_lost_by_an_edit(before, after, &uid, statement));
        }
        let Self { before, after, cluster, resource, statement, .. } = &self;
        broken.extend(no_irreversible_step_is_taken_without_its_record(before, after, cluster, resource, statement));
        broken.into_iter().map(|what| format!("{uid}: {}: {what}", statement.name())).collect()
    }

    /// What another left, or has, becomes this one's by the word of a person, in one step.
    fn take_over(&mut self) {
        let uid = uid_of(self.resource);
        for (database, former, heir) in self.after.handed_over_since(&self.before) {
            if heir == uid && self.was_asked_to_take_over(&take_over(&database, &former)) {
                self.before.pass_on(&former, &uid);
                return;
            }
        }
    }

    /// A person may have asked for it before the pass began, or since.
    fn was_asked_to_take_over(&self, word: &str) -> bool {
        let now = self.cluster.integration(&self.resource.name_any()).filter(|now| now.uid() == self.resource.uid());
        [Some(self.resource), now].into_iter().flatten().any(|resource| take_over_of(resource) == Some(word))
    }

    /// Unless a person has confirmed that very list.
    fn nothing_foreign_is_dropped_altered_or_revoked(&self) -> Option<String> {
        let uid = uid_of(self.resource);
        let (before, after) = (self.before.of_others_than(&uid), self.after.of_others_than(&uid));
        let is_confirmed = |line: &String| self.confirmed.is_some_and(|confirmed| confirmed.contains(line));
        let lost: Vec<_> = before.difference(&after).filter(|line| !is_confirmed(line)).collect();
        let gained: Vec<_> = after.difference(&before).collect();
        (!lost.is_empty() || !gained.is_empty()).then(|| format!("foreign: {lost:?} became {gained:?}"))
    }

    /// Where a new name has made the password worthless, the next statement sets one.
    fn the_secret_still_opens_what_it_opened(&self) -> Option<String> {
        let account = self.cluster.account(self.resource)?;
        let mut shut = opened_by(&account, &self.before);
        shut.retain(|id| !opened_by(&account, self.after).contains(id));
        let has_password = |id: &u32| self.after.users.values().any(|user| user.id == *id && user.password.is_some());
        shut.iter().any(has_password).then(|| "no password of the Secret logs in any more".to_owned())
    }

    fn two_operators_never_both_write(&self) -> Option<String> {
        match self.before.users.get(CLAIM_USER).map(|claim| &claim.maker) {
            Some(Maker::Integration(holder)) if *holder != uid_of(self.resource) => {
                Some(format!("{holder} holds the warehouse"))
            }
            _ => None,
        }
    }
}

/// The ids of the users that log in with what a Secret says.
pub fn opened_by(account: &SystemAccount, warehouse: &Warehouse) -> BTreeSet<u32> {
    let of_account = account.account_names().flat_map(|name| account.passwords_of(name).map(move |it| (name, it)));
    let of_claim = account.claim_passwords().map(|password| (CLAIM_USER, password));
    let opens = |(name, password): (&str, &crate::scripts::Password)| {
        let user = warehouse.users.get(name)?;
        (user.password.as_deref() == Some(password.md5_for(name).expose_secret())).then_some(user.id)
    };
    of_account.chain(of_claim).filter_map(opens).collect()
}

/// When a role takes another's place, whoever was a member stays one.
fn no_member_is_lost_by_an_edit(
    before: &Warehouse,
    after: &Warehouse,
    uid: &str,
    statement: &Statement,
) -> Option<String> {
    let registry = after.databases.values().find_map(|database| database.registry.as_ref())?;
    if registry.integration_uid != uid || registry.state != RegistryState::Complete {
        return None;
    }
    let registered = registry.setup.impersonation_role.as_deref()?;
    // Renamed and not registered yet: whoever was a member still is one.
    let role = after.roles.get(registered).or_else(|| after.roles.values().find(|role| role.maker.is(uid)));
    let members = role.map(|role| role.members.clone()).unwrap_or_default();
    let gone = before.roles.iter().filter(|(name, role)| role.in_service && !after.roles.contains_key(*name));
    let lost = gone.flat_map(|(_, role)| role.members.keys()).find(|member| {
        !members.contains_key(*member) && before.users.get(*member).is_some_and(|user| !user.maker.is(uid))
    })?;
    Some(format!("{lost} is no member any more, after {}", statement.name()))
}

fn no_irreversible_step_is_taken_without_its_record(
    before: &Warehouse,
    after: &Warehouse,
    cluster: &Cluster,
    resource: &RedshiftIntegration,
    statement: &Statement,
) -> Option<String> {
    let uid = uid_of(resource);
    let recorded = cluster.integration(&resource.name_any()).filter(|found| found.uid() == resource.uid());
    let Some(recorded) = recorded else { return Some("the resource is gone".to_owned()) };
    let status = recorded.status.clone().unwrap_or_default();
    let secret = cluster.account(recorded);
    let name = |n| identifier(statement.text(), n);
    let of_secret = |holds: &dyn Fn(&SystemAccount) -> bool| secret.as_ref().is_some_and(holds);
    let opens = |user: &str| of_secret(&|secret| opened_by(secret, after).contains(&after.users[user].id));
    let holds = match statement.name() {
        "create-claim" => has_finalizer(recorded) && status.created.is_some() && opens(CLAIM_USER),
        "create-system-account" => has_finalizer(recorded) && status.created.is_some() && opens(&name(0)),
        "create-database" | "create-database-as-its-owner" => {
            status.created.is_some_and(|created| created.database == name(0))
                && of_secret(&|secret| secret.place.setup.database == name(0))
        }
        "create-role" => of_secret(&|secret| secret.roles().any(|role| role == name(0))),
        "rename-system-account" => of_secret(&|secret| secret.passwords_of(&name(1)).next().is_some()),
        "drop-database" => {
            let registry = before.databases[&name(0)].registry.as_ref();
            status.deletion.is_some_and(|deletion| deletion.point_of_no_return)
                && registry.is_none_or(|registry| registry.state == RegistryState::Deleting)
        }
        "drop-table" | "drop-schema" | "drop-user-profile" => {
            status.deletion.is_some_and(|deletion| deletion.point_of_no_return)
        }
        "drop-claim" => after.of(&uid).is_empty(),
        _ => true,
    };
    (!holds).then(|| format!("without its record, or too early; left: {:?}", after.of(&uid)))
}

/// What a write to Kubernetes broke.
pub fn of_write(before: &Cluster, world: &World, cluster: usize) -> Vec<String> {
    let after = &world.clusters[cluster];
    let mut broken = Vec::new();
    for resource in before.integrations() {
        let (name, uid) = (resource.name_any(), uid_of(resource));
        let left = world.warehouse.of(&uid);
        let proof_goes = before.account(resource).is_some() && after.secret(&name).is_none();
        if let (Some(former), Some(now)) = (before.account(resource), after.account(resource))
            && !opened_by(&former, &world.warehouse).is_subset(&opened_by(&now, &world.warehouse))
        {
            broken.push(format!("{uid}: the Secret forgets a password that is still used"));
        }
        let is_gone = after.integration(&name).is_none();
        let retained = resource.spec.deletion_policy == DeletionPolicy::Retain;
        if (proof_goes || is_gone && !retained) && !left.is_empty() && !world.excused.contains(&uid) {
            broken.push(format!("{uid}: nothing of ours is left after a deletion: {left:?}"));
        }
    }
    for (left_by, heir) in after.inheritances(before) {
        let heir = after.integrations().find(|resource| uid_of(resource) == heir);
        let asked_for = heir.map(|heir| take_over(&heir.spec.config.database, &left_by));
        if asked_for.is_none() || asked_for.as_deref() != heir.and_then(take_over_of) {
            broken.push(format!("{left_by}: its Secret came into other hands without the word of a person"));
        }
    }
    for resource in after.integrations() {
        let former = before.integration(&resource.name_any());
        let is_same = former.is_some_and(|former| former.resource_version() == resource.resource_version());
        if !is_same && !world.overtaken.contains(&uid_of(resource)) {
            broken.extend(status_claims_only_what_is_so(&world.warehouse, resource));
        }
    }
    broken
}

/// What an operator that watches over an integration says of it.
pub fn is_enabled(resource: &RedshiftIntegration) -> bool {
    let Some(status) = &resource.status else { return false };
    status.phase == Some(Phase::Enabled)
        && status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True")
        && status.conditions.iter().all(|it| it.type_ == "Ready" || it.status == "False")
}

fn status_claims_only_what_is_so(warehouse: &Warehouse, resource: &RedshiftIntegration) -> Option<String> {
    if !is_enabled(resource) || resource.spec.suspend {
        return None;
    }
    let wrong = |what: &str| Some(format!("{}: status never claims what isn't so: {what}", uid_of(resource)));
    let Some(created) = resource.status.as_ref().and_then(|status| status.created.as_ref()) else {
        return wrong("enabled, and nothing created");
    };
    let Some(database) = warehouse.databases.get(&created.database) else { return wrong("no database") };
    let Some(registry) = &database.registry else { return wrong("no registry") };
    let setup = &registry.setup;
    if registry.integration_uid != uid_of(resource) || registry.state != RegistryState::Complete {
        return wrong("the registry isn't complete, or another's");
    }
    if setup.system_account != created.system_account || setup.impersonation_role != created.impersonation_role {
        return wrong("the registry says something else");
    }
    let missing = database.missing(setup.impersonation_role.is_some(), registry.has_policy_views());
    if !missing.is_empty() || database.keys != u64::from(setup.impersonation_role.is_some()) {
        return wrong(&format!("missing: {missing:?}"));
    }
    if database.objects.values().any(|object| object.text == TAMPERED) {
        return wrong("something of ours was changed");
    }
    let may_grant = |role: &String| {
        warehouse.roles.get(role).is_some_and(|role| role.members.get(&setup.system_account) == Some(&true))
    };
    if !warehouse.users.contains_key(&setup.system_account) || !setup.impersonation_role.iter().all(may_grant) {
        return wrong("the account or the role is missing");
    }
    None
}
