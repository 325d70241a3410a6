//! The spec, once it can no longer be malformed.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::{SignedDuration, Span};
use thiserror::Error;

use super::login::Login;
use super::{Endpoint, Registry, digest};
use crate::api::{Created, DatabaseMode, RedshiftIntegrationSpec, TlsMode};
use crate::scripts::{CLAIM_USER, ExistingName, NameError, ObjectName, SCHEMA_VERSION};

/// Shortest time between two validations that the API takes.
const SHORTEST_INTERVAL: Duration = Duration::from_mins(1);

/// Longest time between two validations that the API takes.
const LONGEST_INTERVAL: Duration = Duration::from_hours(24);

/// How many days may be between two rotations.
const DAYS_BETWEEN_ROTATIONS: RangeInclusive<u64> = 1..=365;

/// All that decides what is set up in a warehouse: what a spec asks for, or what a registry says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setup {
    /// The managed database.
    pub database: String,
    /// Whether it is created.
    pub database_mode: DatabaseMode,
    /// The account that is created and kept.
    pub system_account: String,
    /// The role whose members may impersonate others, if anybody may.
    pub impersonation_role: Option<String>,
}

impl Setup {
    /// This, and the same with each role that a status names: the one that was set up, and the one to come.
    #[must_use]
    pub fn with_roles_of(&self, created: Option<&Created>) -> Vec<Self> {
        let next = created.and_then(|created| created.next.as_ref()?.impersonation_role.as_ref());
        let roles = created.and_then(|created| created.impersonation_role.as_ref()).into_iter().chain(next);
        let with_role = |role: &String| Self { impersonation_role: Some(role.clone()), ..self.clone() };
        [self.clone()].into_iter().chain(roles.map(with_role)).collect()
    }

    /// SHA-256 (hex) of it. The version of what is set up is no part of it: another version is no edit.
    #[must_use]
    pub fn hash(&self) -> String {
        let role = self.impersonation_role.as_deref().unwrap_or_default();
        digest::of_parts([self.database_mode.as_str(), &self.database, &self.system_account, role])
    }
}

/// Where an integration is, and what it is: what the Secret and the status remember of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Where the warehouse is.
    pub endpoint: Endpoint,
    /// What is set up there.
    pub setup: Setup,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, setup } = self;
        let mode = setup.database_mode.as_str();
        write!(formatter, "the database {} on {} (databaseMode {mode})", setup.database, endpoint.host())
    }
}

impl From<&Created> for Place {
    fn from(created: &Created) -> Self {
        Self {
            endpoint: Endpoint::new(&created.host, created.port),
            setup: Setup {
                database: created.database.clone(),
                database_mode: created.database_mode,
                system_account: created.system_account.clone(),
                impersonation_role: created.impersonation_role.clone(),
            },
        }
    }
}

impl Place {
    /// Whether it is the same database of the same host, used in the same way, whatever is set up in it.
    #[must_use]
    pub fn is_where(&self, other: &Self) -> bool {
        let database = |setup: &Setup| (setup.database.clone(), setup.database_mode);
        self.endpoint.host() == other.endpoint.host() && database(&self.setup) == database(&other.setup)
    }

    /// How status puts it; `applied_hash` once all of it is there.
    #[must_use]
    pub fn created(&self, applied_hash: Option<String>) -> Created {
        Created {
            host: self.endpoint.host().to_owned(),
            port: self.endpoint.port(),
            database: self.setup.database.clone(),
            database_mode: self.setup.database_mode,
            system_account: self.setup.system_account.clone(),
            impersonation_role: self.setup.impersonation_role.clone(),
            schema_version: SCHEMA_VERSION,
            applied_hash,
            next: None,
        }
    }
}

impl Place {
    /// How status puts what a registry says is set up here.
    #[must_use]
    pub fn created_as(&self, registry: &Registry) -> Created {
        let schema_version = registry.schema_version.try_into().unwrap_or(SCHEMA_VERSION);
        Created { schema_version, ..self.created(Some(registry.applied_hash.clone())) }
    }
}

/// What the user wants, validated.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Whether the operator executes the statements, or a person.
    pub auto_bootstrap: bool,
    /// Where, and what.
    pub place: Place,
    /// The database that is connected to first, as Redshift keeps its name.
    pub initial_database: String,
    /// How the connection is protected.
    pub tls_mode: TlsMode,
    /// Time between two validations.
    pub validation_interval: Duration,
    /// How old passwords become.
    pub rotation_interval: Option<Duration>,
    /// Policy-enforced views.
    pub policy_views: PolicyViews,
}

/// What is wanted of policy-enforced views.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PolicyViews {
    /// Whether they can be made.
    pub is_enabled: bool,
    /// Time between two looks at the columns of tables.
    pub column_detection_interval: Duration,
}

impl Wanted {
    /// What was recorded, whatever a spec says by now: a person is to remove it.
    #[must_use]
    pub fn of_place(place: Place, initial_database: String, tls_mode: TlsMode) -> Self {
        Self {
            auto_bootstrap: false,
            place,
            initial_database,
            tls_mode,
            validation_interval: LONGEST_INTERVAL,
            rotation_interval: None,
            policy_views: PolicyViews { is_enabled: false, column_detection_interval: LONGEST_INTERVAL },
        }
    }

    /// Checks a spec, whoever carries it out.
    ///
    /// # Errors
    ///
    /// The first field that can't be meant.
    pub fn read(spec: &RedshiftIntegrationSpec) -> Result<Self, Invalid> {
        let config = &spec.config;
        let name = |field, value: &str| ObjectName::new(value).map_err(|source| Invalid::Name { field, source });
        let existing = |field, value: &str| ExistingName::new(value).map_err(|source| Invalid::Name { field, source });
        let database = match config.database_mode {
            DatabaseMode::Create => name("database", &config.database)?.as_str().to_owned(),
            DatabaseMode::Existing => existing("database", &config.database)?.as_str().to_owned(),
        };
        let system_account = name("systemAccount.name", &config.system_account.name)?;
        let role = name("impersonation.role", &config.impersonation.role)?;
        for (field, taken) in [("systemAccount.name", &system_account), ("impersonation.role", &role)] {
            if taken.as_str() == CLAIM_USER {
                return Err(Invalid::ReservedName { field });
            }
        }
        if system_account == role {
            return Err(Invalid::SameName(role.as_str().to_owned()));
        }
        let initial_database = existing("initialDatabase", &folded(&config.initial_database))?.as_str().to_owned();
        if initial_database == database && config.database_mode == DatabaseMode::Create {
            return Err(Invalid::InitialDatabase(initial_database));
        }
        let setup = Setup {
            database,
            database_mode: config.database_mode,
            system_account: system_account.as_str().to_owned(),
            impersonation_role: config.impersonation.enabled.then(|| role.as_str().to_owned()),
        };
        Ok(Self {
            auto_bootstrap: spec.auto_bootstrap,
            place: Place { endpoint: Endpoint::new(&config.host, config.port), setup },
            initial_database,
            tls_mode: config.tls.mode,
            validation_interval: interval("validationInterval", &spec.validation_interval)?,
            policy_views: PolicyViews {
                is_enabled: config.policy_views.enabled,
                column_detection_interval: interval(
                    "config.policyViews.columnDetectionInterval",
                    &config.policy_views.column_detection_interval,
                )?,
            },
            rotation_interval: spec.rotation.as_ref().map(|rotation| days(&rotation.interval)).transpose()?,
        })
    }
}

/// A spec that the operator can't carry out; only an edit of it helps.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Invalid {
    /// A name that Redshift would fold or refuse.
    #[error("spec.config.{field}: {source}")]
    Name {
        /// Where it stands.
        field: &'static str,
        /// What is wrong with it.
        source: NameError,
    },
    /// The database to connect to first would be the one that is to be created.
    #[error(
        "spec.config.initialDatabase: it can't be the managed database `{0}` itself, which doesn't exist yet; \
         name a database that is there already, such as `dev`"
    )]
    InitialDatabase(String),
    /// A name that the operator keeps for itself.
    #[error("spec.config.{field}: `{CLAIM_USER}` is the claim of the integration; choose another name")]
    ReservedName {
        /// Where it stands.
        field: &'static str,
    },
    /// Users and roles share one set of names.
    #[error("spec.config: systemAccount.name and impersonation.role are both `{0}`; choose two different names")]
    SameName(String),
    /// Not a duration, or not one that is allowed.
    #[error("spec.{field}: `{text}` is not a duration from 1m to 24h; write it as `30m` or `1h`")]
    Interval {
        /// Where it stands.
        field: &'static str,
        /// What stands there.
        text: String,
    },
    /// Not a number of days, or not one that is allowed.
    #[error("spec.rotation.interval: `{0}` is not a number of days from 1d to 365d; write it as `90d`")]
    RotationInterval(String),
    /// What says how to log in.
    #[error("spec.config.{field}: {what}")]
    Login {
        /// Where it stands.
        field: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

/// Checks a spec that the operator is to carry out. The API server has checked most of it already; what it let
/// through before a rule was added is found here.
pub fn validate(spec: &RedshiftIntegrationSpec) -> Result<Wanted, Invalid> {
    let wanted = Wanted::read(spec)?;
    // In manual mode a person logs in, and what the spec says of that is never read.
    if spec.auto_bootstrap {
        Login::read(&spec.config)?;
    }
    Ok(wanted)
}

/// The name of the initial database as the server knows it: Redshift folds the letters of ASCII, and no others.
#[must_use]
pub fn folded(initial_database: &str) -> String {
    initial_database.to_ascii_lowercase()
}

fn interval(field: &'static str, text: &str) -> Result<Duration, Invalid> {
    let invalid = || Invalid::Interval { field, text: text.to_owned() };
    let span: Span = text.parse().map_err(|_| invalid())?;
    let signed = SignedDuration::try_from(span).map_err(|_| invalid())?;
    let duration = Duration::try_from(signed).map_err(|_| invalid())?;
    if (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&duration) { Ok(duration) } else { Err(invalid()) }
}

/// Days alone: nobody means an hour of the day by it.
fn days(text: &str) -> Result<Duration, Invalid> {
    let number = text.strip_suffix('d').filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let days = number.and_then(|number| number.parse().ok()).filter(|days| DAYS_BETWEEN_ROTATIONS.contains(days));
    days.map(|days| Duration::from_hours(24 * days)).ok_or_else(|| Invalid::RotationInterval(text.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn spec(changes: serde_json::Value) -> RedshiftIntegrationSpec {
        let mut spec = serde_json::json!({"config": {
            "host": "Analytics.abc123.us-east-1.redshift.amazonaws.com.",
            "database": "immuta",
            "initialDatabase": "REDSHIFT_SAMPLE_DATA",
            "authenticationType": "userPassword",
            "credentialsSecretRef": {"name": "redshift-admin"},
        }});
        merge(&mut spec, changes);
        serde_json::from_value(spec).unwrap()
    }

    fn merge(into: &mut serde_json::Value, from: serde_json::Value) {
        match (into, from) {
            (serde_json::Value::Object(into), serde_json::Value::Object(from)) => {
                for (key, value) in from {
                    merge(into.entry(key).or_insert(serde_json::Value::Null), value);
                }
            }
            (into, from) => *into = from,
        }
    }

    #[test]
    fn the_initial_database_is_lower_cased_and_the_host_compared_as_dns_does() {
        let wanted = validate(&spec(serde_json::json!({}))).unwrap();
        assert_eq!(wanted.initial_database, "redshift_sample_data");
        assert_eq!(wanted.place.endpoint, Endpoint::new("analytics.abc123.us-east-1.redshift.amazonaws.com", 5439));
        assert_eq!(wanted.validation_interval, Duration::from_hours(1));
    }

    #[test]
    fn what_says_how_to_log_in_is_read_where_the_operator_does_it() {
        let okta = |auto_bootstrap: bool| serde_json::json!({"autoBootstrap": auto_bootstrap, "config": {"authenticationType": "okta"}});
        let error = validate(&spec(okta(true))).unwrap_err().to_string();
        assert!(error.starts_with("spec.config.okta: it is missing"), "{error}");
        assert!(!validate(&spec(okta(false))).unwrap().auto_bootstrap, "a person logs in in any way");
    }

    #[test]
    fn an_interval_outside_of_a_minute_and_a_day_is_refused() {
        for text in ["59s", "25h", "-1h", "soon", ""] {
            let error = validate(&spec(serde_json::json!({"validationInterval": text}))).unwrap_err();
            assert_eq!(error, Invalid::Interval { field: "validationInterval", text: text.to_owned() });
        }
        for text in ["1m", "90s", "1h30m", "24h"] {
            validate(&spec(serde_json::json!({"validationInterval": text}))).unwrap();
        }
    }

    #[test]
    fn passwords_are_rotated_after_days_if_at_all() {
        let interval = |changes| validate(&spec(changes)).map(|wanted| wanted.rotation_interval);
        assert_eq!(interval(serde_json::json!({})), Ok(None));
        for (text, days) in [("1d", 1), ("90d", 90), ("365d", 365)] {
            let written = interval(serde_json::json!({"rotation": {"interval": text}}));
            assert_eq!(written, Ok(Some(Duration::from_hours(24 * days))));
        }
        for text in ["0d", "366d", "+1d", "90", "d", "24h", "1d12h", "99999999999999999999d", ""] {
            let error = interval(serde_json::json!({"rotation": {"interval": text}}));
            assert_eq!(error, Err(Invalid::RotationInterval(text.to_owned())));
        }
    }

    #[test]
    fn the_database_that_is_to_be_created_cannot_be_the_one_to_connect_to() {
        let error = validate(&spec(serde_json::json!({"config": {"initialDatabase": "IMMUTA"}}))).unwrap_err();
        assert_eq!(error, Invalid::InitialDatabase("immuta".to_owned()));
    }

    #[test]
    fn the_hash_changes_with_what_is_set_up_and_with_nothing_else() {
        let hash = |changes| validate(&spec(changes)).unwrap().place.setup.hash();
        let before = hash(serde_json::json!({}));
        assert_eq!(before, hash(serde_json::json!({"config": {"port": 5440}, "validationInterval": "5m"})));
        assert_ne!(before, hash(serde_json::json!({"config": {"database": "other"}})));
        assert_ne!(before, hash(serde_json::json!({"config": {"systemAccount": {"name": "other"}}})));
        assert_ne!(before, hash(serde_json::json!({"config": {"databaseMode": "Existing"}})));
        assert_ne!(before, hash(serde_json::json!({"config": {"impersonation": {"enabled": true}}})));
        // A role that nobody uses is nowhere in the warehouse.
        assert_eq!(before, hash(serde_json::json!({"config": {"impersonation": {"role": "other"}}})));
    }

    #[test]
    fn a_database_that_exists_can_be_the_one_to_connect_to() {
        let both = serde_json::json!({"config": {"initialDatabase": "IMMUTA", "databaseMode": "Existing"}});
        assert_eq!(validate(&spec(both)).unwrap().initial_database, "immuta");
    }

    #[test]
    fn names_that_would_collide_are_refused() {
        let same = serde_json::json!({"config": {"systemAccount": {"name": "x"}, "impersonation": {"role": "x"}}});
        assert_eq!(validate(&spec(same)).unwrap_err(), Invalid::SameName("x".to_owned()));
        let claim = serde_json::json!({"config": {"impersonation": {"role": CLAIM_USER}}});
        assert_eq!(validate(&spec(claim)).unwrap_err(), Invalid::ReservedName { field: "impersonation.role" });
    }
}
