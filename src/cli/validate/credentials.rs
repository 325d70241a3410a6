//! The credentials of a resource that is validated without its cluster: from a manifest, from the environment, or asked for.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::core::ObjectMeta;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::files::{Files, secret_beside};
use crate::api::{AuthenticationType, CredentialsFormat, CredentialsReference, RedshiftIntegration};
use crate::lifecycle::SystemAccount;

/// Where what isn't in a manifest comes from.
pub trait Source {
    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;

    /// What somebody types who is asked for it; nothing where nobody can be asked.
    fn ask(&self, what: &str, is_secret: bool) -> Option<SecretString>;
}

/// Where the credentials come from, in words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A manifest among the files, or nothing that is needed.
    Manifests,
    /// The environment.
    Environment,
    /// Somebody has typed them.
    Prompt,
}

/// The name of a Secret that stands for one which isn't named.
const UNNAMED: &str = "credentials";

const USER: &str = "REDSHIFT_USERNAME";
const PASSWORD: &str = "REDSHIFT_PASSWORD";

/// Sees to it that the resource's credentials are among the files. What was set up is validated as its system account, whose
/// Secret is enough; everything else as whoever sets it up, whatever the mode.
///
/// # Errors
///
/// What to give, if they are nowhere.
pub fn complete(object: &mut RedshiftIntegration, files: &mut Files, source: &impl Source) -> Result<Origin, String> {
    let account = SystemAccount::secret_name(&object.name_any());
    if let Some(secret) = secret_beside(files, object, &account)
        && SystemAccount::read(&secret).is_ok_and(|account| account.ids.is_some())
    {
        // Manifests from git have none; the Secret says whose it is.
        object.metadata.uid = secret.labels().get(crate::api::INTEGRATION_UID_LABEL).cloned();
        return Ok(Origin::Manifests);
    }
    object.spec.auto_bootstrap = true;
    let config = &mut object.spec.config;
    if config.authentication_type == AuthenticationType::Iam {
        return Ok(Origin::Manifests);
    }
    let reference = config.credentials_secret_ref.get_or_insert_with(|| CredentialsReference {
        name: UNNAMED.to_owned(),
        format: CredentialsFormat::Keys,
        keys: None,
        key: None,
    });
    let reference = reference.clone();
    if secret_beside(files, object, &reference.name).is_some() {
        return Ok(Origin::Manifests);
    }
    let (values, origin) = match object.spec.config.authentication_type {
        AuthenticationType::AccessKey => access_key(source, &reference)?,
        _ => user_and_password(source, object, &reference)?,
    };
    files.add(&Secret {
        metadata: ObjectMeta { name: Some(reference.name), namespace: object.namespace(), ..ObjectMeta::default() },
        data: Some(values.into_iter().map(|(key, value)| (key, ByteString(value.into_bytes()))).collect()),
        ..Secret::default()
    });
    Ok(origin)
}

type Values = (BTreeMap<String, String>, Origin);

fn access_key(source: &impl Source, reference: &CredentialsReference) -> Result<Values, String> {
    let variable = |name| source.variable(name).filter(|value| !value.is_empty());
    let (Some(id), Some(secret)) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) else {
        return Err(format!(
            "there are no credentials: add the manifest of the Secret {} to the files, or set AWS_ACCESS_KEY_ID, \
             AWS_SECRET_ACCESS_KEY and, for a temporary key, AWS_SESSION_TOKEN",
            reference.name
        ));
    };
    let mut values = BTreeMap::from([("accessKeyId".to_owned(), id), ("secretAccessKey".to_owned(), secret)]);
    values.extend(variable("AWS_SESSION_TOKEN").map(|token| ("sessionToken".to_owned(), token)));
    Ok((values, Origin::Environment))
}

fn user_and_password(
    source: &impl Source,
    object: &RedshiftIntegration,
    reference: &CredentialsReference,
) -> Result<Values, String> {
    let variable = |name| source.variable(name).filter(|value| !value.is_empty()).map(SecretString::from);
    let whose = match &object.spec.config.okta {
        Some(okta) if object.spec.config.authentication_type == AuthenticationType::Okta => okta.idp_host.clone(),
        _ => object.spec.config.host.clone(),
    };
    let (user, password) = (variable(USER), variable(PASSWORD));
    let origin = if password.is_some() { Origin::Environment } else { Origin::Prompt };
    let user = user.or_else(|| source.ask(&format!("User at {whose}"), false));
    let password = user.as_ref().and_then(|_| password.or_else(|| source.ask(&format!("Password at {whose}"), true)));
    let (Some(user), Some(password)) = (user, password) else {
        return Err(format!(
            "there are no credentials: add the manifest of the Secret {} to the files, or set {USER} and {PASSWORD}, or run \
             this on a terminal and type them",
            reference.name
        ));
    };
    let (user, password) = (user.expose_secret().to_owned(), password.expose_secret().to_owned());
    let values = match reference.format {
        CredentialsFormat::Keys => {
            let keys = reference.keys();
            BTreeMap::from([(keys.username, user), (keys.password, password)])
        }
        CredentialsFormat::Json => {
            let document = json!({"username": user, "password": password});
            BTreeMap::from([(reference.document_key().to_owned(), document.to_string())])
        }
    };
    Ok((values, origin))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::ports::Key;

    /// What is set in the environment, and what somebody would type.
    #[derive(Default)]
    struct Given(BTreeMap<&'static str, &'static str>, Option<&'static str>);

    impl Source for Given {
        fn variable(&self, name: &str) -> Option<String> {
            self.0.get(name).map(ToString::to_string)
        }

        fn ask(&self, what: &str, is_secret: bool) -> Option<SecretString> {
            assert_eq!(is_secret, what.starts_with("Password"));
            self.1.map(|typed| SecretString::from(format!("{typed} for {what}")))
        }
    }

    fn object(spec: &str) -> RedshiftIntegration {
        let manifest = format!(
            "apiVersion: redshift-governance.dev/v1alpha1\nkind: RedshiftIntegration\nmetadata: {{name: analytics, namespace: \
             data}}\nspec: {spec}\n"
        );
        serde_saphyr::from_str(&manifest).unwrap()
    }

    const USER_PASSWORD: &str = "{config: {host: h, database: d, initialDatabase: dev, authenticationType: userPassword, \
                                 credentialsSecretRef: {name: admin}}}";
    const JSON: &str = "{config: {host: h, database: d, initialDatabase: dev, authenticationType: userPassword, \
                        credentialsSecretRef: {name: admin, format: json, key: doc}}}";
    const ACCESS_KEY: &str = "{config: {host: h, database: d, initialDatabase: dev, authenticationType: accessKey, \
                              credentialsSecretRef: {name: admin}}}";
    const MANUAL: &str = "{autoBootstrap: false, config: {host: h, database: d, initialDatabase: dev, authenticationType: \
                          userPassword}}";

    fn secret(name: &str, values: &[(&str, &str)]) -> Secret {
        Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some("data".to_owned()),
                ..ObjectMeta::default()
            },
            data: Some(
                values.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec()))).collect(),
            ),
            ..Secret::default()
        }
    }

    fn read(files: &Files, name: &str) -> BTreeMap<String, String> {
        let found: Secret = files.find(&Key { namespace: "data".to_owned(), name: name.to_owned() }).unwrap();
        let data = found.data.unwrap_or_default();
        data.into_iter().map(|(key, value)| (key, String::from_utf8(value.0).unwrap())).collect()
    }

    fn pairs(values: &[(&str, &str)]) -> BTreeMap<String, String> {
        values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_manifest_comes_first_then_the_environment_then_whoever_sits_there() {
        let environment = || BTreeMap::from([(USER, "env-user"), (PASSWORD, "env-password")]);
        let mut files = Files::new(&[], &[secret("admin", &[("username", "a"), ("password", "b")])], &[]);
        let given = Given(environment(), Some("typed"));
        assert_eq!(complete(&mut object(USER_PASSWORD), &mut files, &given), Ok(Origin::Manifests));
        assert_eq!(read(&files, "admin"), pairs(&[("username", "a"), ("password", "b")]));
        let mut files = Files::default();
        assert_eq!(complete(&mut object(USER_PASSWORD), &mut files, &given), Ok(Origin::Environment));
        assert_eq!(read(&files, "admin"), pairs(&[("username", "env-user"), ("password", "env-password")]));
        let mut files = Files::default();
        let given = Given(BTreeMap::from([(USER, "env-user")]), Some("typed"));
        assert_eq!(complete(&mut object(USER_PASSWORD), &mut files, &given), Ok(Origin::Prompt));
        assert_eq!(read(&files, "admin"), pairs(&[("username", "env-user"), ("password", "typed for Password at h")]));
        let refused = complete(&mut object(USER_PASSWORD), &mut Files::default(), &Given::default()).unwrap_err();
        assert!(refused.contains("Secret admin") && refused.contains(PASSWORD), "{refused}");
    }

    #[test]
    fn credentials_stand_as_the_resource_says_that_they_do() {
        let mut files = Files::default();
        let given = Given(BTreeMap::from([(USER, "u\""), (PASSWORD, "p")]), None);
        complete(&mut object(JSON), &mut files, &given).unwrap();
        assert_eq!(read(&files, "admin"), pairs(&[("doc", r#"{"password":"p","username":"u\""}"#)]));
        let mut files = Files::default();
        let given = Given(BTreeMap::from([("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s")]), None);
        complete(&mut object(ACCESS_KEY), &mut files, &given).unwrap();
        assert_eq!(read(&files, "admin"), pairs(&[("accessKeyId", "AKIA"), ("secretAccessKey", "s")]));
        let refused = complete(&mut object(ACCESS_KEY), &mut Files::default(), &Given::default()).unwrap_err();
        assert!(refused.contains("AWS_SECRET_ACCESS_KEY"), "{refused}");
    }

    #[test]
    fn in_manual_mode_it_is_validated_as_whoever_would_run_the_scripts() {
        let (mut manual, mut files) = (object(MANUAL), Files::default());
        complete(&mut manual, &mut files, &Given(BTreeMap::new(), Some("typed"))).unwrap();
        assert!(manual.spec.auto_bootstrap);
        assert_eq!(read(&files, UNNAMED)["username"], "typed for User at h");
    }
}
