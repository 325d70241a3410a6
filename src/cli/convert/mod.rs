//! `convert`: payloads of the API that this operator takes the place of, as manifests.

mod additions;
mod attributes;
mod integration;
mod kinds;
mod manifests;
mod names;
mod payload;
mod refusals;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use secrecy::ExposeSecret;

use self::additions::Addition;
use self::integration::{Credentials, Integration};
use self::manifests::{Converted, Format, Reference};
use self::payload::{Findings, Reader, Remark, Weight};
use super::input::{self, Content, Document, Mistake};
use super::output::{self, Ending, STRONG, styled};
use super::values;
use crate::api::integration::DEFAULT_PORT;
use crate::lifecycle::{Endpoint, shell};

const EXAMPLES: &str = "\
Examples:
  Convert a payload, and look at what comes of it:
    redshift-integration-operator convert -f payload.json

  Take over what the API says it has (which is no password: what to do about them is told):
    curl -H \"Authorization: $KEY\" https://www.organization.immuta.com/integrations |
      redshift-integration-operator convert -f - -n data-platform > integrations.yaml

  Name a Secret that is there already, so that no password is printed, and git may keep it:
    redshift-integration-operator convert -f payloads/ --secret-ref redshift-admin

  Add what payloads have no place for:
    redshift-integration-operator convert -f okta.yaml \\
      --set aws.region=us-east-1 --set aws.clusterIdentifier=analytics

All is converted, or nothing: where anything is wrong, nothing is printed, and each mistake is told
with file, line and column. Integrations of other types than Redshift are named and left out.

Exit codes:
  0  all of it was converted
  1  something is wrong, or there is no payload for Redshift
  2  the command line is wrong, or a file can't be read";

/// The command's arguments.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES, after_help = "With --help: examples, and what the exit codes mean.")]
pub struct Arguments {
    /// Payloads in JSON or YAML, one or a list as GET /integrations returns; files, folders, or - for standard input
    #[arg(short, long = "file", value_name = "PAYLOAD", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// The namespace to write into the manifests; without it, kubectl takes the current one
    #[arg(short, long, value_name = "NAMESPACE", value_parser = values::namespace)]
    namespace: Option<String>,
    /// Name this Secret in the manifests, and write none: no password of the payloads is printed
    #[arg(long, value_name = "NAME", value_parser = values::secret_name)]
    secret_ref: Option<String>,
    /// Add an attribute that the API's payloads have no place for: databaseMode, systemAccount.name, okta.appName, aws.region,
    /// aws.clusterIdentifier, aws.workgroup or aws.databaseUser
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = additions::addition)]
    additions: Vec<Addition>,
    /// How to write the manifests
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What came of documents.
#[derive(Debug, Default)]
struct Conversion {
    converted: Vec<Converted>,
    findings: Findings,
}

/// Prints the manifests, or says what is wrong.
pub fn print(arguments: &Arguments) -> ExitCode {
    let (documents, unread) = input::read(&arguments.files);
    let Conversion { converted, findings } = convert(&documents, arguments);
    findings.remarks.iter().for_each(say);
    let mistakes = unread.iter().chain(&findings.mistakes);
    mistakes.for_each(output::error);
    // What has no place in a file is the file itself.
    if unread.iter().any(|mistake| mistake.place.is_none()) {
        return Ending::Usage.into();
    }
    if !unread.is_empty() || !findings.mistakes.is_empty() {
        output::say("nothing was converted: correct this first");
        return Ending::Failure.into();
    }
    if converted.is_empty() {
        output::error("there is no payload for Redshift in it: nothing was converted");
        return Ending::Failure.into();
    }
    let text = manifests::write(&converted, arguments.namespace.as_deref(), arguments.output);
    output::print(text.expose_secret());
    if converted.iter().any(|it| it.secret.is_some()) {
        output::warning(
            "what is printed holds passwords: apply it and throw it away, or keep it where passwords are kept, not in git. With \
             --secret-ref none are printed",
        );
    }
    Ending::Success.into()
}

fn say(remark: &Remark) {
    match remark.weight {
        Weight::Note => output::say(format!("{}: {}", styled(STRONG, "note"), remark.about)),
        Weight::Warning => output::warning(&remark.about),
    }
    if let Some(command) = &remark.command {
        output::say(format!("  {command}"));
    }
}

/// What documents are converted to, and what is to be said of them. Where there is any mistake, nothing is.
fn convert(documents: &[Document], arguments: &Arguments) -> Conversion {
    let mut findings = Findings::default();
    let mut integrations = Vec::new();
    let mut added = vec![0; arguments.additions.len()];
    let mut answers_are_noted = false;
    for document in documents {
        let before = findings.mistakes.len();
        let mut reader = Reader::new(document, &mut findings);
        let items = if let Content::List(items) = &document.root.content {
            items
        } else {
            std::slice::from_ref(&document.root)
        };
        for item in items {
            if !kinds::is_of_redshift(&mut reader, item) {
                continue;
            }
            if !answers_are_noted {
                answers_are_noted = kinds::note_what_answers_hold(&mut reader, item);
            }
            let mut root = item.clone();
            for (addition, added) in arguments.additions.iter().zip(&mut added) {
                *added += usize::from(addition.add(&mut root));
            }
            integrations.extend(integration::read(&mut reader, &root).map(|it| (document, it)));
        }
        findings.mistakes[before..].sort_by_key(|mistake| mistake.place);
    }
    for (addition, added) in arguments.additions.iter().zip(added) {
        let message = match added {
            0 => "no integration takes it",
            2.. if addition.is_of_one_warehouse() => {
                "it is of one warehouse, and several integrations would take it; convert them by themselves"
            }
            _ => continue,
        };
        findings.mistakes.push(Mistake {
            file: format!("--set {}", addition.name()),
            place: None,
            message: message.to_owned(),
        });
    }
    refuse_several_of_a_warehouse(&integrations, &mut findings);
    if !findings.mistakes.is_empty() {
        return Conversion { converted: Vec::new(), findings };
    }
    let names = names::names(&integrations.iter().map(|(_, it)| endpoint(it)).collect::<Vec<_>>());
    let converted = integrations.into_iter().zip(names);
    let converted = converted
        .map(|((document, integration), name)| {
            named(&mut Reader::new(document, &mut findings), integration, name, arguments)
        })
        .collect();
    Conversion { converted, findings }
}

fn endpoint(integration: &Integration) -> Endpoint {
    let config = &integration.spec.config;
    Endpoint::new(&config.host, config.port.unwrap_or(DEFAULT_PORT))
}

/// A warehouse takes one integration, and a request that changes one says all of it again.
fn refuse_several_of_a_warehouse(integrations: &[(&Document, Integration)], findings: &mut Findings) {
    for (at, (document, integration)) in integrations.iter().enumerate() {
        let endpoint = endpoint(integration);
        let same = integrations[..at].iter().find(|(_, other)| self::endpoint(other) == endpoint);
        if let Some((other, first)) = same {
            let message = format!(
                "{} has an integration at {}:{} already, and a warehouse takes one; leave one of them out: of several requests \
                 about one, the last says what is so",
                endpoint.host(),
                other.file,
                first.place
            );
            findings.mistakes.push(document.mistake(integration.place, message));
        }
    }
}

/// With its name, and with a Secret: the one that was named, one that is written, or one that a person makes.
fn named(reader: &mut Reader<'_>, integration: Integration, name: String, arguments: &Arguments) -> Converted {
    let Integration { place, mut spec, credentials } = integration;
    let keys: Vec<&str> = match &credentials {
        Credentials::Unneeded => return Converted { name, spec, secret: None },
        Credentials::Stated(entries) => entries.iter().map(|(key, _)| *key).collect(),
        Credentials::Untold(keys) => keys.clone(),
    };
    let secret_name = arguments.secret_ref.clone().unwrap_or_else(|| format!("{name}-admin"));
    spec.config.credentials_secret_ref = Some(Reference { name: secret_name.clone() });
    let secret = match (credentials, &arguments.secret_ref) {
        (_, Some(_)) => {
            let message = format!(
                "{name} takes its credentials from the Secret {secret_name}, which needs the keys {}",
                keys.join(" and ")
            );
            reader.remark(Weight::Note, place, message);
            None
        }
        (Credentials::Stated(entries), None) => Some((secret_name, entries)),
        (_, None) => {
            let message = format!(
                "the payload doesn't tell the credentials of {name}; before you apply it, make the Secret {secret_name}:"
            );
            let about = reader.document.mistake(place, message);
            let command = shell::create_secret(
                arguments.namespace.as_deref(),
                &secret_name,
                &keys.iter().map(|key| (*key, "…")).collect::<Vec<_>>(),
            );
            reader.findings.remarks.push(Remark { weight: Weight::Warning, about, command: Some(command) });
            None
        }
    };
    Converted { name, spec, secret }
}

#[cfg(test)]
mod tests;
