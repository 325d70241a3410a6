//! Step one: everything that a resource refers to in Kubernetes. Reads only.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::ResourceExt;
use secrecy::SecretString;

use super::error::Error;
use super::remedies;
use crate::api::{
    ALLOWED_HOSTS_ANNOTATION, CaBundleKind, CredentialsFormat, CredentialsReference, Reason, RedshiftIntegration,
    Remedy,
};
use crate::lifecycle::hosts::HostPattern;
use crate::lifecycle::login::{AskedBy, AwsWarehouse, Login, TemporaryLogin};
use crate::lifecycle::secret_content::Malformed;
use crate::lifecycle::{Credentials, Endpoint, Failure, secret_content};
use crate::ports::{CaBundle, Identity, Key, Kubernetes, Target, TlsSettings};
use crate::reconcile::Settings;

/// How whoever sets things up gets in, for one pass.
#[derive(Clone, Debug)]
pub enum Admin {
    /// With user and password.
    Known(Credentials),
    /// With credentials that AWS gives out for that warehouse.
    Asks(Identity, AwsWarehouse),
}

fn namespace(object: &RedshiftIntegration) -> String {
    object.namespace().unwrap_or_default()
}

/// Where to connect to, with the CA bundle that the spec names; `patience` is how many times as long as usual it may take.
pub async fn target(
    kubernetes: &impl Kubernetes,
    object: &RedshiftIntegration,
    patience: u32,
) -> Result<Target, Error> {
    let config = &object.spec.config;
    let ca_bundle = match &config.tls.ca_bundle_ref {
        None => None,
        Some(reference) => Some(ca_bundle(kubernetes, object, reference.kind, &reference.name, &reference.key).await?),
    };
    Ok(Target {
        endpoint: Endpoint::new(&config.host, config.port),
        tls: TlsSettings {
            mode: config.tls.mode,
            ca_bundle: ca_bundle.map(CaBundle::new),
            server_name: config.tls.server_name.clone(),
        },
        patience,
    })
}

async fn ca_bundle(
    kubernetes: &impl Kubernetes,
    object: &RedshiftIntegration,
    kind: CaBundleKind,
    name: &str,
    key: &str,
) -> Result<Vec<u8>, Error> {
    let (namespace, place) = (namespace(object), Key::beside(object, name));
    let missing = |what: String| {
        let message = format!("spec.config.tls.caBundleRef: {what} in the namespace {namespace}");
        Error::from(
            Failure::stalled(Reason::CaBundleMissing, message).remedy(Remedy::new("create it, or name another one")),
        )
    };
    let (word, bundle) = match kind {
        CaBundleKind::ConfigMap => {
            let found = kubernetes.get::<ConfigMap>(&place).await.map_err(Error::api("read the CA bundle"))?;
            let found = found.ok_or_else(|| missing(format!("there is no ConfigMap {name}")))?;
            let text = found.data.and_then(|mut data| data.remove(key)).map(String::into_bytes);
            ("ConfigMap", text.or_else(|| found.binary_data.and_then(|mut data| data.remove(key)).map(|bytes| bytes.0)))
        }
        CaBundleKind::Secret => {
            let found = kubernetes.get::<Secret>(&place).await.map_err(Error::api("read the CA bundle"))?;
            let found = found.ok_or_else(|| missing(format!("there is no Secret {name}")))?;
            ("Secret", found.data.and_then(|mut data| data.remove(key)).map(|bytes| bytes.0))
        }
    };
    bundle.ok_or_else(|| missing(format!("the {word} {name} has no key {key}")))
}

/// Reads what proves who sets things up: from a Secret, or, where that is allowed, nothing.
pub async fn admin(
    kubernetes: &impl Kubernetes,
    object: &RedshiftIntegration,
    settings: &Settings,
) -> Result<Admin, Error> {
    let Login::Temporary(TemporaryLogin { asked_by, warehouse }) = Login::read(&object.spec.config)? else {
        let (secret, reference) = credentials(kubernetes, object, settings, USER_AND_PASSWORD).await?;
        let [user, password] = user_and_password(&secret, reference).map_err(malformed(reference))?;
        return Ok(Admin::Known(Credentials::from_secret(user, password)));
    };
    let identity = match asked_by {
        AskedBy::Pod => {
            refuse_others_identity(&namespace(object), settings)?;
            Identity::Pod
        }
        AskedBy::AccessKey => {
            let (secret, reference) = credentials(kubernetes, object, settings, ACCESS_KEY).await?;
            access_key(&secret).map_err(malformed(reference))?
        }
        AskedBy::Okta(application) => {
            let (secret, reference) = credentials(kubernetes, object, settings, USER_AND_PASSWORD).await?;
            refuse_other_hosts(&secret, &application.host, settings.require_secret_hosts)?;
            let [username, password] = user_and_password(&secret, reference).map_err(malformed(reference))?;
            Identity::Okta { application, username, password }
        }
    };
    Ok(Admin::Asks(identity, warehouse))
}

/// What a Secret holds for a login.
const USER_AND_PASSWORD: &str = "`username` and `password`";
const ACCESS_KEY: &str = "`accessKeyId` and `secretAccessKey` (and `sessionToken`, if the key is a temporary one)";

/// The Secret with credentials for a login, which may be used for the warehouse: whoever gives out what logs in, it goes there.
async fn credentials<'o>(
    kubernetes: &impl Kubernetes,
    object: &'o RedshiftIntegration,
    settings: &Settings,
    keys: &str,
) -> Result<(Secret, &'o CredentialsReference), Error> {
    let Some(reference) = &object.spec.config.credentials_secret_ref else {
        let remedy = Remedy::new(format!("name a Secret there, with the keys {keys}"));
        let message = "spec.config.credentialsSecretRef is not set";
        return Err(Failure::stalled(Reason::SecretMissing, message).remedy(remedy).into());
    };
    let (name, namespace) = (&reference.name, namespace(object));
    let secret = kubernetes.get::<Secret>(&Key::beside(object, name)).await;
    let secret = secret.map_err(Error::api("read the credentials' Secret"))?.ok_or_else(|| {
        let message = format!("there is no Secret {name} in the namespace {namespace}");
        let remedy = remedies::create_secret(object, reference);
        Error::from(Failure::stalled(Reason::SecretMissing, message).remedy(remedy))
    })?;
    refuse_other_hosts(&secret, &object.spec.config.host, settings.require_secret_hosts)?;
    Ok((secret, reference))
}

/// What is wrong in a Secret, and what it needs.
fn malformed(reference: &CredentialsReference) -> impl FnOnce((Malformed, String)) -> Error {
    move |(malformed, needs)| {
        let message = format!("in the Secret {}, {malformed}; it needs {needs}", reference.name);
        Failure::stalled(Reason::SecretMalformed, message).into()
    }
}

/// Whoever may write a resource could otherwise do whatever the operator's pod may.
fn refuse_others_identity(namespace: &str, settings: &Settings) -> Result<(), Error> {
    if settings.iam_namespaces.iter().any(|allowed| allowed == namespace) {
        return Ok(());
    }
    let message = format!(
        "resources in the namespace {namespace} may not log in with the operator's own AWS identity (authenticationType iam)"
    );
    let listed: Vec<_> = settings.iam_namespaces.iter().map(String::as_str).chain([namespace]).collect();
    let remedy = Remedy::new(format!(
        "if whoever may write resources there may do what that identity may, start the operator with --iam-namespaces={} \
         (in the chart, iamNamespaces)",
        listed.join(",")
    ));
    Err(Failure::stalled(Reason::IdentityNotAllowed, message).remedy(remedy).into())
}

fn access_key(secret: &Secret) -> Result<Identity, (Malformed, String)> {
    let needs =
        |malformed| (malformed, "`accessKeyId`, `secretAccessKey` and, for a temporary key, `sessionToken`".to_owned());
    let line = |key| secret_content::part_of_access_key(secret, key).map_err(needs);
    let has_token = secret.data.as_ref().is_some_and(|data| data.contains_key("sessionToken"));
    Ok(Identity::AccessKey {
        id: line("accessKeyId")?,
        secret: line("secretAccessKey")?,
        session_token: has_token.then(|| line("sessionToken")).transpose()?,
    })
}

/// As the reference says that they stand in the Secret; what is wrong there, and what it needs.
fn user_and_password(
    secret: &Secret,
    reference: &CredentialsReference,
) -> Result<[SecretString; 2], (Malformed, String)> {
    match reference.format {
        CredentialsFormat::Keys => {
            let keys = reference.keys();
            let line = |key| {
                secret_content::line(secret, key)
                    .map_err(|malformed| (malformed, format!("`{}` and `{}`", keys.username, keys.password)))
            };
            Ok([line(&keys.username)?, line(&keys.password)?])
        }
        CredentialsFormat::Json => {
            let key = reference.document_key();
            secret_content::document(secret, key).map_err(|malformed| {
                (malformed, format!("a JSON document with `username` and `password` under the key `{key}`"))
            })
        }
    }
}

/// A Secret that says for which hosts it is, is used for no other: whoever may name it in a resource
/// could otherwise have its content sent to a host of his own.
fn refuse_other_hosts(secret: &Secret, host: &str, required: bool) -> Result<(), Error> {
    let name = secret.name_any();
    let endpoint = Endpoint::new(host, 0);
    let namespace = secret.namespace().unwrap_or_default();
    let refused = |message: String, hosts: &str| {
        let command = format!(
            "kubectl -n {namespace} annotate secret {name} --overwrite {ALLOWED_HOSTS_ANNOTATION}={}",
            [hosts, endpoint.host()].into_iter().filter(|host| !host.is_empty()).collect::<Vec<_>>().join(",")
        );
        let remedy = Remedy::command("if the credentials are for that host", command);
        Err(Failure::stalled(Reason::HostNotAllowedBySecret, message).remedy(remedy).into())
    };
    let Some(hosts) = secret.annotations().get(ALLOWED_HOSTS_ANNOTATION) else {
        if required {
            return refused(format!("the operator uses only Secrets that name their hosts, and {name} doesn't"), "");
        }
        return Ok(());
    };
    let allowed = hosts.split(',').filter_map(|pattern| pattern.parse::<HostPattern>().ok());
    if allowed.into_iter().any(|pattern| pattern.matches_host(endpoint.host())) {
        return Ok(());
    }
    let message =
        format!("the annotation {ALLOWED_HOSTS_ANNOTATION} of the Secret {name} does not list {}", endpoint.host());
    // What somebody has written there isn't copied into a command.
    let is_plain = hosts.chars().all(|it| it.is_ascii_alphanumeric() || ".-*,".contains(it));
    refused(message, if is_plain { hosts } else { "" })
}
