//! Redshift's API, as far as a login needs it.
//! <https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentials.html>

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::aws::{Error, Protocol, elements, xml};
use crate::options::{Cluster, MintKind, MintRequest, Minted};
use crate::recorded::Request;
use crate::server::Answer;
use crate::{Shared, moment, signature};

/// The name in signatures.
const SERVICE: &str = "redshift";

fn cluster<'a>(shared: &Shared, request: &'a Request) -> Result<&'a str, Error> {
    let name = request.field("ClusterIdentifier").unwrap_or_default();
    if shared.state().clusters.contains_key(name) { Ok(name) } else { Err(not_found(name)) }
}

fn not_found(name: &str) -> Error {
    Error::new("ClusterNotFound", 404, &format!("Cluster {name} not found."))
}

/// How long the password is good for: 15 minutes to an hour.
fn duration(request: &Request) -> Result<Duration, Error> {
    let seconds = request.field("DurationSeconds").unwrap_or("900").parse().unwrap_or(0);
    if (900..=3600).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    let message = "Token duration must be between 900 and 3600 seconds";
    Err(Error::new("InvalidParameterValue", 400, message))
}

/// A password from wherever they come from.
pub(crate) async fn mint(shared: &Shared, request: MintRequest) -> Result<Minted, Error> {
    let minted = (shared.mint)(request).await;
    let minted = minted.map_err(|error| Error::new("InternalFailure", 500, &format!("{error:#}")))?;
    shared.state().issue("database password", &minted.password);
    Ok(minted)
}

/// `GetClusterCredentials`
pub(crate) async fn credentials(shared: &Shared, request: &Request) -> Result<Answer, Error> {
    signature::check(shared, request, SERVICE)?;
    let user = request.field("DbUser").filter(|user| !user.is_empty());
    let user =
        user.ok_or_else(|| Error::new("MissingParameter", 400, "The request must contain the parameter DbUser"))?;
    let (cluster, duration) = (cluster(shared, request)?, duration(request)?);
    let create = request.field("AutoCreate") == Some("true");
    let groups = request.body.as_object().into_iter().flatten();
    let groups: Vec<String> = groups
        .filter(|(name, _)| name.starts_with("DbGroups."))
        .filter_map(|(_, group)| group.as_str().map(str::to_owned))
        .collect();
    // The prefix says whether the user is made, the groups stand behind the name.
    let prefix = if create { "IAMA" } else { "IAM" };
    let login = [prefix, user].into_iter().chain(groups.iter().map(String::as_str)).collect::<Vec<_>>().join(":");
    let wanted = MintRequest {
        kind: MintKind::GetClusterCredentials,
        warehouse: cluster.to_owned(),
        user: user.to_owned(),
        login: login.clone(),
        create,
        groups,
        database: request.field("DbName").map(str::to_owned),
        duration,
    };
    let Minted { password, duration } = mint(shared, wanted).await?;
    let result = elements(&[("DbUser", &login), ("DbPassword", &password), ("Expiration", &ends(duration))]);
    Ok(xml(Protocol::of(request.step), "GetClusterCredentials", &result))
}

/// `GetClusterCredentialsWithIAM`
pub(crate) async fn credentials_with_iam(shared: &Shared, request: &Request) -> Result<Answer, Error> {
    let key = signature::check(shared, request, SERVICE)?;
    let (cluster, duration) = (cluster(shared, request)?, duration(request)?);
    let user = key.principal.database_user();
    let wanted = MintRequest {
        kind: MintKind::GetClusterCredentialsWithIam,
        warehouse: cluster.to_owned(),
        user: user.clone(),
        login: user.clone(),
        create: true,
        groups: Vec::new(),
        database: request.field("DbName").map(str::to_owned),
        duration,
    };
    let Minted { password, duration } = mint(shared, wanted).await?;
    let (ends, refresh) = (ends(duration), ends(duration / 2));
    let result =
        elements(&[("DbUser", &user), ("DbPassword", &password), ("Expiration", &ends), ("NextRefreshTime", &refresh)]);
    Ok(xml(Protocol::of(request.step), "GetClusterCredentialsWithIAM", &result))
}

fn ends(duration: Duration) -> String {
    moment(Timestamp::now() + SignedDuration::try_from(duration).unwrap_or_default())
}

/// `DescribeClusters`
pub(crate) fn describe(shared: &Shared, request: &Request) -> Result<Answer, Error> {
    signature::check(shared, request, SERVICE)?;
    let state = shared.state();
    let wanted = request.field("ClusterIdentifier");
    let clusters: Vec<_> =
        state.clusters.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name)).collect();
    if let (Some(name), true) = (wanted, clusters.is_empty()) {
        return Err(not_found(name));
    }
    let clusters: String = clusters.into_iter().map(|(name, cluster)| described(name, cluster)).collect();
    Ok(xml(Protocol::of(request.step), "DescribeClusters", &format!("<Clusters>{clusters}</Clusters>")))
}

fn described(name: &str, cluster: &Cluster) -> String {
    let endpoint = cluster.endpoint.as_ref().map_or_else(String::new, |(host, port)| {
        format!("<Endpoint>{}</Endpoint>", elements(&[("Address", host), ("Port", &port.to_string())]))
    });
    let of_it = elements(&[
        ("ClusterIdentifier", name),
        ("NodeType", &cluster.node_type),
        ("ClusterStatus", &cluster.status),
        ("MasterUsername", "awsuser"),
        ("DBName", "dev"),
        ("NumberOfNodes", "2"),
        ("PubliclyAccessible", "false"),
        ("Encrypted", "true"),
    ]);
    format!("<Cluster>{of_it}{endpoint}</Cluster>")
}
