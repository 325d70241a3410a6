//! How the account that sets things up logs in: with a password, or with temporary credentials that AWS gives out.

use std::fmt;

use super::wanted::Invalid;
use crate::api::{AuthenticationType, AwsLogin, IntegrationConfig};

/// How the account that sets things up logs in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Login {
    /// With user and password.
    UserPassword,
    /// With temporary credentials.
    Temporary(TemporaryLogin),
}

/// A login with temporary credentials: AWS gives them to whoever may have them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TemporaryLogin {
    /// Who asks AWS for them.
    pub asked_by: AskedBy,
    /// For which warehouse, and as which of its users.
    pub warehouse: AwsWarehouse,
}

/// Who asks AWS for temporary credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AskedBy {
    /// The owner of an access key, from a Secret.
    AccessKey,
    /// The operator itself, as the role that its pod has.
    Pod,
    /// Whoever Okta says that it is, in a role that Okta lets him take.
    Okta(OktaApplication),
}

/// An application in Okta that leads to AWS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OktaApplication {
    /// Host name of the organisation in Okta, in small letters.
    pub host: String,
    /// Its port, 443 as a rule.
    pub port: u16,
    /// Name of the application.
    pub name: String,
    /// Its id, often with a slash in it.
    pub id: String,
    /// The role to take: its ARN, its name, or the end of its name.
    pub role: String,
}

/// A warehouse as AWS's own API knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AwsWarehouse {
    /// Region, such as `us-east-1`.
    pub region: String,
    /// Which one.
    pub name: WarehouseName,
    /// The user to log in as; without it AWS derives one from whoever asks.
    pub database_user: Option<String>,
}

/// What a warehouse is called at AWS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WarehouseName {
    /// Identifier of a provisioned cluster.
    Cluster(String),
    /// Name of a workgroup of Redshift Serverless.
    Workgroup(String),
}

impl fmt::Display for WarehouseName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(identifier) => write!(formatter, "cluster {identifier}"),
            Self::Workgroup(name) => write!(formatter, "workgroup {name}"),
        }
    }
}

impl fmt::Display for AwsWarehouse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} in {}", self.name, self.region)
    }
}

/// The port of HTTPS.
const HTTPS: u16 = 443;

impl Login {
    /// As the spec says.
    ///
    /// # Errors
    ///
    /// What is missing in it, or contradicts itself.
    pub fn read(config: &IntegrationConfig) -> Result<Self, Invalid> {
        let asked_by = match config.authentication_type {
            AuthenticationType::UserPassword => return Ok(Self::UserPassword),
            AuthenticationType::AccessKey => AskedBy::AccessKey,
            AuthenticationType::Iam => AskedBy::Pod,
            AuthenticationType::Okta => {
                let okta = config.okta.as_ref().ok_or(Invalid::Login {
                    field: "okta",
                    what: "it is missing; authenticationType okta needs it, with appId, idpHost and role".to_owned(),
                })?;
                let (host, port) = host_and_port(&okta.idp_host)?;
                let (name, id, role) = (okta.app_name.clone(), okta.app_id.clone(), okta.role.clone());
                AskedBy::Okta(OktaApplication { host, port, name, id, role })
            }
        };
        let warehouse = AwsWarehouse::read(&config.host, config.aws.as_ref())?;
        Ok(Self::Temporary(TemporaryLogin { asked_by, warehouse }))
    }
}

fn host_and_port(host: &str) -> Result<(String, u16), Invalid> {
    let (name, port) = match host.split_once(':') {
        None => (host, Some(HTTPS)),
        Some((name, port)) => (name, port.parse().ok().filter(|port| *port != 0)),
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_a_name = !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '.' || it == '-');
    let invalid = || Invalid::Login {
        field: "okta.idpHost",
        what: format!(
            "`{host}` is no host name, such as organization.okta.com, with or without a port from 1 to 65535"
        ),
    };
    if is_a_name { port.map(|port| (name, port)).ok_or_else(invalid) } else { Err(invalid()) }
}

/// What the name of a host tells of a warehouse.
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-connecting.html>
pub fn of_host(host: &str) -> Option<(String, WarehouseName)> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    // China has a domain of its own.
    let host = host.strip_suffix(".cn").unwrap_or(&host);
    let (rest, is_serverless) = match host.strip_suffix(".redshift.amazonaws.com") {
        Some(rest) => (rest, false),
        None => (host.strip_suffix(".redshift-serverless.amazonaws.com")?, true),
    };
    let [name, _, region] = rest.split('.').collect::<Vec<_>>()[..] else { return None };
    let of = if is_serverless { WarehouseName::Workgroup } else { WarehouseName::Cluster };
    Some((region.to_owned(), of(name.to_owned())))
}

impl AwsWarehouse {
    /// What the spec says goes before what the host's name tells: an endpoint in a network of one's own, or an alias, has
    /// another name than the warehouse.
    fn read(host: &str, aws: Option<&AwsLogin>) -> Result<Self, Invalid> {
        let AwsLogin { region, cluster_identifier, workgroup, database_user } = aws.cloned().unwrap_or_default();
        let invalid = |field, what: String| Invalid::Login { field, what };
        let told = of_host(host);
        let named = match (cluster_identifier, workgroup) {
            (Some(_), Some(_)) => {
                let what = "a clusterIdentifier and a workgroup can't both be meant; remove one of them".to_owned();
                return Err(invalid("aws", what));
            }
            (Some(cluster), None) => Some(WarehouseName::Cluster(cluster)),
            (None, Some(workgroup)) => Some(WarehouseName::Workgroup(workgroup)),
            (None, None) => None,
        };
        let not_told = |what: &str| {
            format!("{what}: the host name {host} isn't one that AWS gives to warehouses, which would tell it")
        };
        let (of_region, of_name) = told.unzip();
        let name = named.or(of_name).ok_or_else(|| {
            invalid("aws", not_told("name a clusterIdentifier, or a workgroup of Redshift Serverless"))
        })?;
        let region = region.or(of_region).ok_or_else(|| invalid("aws.region", not_told("name the region")))?;
        if !is_region(&region) {
            let what = format!("`{region}` is no region of AWS's, such as us-east-1");
            return Err(invalid("aws.region", what));
        }
        if matches!(name, WarehouseName::Workgroup(_)) && database_user.is_some() {
            let what = "Redshift Serverless derives the user from whoever asks for credentials; remove it".to_owned();
            return Err(invalid("aws.databaseUser", what));
        }
        Ok(Self { region, name, database_user })
    }
}

/// Whether it has the form of a region's name, which becomes part of the names of AWS's hosts.
fn is_region(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    words.len() >= 2
        && words.iter().all(is_word)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|it| it.is_ascii_digit())
}

/// What AWS says of a warehouse.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Described {
    /// What it runs on.
    pub kind: WarehouseKind,
    /// Its state in AWS's word, such as `available`, `paused`, `resizing` or `modifying`.
    pub state: String,
}

/// What a warehouse runs on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WarehouseKind {
    /// Nodes of a type, such as `ra3.xlplus`.
    Nodes(String),
    /// Redshift Serverless.
    Serverless,
}

impl Described {
    /// What its state means to whoever can't reach it; nothing while it is available.
    #[must_use]
    pub fn why_it_is_away(&self) -> Option<String> {
        let state = self.state.to_ascii_lowercase();
        let advice = match state.as_str() {
            "available" => return None,
            "paused" => "resume it, in the console or with `aws redshift resume-cluster`",
            "pausing"
            | "resuming"
            | "rebooting"
            | "creating"
            | "modifying"
            | "renaming"
            | "resizing"
            | "rotating-keys"
            | "updating-hsm"
            | "available, prep-for-resize"
            | "available, resize-cleanup" => "wait until it is available",
            "maintenance" => "wait until AWS has done its work",
            "deleting" | "final-snapshot" => "it is being deleted",
            _ => "look at it in the console",
        };
        Some(format!("AWS says that it is {}: {advice}", self.state.to_ascii_lowercase()))
    }
}

impl WarehouseKind {
    /// Whether one database may read another's tables there. Dense compute and dense storage can't.
    /// <https://docs.aws.amazon.com/redshift/latest/dg/cross-database-overview.html>
    #[must_use]
    pub fn reads_other_databases(&self) -> bool {
        match self {
            Self::Serverless => true,
            Self::Nodes(kind) => !["dc", "ds"].iter().any(|dense| kind.starts_with(dense)),
        }
    }
}

impl fmt::Display for WarehouseKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes(kind) => write!(formatter, "{kind} nodes"),
            Self::Serverless => formatter.write_str("Redshift Serverless"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const CLUSTER: &str = "Analytics.abc123.us-east-1.redshift.amazonaws.com.";

    fn config(host: &str, more: &serde_json::Value) -> IntegrationConfig {
        let mut config = serde_json::json!({
            "host": host, "database": "immuta", "initialDatabase": "dev", "authenticationType": "accessKey",
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    }

    fn warehouse(host: &str, aws: &serde_json::Value) -> Result<AwsWarehouse, String> {
        match Login::read(&config(host, &serde_json::json!({"aws": aws}))) {
            Ok(Login::Temporary(login)) => Ok(login.warehouse),
            Ok(Login::UserPassword) => panic!("it is a temporary login"),
            Err(error) => Err(error.to_string()),
        }
    }

    fn of(region: &str, name: WarehouseName) -> AwsWarehouse {
        AwsWarehouse { region: region.to_owned(), name, database_user: None }
    }

    #[test]
    fn region_and_name_are_told_by_the_names_that_aws_gives_to_warehouses() {
        let cluster = |name: &str| WarehouseName::Cluster(name.to_owned());
        let workgroup = |name: &str| WarehouseName::Workgroup(name.to_owned());
        for (host, expected) in [
            (CLUSTER, of("us-east-1", cluster("analytics"))),
            ("a.b.cn-north-1.redshift.amazonaws.com.cn", of("cn-north-1", cluster("a"))),
            ("a.b.us-gov-west-1.redshift.amazonaws.com", of("us-gov-west-1", cluster("a"))),
            ("default.123456789012.eu-west-1.redshift-serverless.amazonaws.com", of("eu-west-1", workgroup("default"))),
        ] {
            assert_eq!(warehouse(host, &serde_json::json!({})), Ok(expected), "{host}");
        }
    }

    #[test]
    fn what_the_spec_names_goes_before_the_name_of_the_host() {
        let aws = serde_json::json!({"region": "eu-central-1", "clusterIdentifier": "other", "databaseUser": "admin"});
        let named = warehouse(CLUSTER, &aws).unwrap();
        assert_eq!(named.to_string(), "cluster other in eu-central-1");
        assert_eq!(named.database_user.as_deref(), Some("admin"));
        assert_eq!(warehouse("localhost", &aws), Ok(named));
    }

    #[test]
    fn what_neither_tells_is_asked_for_by_its_field() {
        for (host, aws, field) in [
            ("alias.example.com", serde_json::json!({}), "spec.config.aws: name a clusterIdentifier"),
            (
                "alias.example.com",
                serde_json::json!({"workgroup": "default"}),
                "spec.config.aws.region: name the region",
            ),
            ("redshift.amazonaws.com", serde_json::json!({}), "spec.config.aws: name a clusterIdentifier"),
            (CLUSTER, serde_json::json!({"clusterIdentifier": "a", "workgroup": "b"}), "spec.config.aws: a clusterId"),
            (CLUSTER, serde_json::json!({"workgroup": "b", "databaseUser": "c"}), "spec.config.aws.databaseUser: "),
            (CLUSTER, serde_json::json!({"region": "us-east-1.evil.com/"}), "spec.config.aws.region: `us-east"),
        ] {
            let error = warehouse(host, &aws).unwrap_err();
            assert!(error.starts_with(field), "{error}");
        }
    }

    #[test]
    fn a_region_is_told_from_what_would_lead_to_another_host() {
        for region in ["us-east-1", "ap-southeast-5", "us-gov-west-1", "us-isob-east-1", "eu-isoe-west-1", "cn-north-1"]
        {
            assert!(is_region(region), "{region}");
        }
        for region in [
            "",
            "us-east",
            "us-east-1a",
            "US-east-1",
            "us-east-1.evil.com",
            "us--1",
            "a-1",
            "us-east-100",
            "us_east-x-1",
        ] {
            assert!(!is_region(region), "{region}");
        }
    }

    #[test]
    fn an_okta_host_may_carry_a_port_and_nothing_else() {
        let okta = |host: &str| {
            let okta = serde_json::json!({"appId": "0oa1/272", "idpHost": host, "role": "admin"});
            let more = serde_json::json!({"authenticationType": "okta", "okta": okta});
            match Login::read(&config(CLUSTER, &more)) {
                Ok(Login::Temporary(TemporaryLogin { asked_by: AskedBy::Okta(okta), .. })) => {
                    Ok((okta.host, okta.port))
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.to_string()),
            }
        };
        assert_eq!(okta("Organization.okta.com"), Ok(("organization.okta.com".to_owned(), 443)));
        assert_eq!(okta("localhost:8443"), Ok(("localhost".to_owned(), 8443)));
        for host in ["a:0", "a:65536", "a:b", "a:", ":1", "a/b", "user@a", "a b", "[::1]:1", "a:1:2"] {
            assert!(okta(host).unwrap_err().starts_with("spec.config.okta.idpHost: "), "{host}");
        }
    }

    #[test]
    fn dense_nodes_alone_read_no_other_databases() {
        for (kind, reads) in [("ra3.xlplus", true), ("rg.xlarge", true), ("dc2.large", false), ("ds2.8xlarge", false)] {
            assert_eq!(WarehouseKind::Nodes(kind.to_owned()).reads_other_databases(), reads, "{kind}");
        }
        assert!(WarehouseKind::Serverless.reads_other_databases());
    }

    #[test]
    fn a_state_tells_what_to_do_unless_it_is_available() {
        let away =
            |state: &str| Described { kind: WarehouseKind::Serverless, state: state.to_owned() }.why_it_is_away();
        assert_eq!(away("AVAILABLE"), None);
        assert!(away("paused").unwrap().contains("resume it"));
        assert!(away("MODIFYING").unwrap().contains("AWS says that it is modifying: wait"));
        assert!(away("incompatible-network").unwrap().contains("look at it"));
    }
}
