//! AWS: a key is exchanged for temporary credentials of a warehouse.
//!
//! Endpoints, FIPS and dual stack are the SDK's own variables (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_STS`,
//! `AWS_USE_FIPS_ENDPOINT`, …). Files of profiles are read by nobody, and neither is the metadata of the node.

use std::error::Error as StdError;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tracing::debug;

use super::http::{Door, Http};
use super::saml::{Role, Statement};
use crate::adapters::causes::{chain, find};
use crate::lifecycle::login::{AwsWarehouse, Described, WarehouseKind, WarehouseName};
use crate::lifecycle::words::Confidential;
use crate::lifecycle::{Category, Credentials, brief};
use crate::ports::{LoginError, LoginStep, Obtained, Unusable};

/// How long temporary credentials are to be valid, in seconds: the longest that AWS gives out. A pass logs in several times, and
/// takes longer than a quarter of an hour, AWS's default, where a warehouse is slow.
const VALID_FOR: i32 = 3_600;

/// Where a pod that has a role by IRSA finds its token.
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// And the role that it is for.
const ROLE_ARN: &str = "AWS_ROLE_ARN";

/// What AWS's own log calls whoever takes it, unless the environment says otherwise.
const SESSION: &str = "redshift-integration-operator";

/// What to do where a pod gets no role.
const TRUST: &str = "check the role's trust policy, and that the service account may take it";

/// Where one that has it by Pod Identity is told its credentials.
const CREDENTIALS_URI: [&str; 2] = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];

/// A key that signs requests, and what may show in no message.
pub(super) struct Key {
    credentials: aws_credential_types::Credentials,
    /// Whether it is fetched anew for each pass.
    is_fetched: bool,
}

impl Key {
    fn new(id: &str, secret: &str, session_token: Option<&str>, is_fetched: bool) -> Self {
        let token = session_token.map(str::to_owned);
        let credentials =
            aws_credential_types::Credentials::new(id, secret, token, None, "redshift-integration-operator");
        Self { credentials, is_fetched }
    }

    /// One that a user has.
    pub(super) fn from_secret(id: &SecretString, secret: &SecretString, session_token: Option<&SecretString>) -> Self {
        Self::new(id.expose_secret(), secret.expose_secret(), session_token.map(ExposeSecret::expose_secret), false)
    }

    fn confidential(&self) -> Confidential {
        let secret = SecretString::from(self.credentials.secret_access_key());
        let token = self.credentials.session_token().map(SecretString::from);
        Confidential::new([secret].into_iter().chain(token))
    }
}

/// AWS in one region.
pub(super) struct Aws {
    http: Http,
    region: String,
}

/// Whether a variable of the environment has a value.
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// No file of the home folder, of which nobody here knows: an empty one in their place.
fn no_files() -> EnvConfigFiles {
    EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, "").build()
}

/// Temporary credentials as any of AWS's three calls answers.
#[derive(Clone, Copy)]
struct Answer<'a> {
    user: Option<&'a str>,
    password: Option<&'a str>,
    ends: Option<&'a DateTime>,
}

impl Aws {
    pub(super) fn new(http: Http, region: &str) -> Self {
        Self { http, region: region.to_owned() }
    }

    /// What a client is made from. The operator tries again in its own time: whoever waits for it is told meanwhile.
    async fn config(&self, step: LoginStep, key: Option<&Key>) -> Result<SdkConfig, LoginError> {
        let confidential = key.map(Key::confidential).unwrap_or_default();
        let client = Client { http: self.http.clone(), step, confidential };
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .profile_files(no_files())
            .http_client(client)
            .retry_config(RetryConfig::disabled())
            // The one request has the operator's own: which of two passes first would be told at random.
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let loader = match key {
            Some(key) => loader.credentials_provider(SharedCredentialsProvider::new(key.credentials.clone())),
            None => loader.no_credentials(),
        };
        let config = Box::pin(loader.load()).await;
        // The SDK passes over a word that it doesn't know, and asks elsewhere than whoever wrote it believes.
        for (variable, is_understood) in [
            ("AWS_USE_FIPS_ENDPOINT", config.use_fips().is_some()),
            ("AWS_USE_DUALSTACK_ENDPOINT", config.use_dual_stack().is_some()),
        ] {
            if is_set(variable) && !is_understood {
                return Err(LoginError::Setting(format!("{variable} is neither `true` nor `false`")));
            }
        }
        Ok(config)
    }

    /// The key that goes with a role that an assertion allows.
    pub(super) async fn key_of_assertion(&self, role: &Role, assertion: SecretString) -> Result<Key, LoginError> {
        let step = LoginStep::RoleOfAssertion;
        let sts = aws_sdk_sts::Client::new(&self.config(step, None).await?);
        let request = sts.assume_role_with_saml().role_arn(&role.role).principal_arn(&role.provider);
        let answer = Box::pin(request.saml_assertion(assertion.expose_secret()).send()).await;
        let answer = answer.map_err(|error| self.refused(step, &error, &Confidential::new([assertion]), true))?;
        let key = answer.credentials().ok_or(LoginError::Unusable { step, why: Unusable::Incomplete })?;
        Ok(Key::new(key.access_key_id(), key.secret_access_key(), Some(key.session_token()), true))
    }

    /// The key of the pod's role.
    pub(super) async fn key_of_pod(&self) -> Result<Key, LoginError> {
        if is_set(TOKEN_FILE) {
            self.key_of_token().await
        } else if CREDENTIALS_URI.iter().any(|variable| is_set(variable)) {
            self.key_of_container().await
        } else {
            Err(LoginError::NoPodIdentity)
        }
    }

    /// By the token of its service account (IRSA). The SDK has this too, and there it knows neither its own setting that endpoints
    /// are to be passed over nor what AWS's codes mean.
    async fn key_of_token(&self) -> Result<Key, LoginError> {
        let step = LoginStep::PodIdentity;
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let role = variable(ROLE_ARN)
            .ok_or_else(|| LoginError::Setting(format!("{TOKEN_FILE} is set, and {ROLE_ARN} isn't")))?;
        let token = tokio::fs::read_to_string(variable(TOKEN_FILE).unwrap_or_default()).await;
        let token = token.map_err(|error| LoginError::Setting(format!("the file of {TOKEN_FILE}: {error}")))?;
        let token = SecretString::from(token.trim());
        let sts = aws_sdk_sts::Client::new(&self.config(step, None).await?);
        let request = sts.assume_role_with_web_identity().role_arn(role).web_identity_token(token.expose_secret());
        let session = variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| SESSION.to_owned());
        let answer = Box::pin(request.role_session_name(session).send()).await;
        let answer = answer.map_err(|error| self.refused(step, &error, &Confidential::new([token]), true))?;
        let key = answer.credentials().ok_or(LoginError::Unusable { step, why: Unusable::Incomplete })?;
        Ok(Key::new(key.access_key_id(), key.secret_access_key(), Some(key.session_token()), true))
    }

    /// By the endpoint of Pod Identity.
    async fn key_of_container(&self) -> Result<Key, LoginError> {
        let step = LoginStep::PodIdentity;
        let client = Client { http: self.http.clone(), step, confidential: Confidential::default() };
        let config =
            ProviderConfig::without_region().with_retry_config(RetryConfig::disabled()).with_http_client(client);
        let provider = EcsCredentialsProvider::builder().configure(&config).build();
        let deadline = self.http.deadline();
        // Its request has the deadline itself; the rest is the SDK's, which may look up a name before.
        let found = tokio::time::timeout(deadline.now() * 2, provider.provide_credentials()).await;
        let credentials = found.map_err(|_| deadline.passed(step, "its endpoint"))?.map_err(|error| {
            if let Some(known) = find::<LoginError>(&error) {
                return known.clone();
            }
            let said = Confidential::default().pass_on(&chain(&error));
            let code = Confidential::default().pass_on("no credentials");
            LoginError::Aws { step, code, said, advice: Some(TRUST), state: None, category: Category::Transient }
        })?;
        Ok(Key { credentials, is_fetched: true })
    }

    /// Credentials for the user that the spec names, or else for one that AWS derives from the key's owner.
    pub(super) async fn for_key(&self, key: Key, warehouse: &AwsWarehouse) -> Result<Obtained, LoginError> {
        self.obtain(&key, warehouse, warehouse.database_user.as_deref().map(User::named)).await
    }

    /// Credentials for the user that an assertion names.
    pub(super) async fn for_assertion(
        &self,
        key: Key,
        warehouse: &AwsWarehouse,
        statement: &Statement,
    ) -> Result<Obtained, LoginError> {
        let user = match &warehouse.name {
            // It derives the user from the role.
            WarehouseName::Workgroup(_) => None,
            WarehouseName::Cluster(_) => Some(User {
                name: statement.database_user(warehouse.database_user.as_deref())?,
                auto_create: statement.auto_create(),
                groups: statement.groups(),
            }),
        };
        self.obtain(&key, warehouse, user).await
    }

    async fn obtain(&self, key: &Key, warehouse: &AwsWarehouse, user: Option<User>) -> Result<Obtained, LoginError> {
        let described = self.describe(key, warehouse).await;
        let obtained = match &warehouse.name {
            WarehouseName::Workgroup(workgroup) => self.of_workgroup(key, workgroup).await,
            WarehouseName::Cluster(cluster) => self.of_cluster(key, cluster, user).await,
        };
        let credentials = obtained.map_err(|error| error.with_state(described.as_ref()))?;
        Ok(Obtained { credentials, described })
    }

    async fn of_cluster(&self, key: &Key, cluster: &str, user: Option<User>) -> Result<Credentials, LoginError> {
        let step = LoginStep::Credentials;
        let client = aws_sdk_redshift::Client::new(&self.config(step, Some(key)).await?);
        // Without the name of a database they are for all of them: the managed one may not be there yet.
        if let Some(User { name, auto_create, groups }) = user {
            let request = client.get_cluster_credentials().cluster_identifier(cluster).db_user(name);
            let request = request.set_db_groups((!groups.is_empty()).then_some(groups));
            let request = request.auto_create(auto_create).duration_seconds(VALID_FOR);
            let answer = Box::pin(request.send()).await.map_err(|error| self.refused_to(step, key, &error))?;
            let (user, password, ends) = (answer.db_user(), answer.db_password(), answer.expiration());
            credentials(&Answer { user, password, ends })
        } else {
            let request = client.get_cluster_credentials_with_iam().cluster_identifier(cluster);
            let request = request.duration_seconds(VALID_FOR);
            let answer = Box::pin(request.send()).await.map_err(|error| self.refused_to(step, key, &error))?;
            let (user, password, ends) = (answer.db_user(), answer.db_password(), answer.expiration());
            credentials(&Answer { user, password, ends })
        }
    }

    async fn of_workgroup(&self, key: &Key, workgroup: &str) -> Result<Credentials, LoginError> {
        let step = LoginStep::Credentials;
        let client = aws_sdk_redshiftserverless::Client::new(&self.config(step, Some(key)).await?);
        let request = client.get_credentials().workgroup_name(workgroup).duration_seconds(VALID_FOR);
        let answer = Box::pin(request.send()).await.map_err(|error| self.refused_to(step, key, &error))?;
        credentials(&Answer { user: answer.db_user(), password: answer.db_password(), ends: answer.expiration() })
    }

    /// What AWS says of the warehouse. It is of use, and nothing depends on it: an identity needs no right to ask.
    async fn describe(&self, key: &Key, warehouse: &AwsWarehouse) -> Option<Described> {
        let step = LoginStep::Description;
        // The credentials fail at the same, and it is told there.
        let config = self.config(step, Some(key)).await.ok()?;
        let described = match &warehouse.name {
            WarehouseName::Cluster(cluster) => {
                let client = aws_sdk_redshift::Client::new(&config);
                let answer = Box::pin(client.describe_clusters().cluster_identifier(cluster).send()).await;
                answer.map_err(|error| self.refused_to(step, key, &error)).map(|answer| {
                    let cluster = answer.clusters().first()?;
                    Some((WarehouseKind::Nodes(word(cluster.node_type()?)?), cluster.cluster_status()?.to_owned()))
                })
            }
            WarehouseName::Workgroup(workgroup) => {
                let client = aws_sdk_redshiftserverless::Client::new(&config);
                let answer = Box::pin(client.get_workgroup().workgroup_name(workgroup).send()).await;
                answer
                    .map_err(|error| self.refused_to(step, key, &error))
                    .map(|answer| Some((WarehouseKind::Serverless, answer.workgroup()?.status()?.as_str().to_owned())))
            }
        };
        match described {
            Ok(described) => described.and_then(|(kind, state)| Some(Described { kind, state: word(&state)? })),
            Err(error) => {
                debug!(%error, "what the warehouse is can't be told");
                None
            }
        }
    }

    fn refused_to<E>(&self, step: LoginStep, key: &Key, error: &SdkError<E, HttpResponse>) -> LoginError
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        self.refused(step, error, &key.confidential(), key.is_fetched)
    }

    fn refused<E>(
        &self,
        step: LoginStep,
        error: &SdkError<E, HttpResponse>,
        confidential: &Confidential,
        is_fetched: bool,
    ) -> LoginError
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        if let Some(known) = find::<LoginError>(error) {
            return known.clone();
        }
        let host = self.region.clone();
        match error {
            SdkError::TimeoutError(_) => self.http.deadline().passed(step, &host),
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let Some(code) = answer.err().code() else {
                    if answer.raw().status().is_success() {
                        return LoginError::Unusable { step, why: Unusable::NotDocumented };
                    }
                    return LoginError::Status { step, status, said: confidential.pass_on("") };
                };
                let said = answer.err().message().unwrap_or_default();
                let meaning = Meaning::of(code, said, status, is_fetched);
                let said = if meaning.quotes_the_request { "" } else { said.trim_end_matches('.') };
                let (code, said) = (confidential.pass_on(code), confidential.pass_on(said));
                let Meaning { mut advice, mut category, .. } = meaning;
                if step == LoginStep::PodIdentity && category == Category::Permanent {
                    // Nobody's Secret is in it, and a role takes its time to be known everywhere.
                    (advice, category) = (Some(TRUST), Category::Transient);
                }
                LoginError::Aws { step, code, said, advice, state: None, category }
            }
            SdkError::ResponseError(_) => LoginError::Unusable { step, why: Unusable::NotDocumented },
            // It never got to the network, and the SDK's words may quote the whole request.
            other => LoginError::Setting(no_endpoint(&chain(other)).to_owned()),
        }
    }
}

/// Why the SDK finds no host to ask.
fn no_endpoint(said: &str) -> &'static str {
    if said.contains("FIPS and custom endpoint") {
        "AWS_USE_FIPS_ENDPOINT and an endpoint of your own (AWS_ENDPOINT_URL) exclude each other; unset one of them"
    } else if said.contains("Dualstack and custom endpoint") {
        "AWS_USE_DUALSTACK_ENDPOINT and an endpoint of your own (AWS_ENDPOINT_URL) exclude each other; unset one of them"
    } else if said.contains("does not support") {
        "this part of AWS has no such endpoints; unset AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT"
    } else {
        "AWS can't be asked at any URL; check AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL_REDSHIFT and \
         AWS_ENDPOINT_URL_REDSHIFT_SERVERLESS, which are as https://host.example.com"
    }
}

/// The user of a database for which credentials are asked.
struct User {
    name: String,
    auto_create: bool,
    groups: Vec<String>,
}

impl User {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), auto_create: false, groups: Vec::new() }
    }
}

/// A word of AWS's that is shown: short and plain, or nothing.
fn word(text: &str) -> Option<String> {
    let is_plain = brief::is_plain_text(text) && text.len() <= 64;
    is_plain.then(|| text.to_owned())
}

fn credentials(answer: &Answer<'_>) -> Result<Credentials, LoginError> {
    let incomplete = || LoginError::Unusable { step: LoginStep::Credentials, why: Unusable::Incomplete };
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty() && !text.contains('\0')).map(str::to_owned);
    let user = text(answer.user).filter(|user| brief::is_plain_text(user)).ok_or_else(incomplete)?;
    let password = text(answer.password).ok_or_else(incomplete)?;
    let ends = answer.ends.and_then(|ends| Timestamp::from_second(ends.secs()).ok()).ok_or_else(incomplete)?;
    Ok(Credentials::temporary(&user, SecretString::from(password), ends))
}

/// What a code of AWS's means.
#[derive(Debug, Eq, PartialEq)]
struct Meaning {
    advice: Option<&'static str>,
    category: Category,
    /// Whether the text that comes with it holds the request, with all that signs it.
    quotes_the_request: bool,
}

impl Meaning {
    /// The codes of AWS's services for the same thing differ.
    /// <https://docs.aws.amazon.com/redshift/latest/APIReference/CommonErrors.html>
    fn of(code: &str, said: &str, status: u16, is_fetched: bool) -> Self {
        let code = code.rsplit('#').next().unwrap_or(code);
        let code = code.strip_suffix("Exception").or_else(|| code.strip_suffix("Fault")).unwrap_or(code);
        let lasting = |advice| Self { advice: Some(advice), category: Category::Permanent, quotes_the_request: false };
        let passing = |advice| Self { advice, category: Category::Transient, quotes_the_request: false };
        match code {
            "Throttling"
            | "RequestLimitExceeded"
            | "TooManyRequests"
            | "ServiceUnavailable"
            | "InternalFailure"
            | "InternalError"
            | "InternalServer"
            | "IDPCommunicationError" => passing(None),
            "ExpiredToken" if is_fetched => passing(None),
            "ExpiredToken" => lasting("the session token in the Secret has run out; set a new key and token there"),
            "RequestExpired" | "RequestTimeTooSkewed" => passing(Some("check the clock of the operator's node")),
            "SignatureDoesNotMatch" | "InvalidSignature"
                if said.contains("xpired") || said.contains("not yet current") =>
            {
                Self { quotes_the_request: true, ..passing(Some("check the clock of the operator's node")) }
            }
            "SignatureDoesNotMatch" | "InvalidSignature" | "IncompleteSignature" => Self {
                quotes_the_request: true,
                ..lasting(
                    "`secretAccessKey` in the Secret doesn't go with `accessKeyId`; check both, and blanks around them",
                )
            },
            "InvalidClientTokenId" | "UnrecognizedClient" | "InvalidAccessKeyId" => lasting(
                "AWS doesn't know this access key; check `accessKeyId` in the Secret, that the key is active, and `sessionToken` if it is a temporary one",
            ),
            "MissingAuthenticationToken" => lasting("check the access key in the Secret"),
            "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" => lasting(
                "allow it in the identity's policies: redshift:GetClusterCredentials (with the cluster's dbuser and dbname), \
                 redshift:GetClusterCredentialsWithIAM, or redshift-serverless:GetCredentials; for a role, check its trust \
                 policy too",
            ),
            "ClusterNotFound" | "ResourceNotFound" => lasting(
                "check clusterIdentifier or workgroup, and region, in spec.config.aws: the host name may be another one's",
            ),
            "InvalidIdentityToken" | "IDPRejectedClaim" => {
                lasting("AWS doesn't take Okta's assertion; check the identity provider in IAM, and its metadata")
            }
            "OptInRequired" | "RegionDisabled" => lasting("this region is not enabled for the account"),
            _ if status >= 500 || status == 429 => passing(None),
            _ => Self { advice: None, category: Category::Permanent, quotes_the_request: false },
        }
    }
}

/// The SDK's way to the network is the operator's own, with its bounds.
#[derive(Clone, Debug)]
struct Client {
    http: Http,
    step: LoginStep,
    confidential: Confidential,
}

impl HttpClient for Client {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { http, step, confidential } = self.clone();
        HttpConnectorFuture::new(async move {
            let user = |error: Box<dyn StdError + Send + Sync>| ConnectorError::user(error);
            let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
            // All of the SDK's requests that are sent here are held in memory.
            let request = request.map(|body| body.bytes().unwrap_or_default().to_vec());
            let answer = http.send(step, Door::OfOperator, request, &confidential).await;
            let answer = answer.map_err(|error| ConnectorError::other(Box::new(error), None))?;
            let mut response = http::Response::new(SdkBody::from(answer.body));
            (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
            HttpResponse::try_from(response).map_err(|error| user(error.into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_all_services_for_the_same_thing_mean_the_same() {
        let of = |code, status| Meaning::of(code, "", status, false);
        for code in ["AccessDenied", "AccessDeniedException", "com.amazonaws.redshiftserverless#AccessDeniedException"]
        {
            assert!(of(code, 403).advice.is_some_and(|advice| advice.contains("policies")), "{code}");
        }
        for code in ["Throttling", "ThrottlingException", "TooManyRequestsException", "InternalServerException"] {
            assert_eq!(of(code, 400).category, Category::Transient, "{code}");
        }
        assert_eq!(of("Whatever", 400).category, Category::Permanent);
        assert_eq!(of("Whatever", 503).category, Category::Transient);
    }

    #[test]
    fn a_token_that_ran_out_is_fetched_anew_unless_it_is_the_users() {
        assert_eq!(Meaning::of("ExpiredToken", "", 400, true).category, Category::Transient);
        assert_eq!(Meaning::of("ExpiredTokenException", "", 400, false).category, Category::Permanent);
    }

    #[test]
    fn a_wrong_clock_is_told_from_a_wrong_key_and_neither_quotes_the_request() {
        let said = "Signature expired: 20261127T000000Z is now earlier than 20261127T120000Z";
        let skewed = Meaning::of("SignatureDoesNotMatch", said, 403, false);
        assert!(skewed.advice.is_some_and(|advice| advice.contains("clock")) && skewed.quotes_the_request);
        let said = "The request signature we calculated does not match … The Canonical String for this request should have been";
        let wrong = Meaning::of("InvalidSignatureException", said, 403, false);
        assert!(wrong.advice.is_some_and(|advice| advice.contains("secretAccessKey")) && wrong.quotes_the_request);
    }

    #[test]
    fn what_aws_leaves_out_is_missed_and_what_is_no_name_is_not_taken_for_one() {
        let ends = DateTime::from_secs(1_000);
        let whole = Answer { user: Some("IAM:awsuser"), password: Some("Abcd1234"), ends: Some(&ends) };
        let credentials = credentials(&whole).expect("nothing is missing");
        assert_eq!(credentials.user.to_string(), "IAM:awsuser");
        assert!(credentials.have_run_out(Timestamp::from_second(1_000).expect("it is one")));
        for broken in [
            Answer { user: None, ..whole },
            Answer { user: Some("a\nb"), ..whole },
            Answer { password: Some(""), ..whole },
            Answer { ends: None, ..whole },
        ] {
            assert!(super::credentials(&broken).is_err());
        }
    }
}
