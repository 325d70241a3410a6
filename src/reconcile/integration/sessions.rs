//! The connections of a pass: each is opened when it is needed first, and closed with the pass.

use crate::lifecycle::Connection;

/// The connections of a pass.
pub struct Sessions<S> {
    /// To the initial database, as the admin.
    pub initial: Option<S>,
    /// To the managed database, as the system account.
    pub managed: Option<S>,
    /// To the managed database, as the admin.
    pub managed_as_admin: Option<S>,
    /// To the initial database, as the claim.
    pub claim: Option<S>,
}

impl<S> Sessions<S> {
    /// One connection to the initial database.
    pub fn new(initial: S) -> Self {
        Self { initial: Some(initial), managed: None, managed_as_admin: None, claim: None }
    }

    /// One connection to the managed database, as the system account.
    pub fn of_system_account(managed: S) -> Self {
        Self { initial: None, managed: Some(managed), managed_as_admin: None, claim: None }
    }

    /// The place of one of them.
    pub fn slot(&mut self, connection: Connection) -> &mut Option<S> {
        match connection {
            Connection::InitialDatabase => &mut self.initial,
            Connection::ManagedDatabase => &mut self.managed,
            Connection::ManagedDatabaseAsAdmin => &mut self.managed_as_admin,
            Connection::InitialDatabaseAsClaim => &mut self.claim,
        }
    }
}
