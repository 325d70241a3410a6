//! What stands above a script, for whoever has nothing else to go by.

use std::fmt::Write as _;

use super::{Script, Secrets, Source};
use crate::lifecycle::{AccountPower, SystemAccount, shell};

/// What a script is one part of.
fn part(script: Script) -> &'static str {
    match script {
        Script::InitialCreate(_) => "the first part of setting up",
        Script::Create => "the second part of setting up",
        Script::Edit => "an edit of",
        Script::NewPasswords => "new passwords, in place of those that were lost, for",
        Script::Delete => "the first part of removing",
        Script::Cleanup => "the first part of removing what is left of",
        Script::DeleteRest => "the second part of removing",
    }
}

/// Who may run it: the user's name in the command, and in words.
fn whom(script: Script, source: &Source<'_>) -> (String, String) {
    let account = &source.setup(script).system_account;
    let administrator = |whom: &str| ("<administrator>".to_owned(), whom.to_owned());
    match script {
        Script::InitialCreate(AccountPower::Lesser) => administrator(
            "an administrator who may create databases, users and roles (CREATEDB, and the role sys:secadmin or the system \
             privileges CREATE USER, DROP USER and CREATE ROLE) and isn't a superuser",
        ),
        Script::InitialCreate(AccountPower::Superuser) => administrator("a superuser"),
        Script::Edit | Script::NewPasswords | Script::Delete | Script::DeleteRest | Script::Cleanup => {
            administrator("a superuser; nobody else can")
        }
        Script::Create => {
            let secret = SystemAccount::secret_name(source.name);
            let whom = format!(
                "{account}, whose password is in the Secret {secret}; or a superuser who runs first: SET SESSION \
                 AUTHORIZATION {account}"
            );
            (account.clone(), whom)
        }
    }
}

/// What to know of passwords and keys in it, if it has any.
fn about_secrets(secrets: Option<Secrets>) -> Option<&'static str> {
    Some(match secrets? {
        Secrets::Shown => {
            "This file is a credential: the md5 form of a password is as good as the password. Keep it out of git, and \
             delete it afterwards."
        }
        Secrets::TakenOut => {
            "The passwords were taken out of this file, since all of it was run. It is for reading, and can't be run again."
        }
    })
}

/// The header, each line a comment.
pub(super) fn header<'s>(
    script: Script,
    source: &Source<'_>,
    secrets: Option<Secrets>,
    steps: impl Iterator<Item = &'s str>,
) -> String {
    let (wanted, setup) = (source.wanted, source.setup(script));
    let (host, port) = (wanted.place.endpoint.host(), wanted.place.endpoint.port());
    let file = script.file_name();
    let (user, whom) = whom(script, source);
    let database = if script.is_from_outside() { &wanted.initial_database } else { &setup.database };
    let next = match script.next() {
        Some(next) => {
            let database = if next.is_from_outside() { &wanted.initial_database } else { &setup.database };
            format!("{}, in the database {database}", next.file_name())
        }
        None if script == Script::DeleteRest => "nothing: all of it is gone".to_owned(),
        None if script == Script::NewPasswords => "nothing: the operator logs in with them".to_owned(),
        None => "nothing: all of it is there".to_owned(),
    };
    let command = format!(
        "PGSSLMODE=verify-full PGSSLROOTCERT=amazon-trust-ca-bundle.crt psql -X -v ON_ERROR_STOP=1 -h {} -p {port} -d {} -U {} -f {file}",
        shell::word(host),
        shell::word(database),
        shell::word(&user),
    );
    let mut lines = vec![
        format!("{file}: {} the RedshiftIntegration {}/{}", part(script), source.namespace, source.name),
        String::new(),
    ];
    lines.extend(about_secrets(secrets).into_iter().flat_map(|line| [line.to_owned(), String::new()]));
    lines.extend([
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
    ]);
    if script == Script::DeleteRest {
        lines.extend([
            "What this integration's users own or hold in other databases can't be seen from here; Redshift drops them all"
                .to_owned(),
            "the same, and leaves what they own without an owner.".to_owned(),
            String::new(),
        ]);
    }
    lines.push("The steps:".to_owned());
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
