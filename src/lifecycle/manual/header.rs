//! What stands above a script, for whoever has nothing else to go by.

use std::fmt::Write as _;

use super::{Script, Source};
use crate::lifecycle::{AccountPower, SystemAccount, shell};

/// The header, each line a comment.
pub(super) fn header<'s>(script: Script, source: &Source<'_>, steps: impl Iterator<Item = &'s str>) -> String {
    let (wanted, setup) = (source.wanted, &source.wanted.place.setup);
    let (host, port) = (wanted.place.endpoint.host(), wanted.place.endpoint.port());
    let file = script.file_name();
    let (ordinal, database, user, whom) = match script {
        Script::InitialCreate(power) => {
            let whom = match power {
                AccountPower::Superuser => "a superuser",
                AccountPower::Lesser => {
                    "an administrator who may create databases, users and roles (CREATEDB, and the role sys:secadmin or \
                     the system privileges CREATE USER, DROP USER and CREATE ROLE) and isn't a superuser"
                }
            };
            ("first part", &wanted.initial_database, "<administrator>", whom.to_owned())
        }
        Script::Create => (
            "second part",
            &setup.database,
            setup.system_account.as_str(),
            format!(
                "{}, whose password is in the Secret {}; or a superuser who runs first: SET SESSION \
                 AUTHORIZATION {}",
                setup.system_account,
                SystemAccount::secret_name(source.name),
                setup.system_account
            ),
        ),
    };
    let next = match script {
        Script::InitialCreate(_) => format!("{}, in the database {}", Script::Create.file_name(), setup.database),
        Script::Create => "nothing: all of it is there".to_owned(),
    };
    let command = format!(
        "PGSSLMODE=verify-full PGSSLROOTCERT=amazon-trust-ca-bundle.crt psql -X -v ON_ERROR_STOP=1 -h {} -p {port} -d {} -U {} -f {file}",
        shell::word(host),
        shell::word(database),
        shell::word(user),
    );
    let mut lines = vec![
        format!("{file}: the {ordinal} of setting up the RedshiftIntegration {}/{}", source.namespace, source.name),
        String::new(),
        "This file is a credential: the md5 form of a password is as good as the password. Keep it out of git, and \
         delete it afterwards."
            .to_owned(),
        String::new(),
        format!("Run it in    the database {database} of {host}, port {port}"),
        format!("as           {whom}"),
        format!("with         {command}"),
        "             (AWS's bundle of authorities: https://docs.aws.amazon.com/redshift/latest/mgmt/connecting-ssl-support.html)"
            .to_owned(),
        "             or statement by statement in any client: stop at the first error".to_owned(),
        format!("what follows {next}"),
        String::new(),
        "Each error says what is wrong: the wrong database, the wrong user, something that is there already. Nothing was"
            .to_owned(),
        "changed by the step that it stands in. Was the script interrupted? Run it again: it says where to go on, and".to_owned(),
        format!("this does so: sed -n '/^-- Step 2/,$p' {file} | psql …"),
        String::new(),
        "The steps:".to_owned(),
    ];
    lines.extend(steps.enumerate().map(|(n, title)| format!("  {}. {title}", n + 1)));
    lines.extend([
        String::new(),
        format!("For the resource with the UID {}, hash {}", source.uid, setup.hash()),
        format!("Made by redshift-integration-operator {}", env!("CARGO_PKG_VERSION")),
    ]);
    let mut text = String::new();
    for line in lines {
        // Names of what was there before are others' words: none of them ends the comment.
        let line: String = line.chars().filter(|character| !character.is_control()).collect();
        writeln!(text, "{}", format!("-- {line}").trim_end()).expect("memory doesn't fail");
    }
    text
}
