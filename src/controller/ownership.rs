//! What in the warehouse is ours, proven there: a user is ours if the password that only our Secret
//! holds logs in; a database, if its registry names us, or if it is empty and belongs to our account.

use super::error::Error;
use super::look;
use super::system_account::{Place, SystemAccount};
use crate::lifecycle::{ManagedDatabase, Ownership, Standing, WarehouseFacts};
use crate::redshift::{ConnectError, Connector, Credentials, Session, Target};
use crate::scripts::{CLAIM_USER, Parameters, Section, statements};

/// What is needed to find out.
pub struct Search<'a> {
    /// Makes connections.
    pub connector: &'a Connector,
    /// Where to.
    pub target: &'a Target,
    /// The database that is there in any case.
    pub initial_database: &'a str,
    /// Names of what would be ours.
    pub place: &'a Place,
    /// UID of the integration.
    pub uid: &'a str,
    /// The passwords that prove it.
    pub account: Option<&'a SystemAccount>,
}

/// What was found, and the connection to the managed database, if there is one.
pub struct Finding {
    /// What is ours.
    pub ownership: Ownership,
    /// To the managed database, as the system account.
    pub managed: Option<Session>,
}

impl Search<'_> {
    /// Finds out.
    pub async fn run(&self, facts: &WarehouseFacts) -> Result<Finding, Error> {
        let claim = self.standing(facts, CLAIM_USER, SystemAccount::claim_credentials).await?;
        let user = self.place.system_account.as_str();
        let system_account = self.standing(facts, user, SystemAccount::credentials).await?;
        let (database, managed) = self.database(facts, &claim, &system_account).await?;
        Ok(Finding { ownership: Ownership { claim, system_account, database }, managed })
    }

    async fn standing(
        &self,
        facts: &WarehouseFacts,
        user: &str,
        credentials: fn(&SystemAccount) -> Credentials,
    ) -> Result<Standing, Error> {
        if !facts.users.contains_key(user) {
            return Ok(Standing::Absent);
        }
        let Some(account) = self.account else {
            return Ok(Standing::Foreign("no Secret of this resource holds its password".to_owned()));
        };
        match self.connector.connect(self.target, &credentials(account), self.initial_database).await {
            Ok(session) => {
                session.execute(&statements(Section::ProveLogin, &Parameters::new())?).await?;
                Ok(Standing::Ours)
            }
            Err(error) if error.is_refused_login() => {
                Ok(Standing::Foreign("the password in the resource's Secret is refused".to_owned()))
            }
            Err(error) => Ok(Standing::Unproven(error.to_string())),
        }
    }

    async fn database(
        &self,
        facts: &WarehouseFacts,
        claim: &Standing,
        system_account: &Standing,
    ) -> Result<(ManagedDatabase, Option<Session>), Error> {
        let name = self.place.database.as_str();
        let Some(owner_id) = facts.databases.get(name) else { return Ok((ManagedDatabase::Absent, None)) };
        let owner = facts.users.iter().find(|(_, id)| *id == owner_id).map_or("somebody unknown", |(name, _)| name);
        let foreign = |why: String| Ok((ManagedDatabase::Foreign(why), None));
        let account = match (system_account, self.account) {
            (Standing::Ours, Some(account)) => account,
            (Standing::Unproven(why), _) => return Ok((ManagedDatabase::Unproven(why.clone()), None)),
            _ => return foreign(format!("it belongs to {owner}")),
        };
        let session = match self.connector.connect(self.target, &account.credentials(), name).await {
            Ok(session) => session,
            Err(ConnectError::DatabaseMissing { .. }) => {
                // Redshift doesn't say how soon a new database can be entered.
                return Ok((ManagedDatabase::Unproven(format!("{name} can't be entered yet")), None));
            }
            Err(error) => return Ok((ManagedDatabase::Unproven(error.to_string()), None)),
        };
        let contents = look::contents(&session).await?;
        if contents.has_registry() {
            return Ok(match look::registry(&session).await? {
                Ok(registry) if registry.integration_uid == self.uid => {
                    (ManagedDatabase::Registered(registry), Some(session))
                }
                Ok(registry) => {
                    let why = format!("its registry names the integration {}", registry.integration_uid);
                    (ManagedDatabase::Foreign(why), None)
                }
                Err(why) => (ManagedDatabase::Unproven(why), None),
            });
        }
        let belongs_to_account = facts.users.get(&self.place.system_account) == Some(owner_id);
        // A lesser admin can't give the database away: then the claim and the Secret, which names the
        // database, are the proof.
        let belongs_to_admin = facts.users.get(&facts.account.name) == Some(owner_id) && *claim == Standing::Ours;
        if !contents.is_empty() {
            return foreign(format!("it has no registry, and holds {}", contents.foreign().join(", ")));
        }
        if belongs_to_account || (belongs_to_admin && !facts.account.superuser) {
            Ok((ManagedDatabase::Empty, Some(session)))
        } else {
            foreign(format!("it belongs to {owner}"))
        }
    }
}
