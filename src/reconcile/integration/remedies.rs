//! The ways out that are a command on the resource itself.

use kube::ResourceExt;

use super::resource;
use crate::api::{
    AuthenticationType, CONFIRM_DELETE_ANNOTATION, CONFIRM_DELETED_ANNOTATION, CredentialsFormat, CredentialsReference,
    REQUESTED_AT_ANNOTATION, ROTATE_ANNOTATION, RedshiftIntegration, Remedy, TAKE_OVER_ANNOTATION,
};
use crate::lifecycle::{proof, shell};

/// What the Secret is called in the spec that holds the credentials which set things up.
pub const CREDENTIALS: &str = "the Secret that spec.config.credentialsSecretRef names";

/// Lets go of the resource.
pub fn retain(object: &RedshiftIntegration) -> Remedy {
    let command = format!(
        "{} patch rsi {} --type merge -p '{{\"spec\":{{\"deletionPolicy\":\"Retain\"}}}}'",
        kubectl(object),
        object.name_any()
    );
    Remedy::command("or let go of the resource, and leave everything in the warehouse as it is", command)
}

/// Confirms a deletion.
pub fn confirm(object: &RedshiftIntegration, value: &str) -> Remedy {
    Remedy::command(
        "or confirm: objects in the managed database are dropped, privileges are revoked",
        annotate(object, CONFIRM_DELETE_ANNOTATION, value),
    )
}

/// Confirms, in manual mode, that a person has removed what was set up.
pub fn confirm_deleted(object: &RedshiftIntegration, database: &str) -> Remedy {
    Remedy::command(
        "if nothing of it is left in the warehouse, confirm it",
        annotate(object, CONFIRM_DELETED_ANNOTATION, database),
    )
}

/// Rotates the passwords.
pub fn rotate(object: &RedshiftIntegration) -> String {
    annotate_anew(object, ROTATE_ANNOTATION)
}

/// Takes over what another integration has left in a database.
pub fn take_over(object: &RedshiftIntegration, description: impl Into<String>, database: &str, uid: &str) -> Remedy {
    Remedy::command(description, annotate(object, TAKE_OVER_ANNOTATION, &proof::take_over(database, uid)))
}

/// Makes the Secret that isn't there.
pub fn create_secret(object: &RedshiftIntegration, reference: &CredentialsReference) -> Remedy {
    let (keys, document);
    let values = match reference.format {
        _ if object.spec.config.authentication_type == AuthenticationType::AccessKey => {
            vec![("accessKeyId", "…"), ("secretAccessKey", "…")]
        }
        CredentialsFormat::Keys => {
            keys = reference.keys();
            vec![(keys.username.as_str(), "…"), (keys.password.as_str(), "…")]
        }
        CredentialsFormat::Json => {
            document = shell::word(r#"{"username": "…", "password": "…"}"#);
            vec![(reference.document_key(), document.as_str())]
        }
    };
    let command = shell::create_secret(object.namespace().as_deref(), &reference.name, &values);
    Remedy::command("create it", command)
}

/// Puts a superuser's credentials in the place of those that are there.
pub fn a_superusers_credentials(for_what: &str) -> Remedy {
    Remedy::new(format!("put a superuser's credentials into {CREDENTIALS}: {for_what}"))
}

/// Has the operator name a system account back that was renamed; `repairs`: whether it mends drift at all.
pub fn name_back(repairs: bool) -> Remedy {
    if repairs {
        return a_superusers_credentials("it is named back with them");
    }
    Remedy::new(format!(
        "set spec.repair to true, with a superuser's credentials in {CREDENTIALS}: it is named back with them"
    ))
}

/// Fetches a script that a person runs.
pub fn fetch_script(object: &RedshiftIntegration, file: &str) -> String {
    let (secret, key) = (resource::scripts_name(object), file.replace('.', r"\."));
    format!("{} get secret {secret} -o jsonpath='{{.data.{key}}}' | base64 -d > {file}", kubectl(object))
}

/// Has the operator look at once.
pub fn look_now(object: &RedshiftIntegration) -> Remedy {
    let command = annotate_anew(object, REQUESTED_AT_ANNOTATION);
    Remedy::command("the operator looks again by itself within minutes, and at once with this", command)
}

/// An annotation that acts when its value changes, with another one each time.
fn annotate_anew(object: &RedshiftIntegration, annotation: &str) -> String {
    format!("{} annotate rsi {} --overwrite {annotation}=\"$(date)\"", kubectl(object), object.name_any())
}

fn annotate(object: &RedshiftIntegration, annotation: &str, value: &str) -> String {
    format!("{} annotate rsi {} --overwrite {annotation}={}", kubectl(object), object.name_any(), shell::word(value))
}

fn kubectl(object: &RedshiftIntegration) -> String {
    format!("kubectl -n {}", object.namespace().unwrap_or_default())
}
