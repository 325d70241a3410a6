//! How far a person has come: told by what our passwords open.

use crate::lifecycle::{Credentials, Endpoint, SystemAccount, Wanted, brief, by_hand};
use crate::ports::{ConnectError, Session, SessionOf, Target, World};
use crate::reconcile::integration::error::Error;
use crate::reconcile::integration::look;
use crate::reconcile::integration::search::log_in_as_ours;
use crate::reconcile::integration::validate::Inside;
use crate::reconcile::integration::work::Work;

/// How far a person has come.
pub enum Found<W: World> {
    /// None of our passwords opens anything.
    Nothing,
    /// The claim is there, the system account isn't.
    Claim,
    /// The system account is there under this name, the managed database isn't; and whether the claim is.
    Account { session: SessionOf<W>, name: String, has_claim: bool },
    /// The system account is there, and may open no connection: its removal has begun, or there is no room.
    Full,
    /// The system account is in the managed database.
    Inside(Inside<W>),
}

impl<W: World> Found<W> {
    /// The name under which the system account is there, where that is known.
    pub fn account_name(&self) -> Option<String> {
        match self {
            Self::Account { name, .. } => Some(name.clone()),
            Self::Inside(inside) => Some(inside.credentials.user.to_string()),
            Self::Nothing | Self::Claim | Self::Full => None,
        }
    }
}

/// Looks how far a person has come.
pub async fn find<W: World>(
    work: &Work<'_, W>,
    wanted: &Wanted,
    account: &SystemAccount,
    endpoint: &Endpoint,
) -> Result<Found<W>, Error> {
    let mut target = work.target().await?;
    target.endpoint = endpoint.clone();
    // Where scripts with two names were run, the one that is wanted counts.
    let mut names: Vec<_> = account.account_names().collect();
    names.sort_by_key(|name| *name != wanted.place.setup.system_account);
    let known: Vec<_> = names.into_iter().flat_map(|name| account.credentials(name)).collect();
    let database = &account.place.setup.database;
    match log_in_as_ours::<W>(&work.context.warehouses, &target, &known, database).await {
        Ok((session, credentials)) => {
            look::prove(&session).await?;
            let credentials = credentials.clone();
            return Ok(Found::Inside(Inside { session, target, credentials }));
        }
        // Who asks may not have been asked for a password yet.
        Err(ConnectError::DatabaseMissing { .. }) => {
            if let Some((session, name)) = enter(work, &target, &known, &wanted.initial_database).await? {
                let claim = opens(work, &target, &account.claim_credentials(), &wanted.initial_database).await?;
                return Ok(Found::Account { session, name, has_claim: claim.is_some() });
            }
        }
        Err(error) if error.is_refused_login() => {}
        Err(ConnectError::TooManyConnections(_))
            if opens(work, &target, &account.claim_credentials(), &wanted.initial_database).await?.is_some() =>
        {
            return Ok(Found::Full);
        }
        Err(error) => return Err(error.into()),
    }
    let claim = opens(work, &target, &account.claim_credentials(), &wanted.initial_database).await?;
    Ok(if claim.is_some() { Found::Claim } else { Found::Nothing })
}

/// A user that our passwords open, and what it has.
pub struct Left {
    pub user: String,
    /// Roles with a name of ours that it may grant: an old script has made them for it.
    pub roles: Vec<String>,
}

impl Left {
    /// What people are told of it.
    pub fn said(&self) -> String {
        match &self.roles[..] {
            [] => format!("an old script has left the user {}", self.user),
            roles => {
                let roles = brief::list(roles.iter().map(String::as_str));
                format!("an old script has left the user {}, and the role {roles}", self.user)
            }
        }
    }

    /// The statements that take it away: roles first, since it may own them.
    pub fn removal(&self) -> impl Iterator<Item = String> {
        self.roles.iter().map(|role| by_hand::drop_role(role)).chain([by_hand::drop_user(&self.user)])
    }
}

/// What an old script has left of a user, who has logged in, and isn't, or isn't to be, the integration's.
pub async fn left_behind(session: &impl Session, account: &SystemAccount, user: String) -> Result<Left, Error> {
    let own_roles = look::own_roles(session, &user).await?;
    let roles = account.roles().filter(|role| own_roles.get(*role) == Some(&true)).map(str::to_owned).collect();
    Ok(Left { user, roles })
}

/// Whose credentials open a database, if any of these do.
pub async fn opens<W: World>(
    work: &Work<'_, W>,
    target: &Target,
    credentials: &[Credentials],
    database: &str,
) -> Result<Option<String>, Error> {
    Ok(enter(work, target, credentials, database).await?.map(|(_, user)| user))
}

/// The connection that any of these credentials opens, and whose they are.
pub async fn enter<W: World>(
    work: &Work<'_, W>,
    target: &Target,
    credentials: &[Credentials],
    database: &str,
) -> Result<Option<(SessionOf<W>, String)>, Error> {
    if credentials.is_empty() {
        return Ok(None);
    }
    match log_in_as_ours::<W>(&work.context.warehouses, target, credentials, database).await {
        Ok((session, credentials)) => {
            look::prove(&session).await?;
            Ok(Some((session, credentials.user.to_string())))
        }
        Err(error) if error.is_refused_login() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
