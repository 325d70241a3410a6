//! What the account that sets things up must be allowed to do.

use std::collections::BTreeSet;

use super::{PRIVILEGES, Test, failed, passed, warning};
use crate::api::{DatabaseMode, Remedy};
use crate::lifecycle::{AccountPower, ManagedDatabase, Ownership, Seen, Setup, Standing, WarehouseFacts};
use crate::scripts::show_identifier;

/// What has to be allowed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Needs {
    /// Something with the managed database.
    database: Option<DatabaseMode>,
    /// System privileges, which roles carry.
    /// <https://docs.aws.amazon.com/redshift/latest/dg/r_roles-system-privileges.html>
    system: BTreeSet<&'static str>,
}

impl Needs {
    /// What a creation needs; and what its deletion will, lest that fail.
    #[must_use]
    pub fn of_creation(setup: &Setup) -> Self {
        let mut system = BTreeSet::from(["CREATE USER", "DROP USER"]);
        if setup.impersonation_role.is_some() {
            system.insert("CREATE ROLE");
        }
        Self { database: Some(setup.database_mode), system }
    }

    /// What the way from one setup to another needs.
    #[must_use]
    pub fn of_edit(from: &Setup, to: &Setup) -> Self {
        let mut system = BTreeSet::new();
        if from.system_account != to.system_account {
            system.insert("ALTER USER");
        }
        if to.impersonation_role.is_some() && from.impersonation_role != to.impersonation_role {
            system.insert("CREATE ROLE");
        }
        Self { database: None, system }
    }
}

/// `sys:secadmin` has all that is needed with users and roles.
fn lacking<'a>(needs: &'a Needs, held: &BTreeSet<String>) -> Vec<&'a str> {
    if held.contains("sys:secadmin") || held.contains("sys:superuser") {
        return Vec::new();
    }
    needs.system.iter().filter(|privilege| !held.contains(**privilege)).copied().collect()
}

/// What the account lacks to take away what is ours; a deletion that would stop half-way isn't begun. What can't be
/// told is left to the server.
#[must_use]
pub fn lacking_for_removal(facts: &WarehouseFacts, ownership: &Ownership, setup: &Setup) -> Vec<String> {
    let name = &facts.account.name;
    if facts.account.power() == AccountPower::Superuser {
        return Vec::new();
    }
    let holds = |any_of: &[&str]| match &facts.held {
        Seen::Yes(held) => any_of.iter().chain(&["sys:secadmin", "sys:superuser"]).any(|it| held.contains(*it)),
        Seen::No(_) => true,
    };
    let mut lacking = Vec::new();
    let is_ours = matches!(ownership.database, ManagedDatabase::Empty | ManagedDatabase::Registered(_));
    let owner = facts.databases.get(&setup.database);
    if setup.database_mode == DatabaseMode::Create && is_ours && owner != facts.users.get(name) {
        let owner = facts.users.iter().find(|(_, id)| Some(*id) == owner).map_or("somebody else", |(user, _)| user);
        lacking.push(format!("the database {} belongs to {owner}", setup.database));
    }
    if [&ownership.claim, &ownership.system_account].contains(&&Standing::Ours) && !holds(&["DROP USER"]) {
        lacking.push("none of its roles has the privilege DROP USER".to_owned());
    }
    if let Seen::Yes(roles) = &facts.roles {
        // Whoever has it with the administrator's option may drop it too.
        let others = |role: &&str| roles.get(*role).is_some_and(|owner| owner != name) && !holds(&["DROP ROLE", role]);
        lacking.extend(ownership.own_roles().filter(others).map(|role| format!("the role {role} isn't its own")));
    }
    lacking
}

fn is_superuser_by_role(facts: &WarehouseFacts) -> bool {
    matches!(&facts.held, Seen::Yes(held) if held.contains("sys:superuser"))
}

pub(super) fn privileges(facts: &WarehouseFacts, database: &str, needs: &Needs) -> Test {
    let name = &facts.account.name;
    if facts.account.power() == AccountPower::Superuser {
        return passed(PRIVILEGES, format!("{name} is a superuser"));
    }
    let user = show_identifier(name);
    let (mut missing, mut unseen) = (Vec::new(), Vec::new());
    match needs.database {
        // What it gives with databases isn't documented: the server has the last word.
        Some(_) if is_superuser_by_role(facts) => {}
        Some(DatabaseMode::Create) if !facts.account.may_create_databases => {
            missing.push(("CREATEDB".to_owned(), format!("ALTER USER {user} CREATEDB")));
        }
        Some(DatabaseMode::Existing) if facts.databases.get(database) != facts.users.get(name) => {
            match &facts.grantable_databases {
                Seen::Yes(databases) if databases.contains(database) => {}
                Seen::Yes(_) => missing.push((
                    format!("all privileges on the database {database}, with grant option"),
                    format!(
                        "GRANT ALL PRIVILEGES ON DATABASE {} TO {user} WITH GRANT OPTION",
                        show_identifier(database)
                    ),
                )),
                Seen::No(why) => unseen.push(why),
            }
        }
        Some(_) | None => {}
    }
    match &facts.held {
        Seen::Yes(held) => {
            let lacking = lacking(needs, held);
            if !lacking.is_empty() {
                let lacking = lacking.join(", ");
                missing.push((lacking.clone(), format!("GRANT {lacking} TO ROLE <a role of {user}>")));
            }
        }
        Seen::No(why) if !needs.system.is_empty() => unseen.push(why),
        Seen::No(_) => {}
    }
    if !missing.is_empty() {
        let lacks: Vec<_> = missing.iter().map(|(what, _)| what.as_str()).collect();
        let message = format!(
            "{name} is no superuser, and lacks what it takes to set things up and to remove them later: {}",
            lacks.join(", ")
        );
        let grants = missing.iter().map(|(_, statement)| Remedy::command("or, as a superuser", statement));
        return failed(PRIVILEGES, message)
            .remedy(Remedy::new("put a superuser's credentials into the Secret"))
            .remedies(grants);
    }
    if needs.database.is_some() && is_superuser_by_role(facts) {
        return warning(
            PRIVILEGES,
            format!(
                "{name} has the role sys:superuser; should the server ask for CREATEDB nevertheless, let a superuser run: \
                 ALTER USER {user} CREATEDB"
            ),
        );
    }
    if let Some(why) = unseen.first() {
        return warning(
            PRIVILEGES,
            format!("{name} is no superuser, and whether it has the privileges that are needed can't be seen ({why})"),
        );
    }
    passed(PRIVILEGES, format!("{name} may do what is needed with databases, users and roles"))
}
