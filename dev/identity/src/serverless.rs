//! The API of Redshift Serverless, as far as a login needs it.
//! <https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_GetCredentials.html>

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::{Error, request_id};
use crate::options::{MintKind, MintRequest, Minted};
use crate::recorded::Request;
use crate::redshift::mint;
use crate::server::Answer;
use crate::{Shared, signature};

/// The name in signatures.
const SERVICE: &str = "redshift-serverless";

fn workgroup_name<'a>(shared: &Shared, request: &'a Request) -> Result<&'a str, Error> {
    let name = request.field("workgroupName").unwrap_or_default();
    if shared.state().workgroups.contains_key(name) {
        return Ok(name);
    }
    Err(Error::new("ResourceNotFoundException", 404, &format!("Workgroup {name} not found.")))
}

fn answer(body: &Value) -> Answer {
    Answer::new(200, "application/x-amz-json-1.1", body.to_string()).with("x-amzn-RequestId", &request_id())
}

/// `GetCredentials`
pub(crate) async fn credentials(shared: &Shared, request: &Request) -> Result<Answer, Error> {
    let key = signature::check(shared, request, SERVICE)?;
    let workgroup = workgroup_name(shared, request)?;
    let seconds = request.body.get("durationSeconds").map_or(Some(900), Value::as_u64).unwrap_or(0);
    if !(900..=3600).contains(&seconds) {
        return Err(Error::new("ValidationException", 400, "durationSeconds must be between 900 and 3600"));
    }
    let user = key.principal.database_user();
    let wanted = MintRequest {
        kind: MintKind::GetCredentials,
        warehouse: workgroup.to_owned(),
        user: user.clone(),
        login: user.clone(),
        create: true,
        groups: Vec::new(),
        database: request.field("dbName").map(str::to_owned),
        duration: Duration::from_secs(seconds),
    };
    let Minted { password, duration } = mint(shared, wanted).await?;
    let seconds = i64::try_from(duration.as_secs()).unwrap_or_default();
    let now = Timestamp::now().as_second();
    Ok(answer(&json!({
        "dbUser": user,
        "dbPassword": password,
        "expiration": now + seconds,
        "nextRefreshTime": now + seconds / 2,
    })))
}

/// `GetWorkgroup`
pub(crate) fn workgroup(shared: &Shared, request: &Request) -> Result<Answer, Error> {
    signature::check(shared, request, SERVICE)?;
    let name = workgroup_name(shared, request)?;
    let (account, region) = (&shared.account, &shared.region);
    let workgroup = shared.state().workgroups.get(name).cloned().unwrap_or_default();
    let (host, port) = workgroup.endpoint;
    let id = "a1b2c3d4-5678-90ab-cdef-example11111";
    Ok(answer(&json!({"workgroup": {
        "workgroupName": name,
        "workgroupId": id,
        "workgroupArn": format!("arn:aws:redshift-serverless:{region}:{account}:workgroup/{id}"),
        "namespaceName": name,
        "status": workgroup.status,
        "baseCapacity": 8,
        "endpoint": {"address": host, "port": port, "vpcEndpoints": []},
        "port": port,
        "publiclyAccessible": false,
    }})))
}
