//! The guards of `new-passwords.sql`: no password is set for a user that doesn't go with this integration's registry.

use super::{Guard, Script, Source, registry_owner, user};
use crate::lifecycle::RegistryState;
use crate::scripts::{CLAIM_USER, Section};

const SCRIPT: Script = Script::NewPasswords;

pub(super) fn guards(source: &Source<'_>) -> Vec<Guard> {
    let setup = source.setup(SCRIPT);
    let (database, account) = (&setup.database, &setup.system_account);
    let absent = format!("nothing is set up in the database {database}: there are no passwords to set");
    let incomplete = "the registry says that something else is being done: this script is none for that".to_owned();
    let stale = "something else is set up than when this script was made: it is an old one, fetch it again".to_owned();
    let missing = format!("{} is missing: somebody has renamed or dropped it", user(CLAIM_USER));
    let foreign = format!(
        "the registry isn't owned by {}: somebody has renamed or dropped that, and if there is a user of this name, it is \
         somebody else's",
        user(account)
    );
    vec![
        Guard::new(Section::GuardRegistryPresent, "", absent),
        registry_owner(source, SCRIPT),
        Guard::new(Section::GuardRegistryState, RegistryState::Complete.as_str(), incomplete),
        Guard::new(Section::GuardRegistryApplied, &setup.hash(), stale),
        Guard::new(Section::GuardUserPresent, CLAIM_USER, missing),
        Guard::new(Section::GuardRegistryOfAccount, account, foreign),
    ]
}
