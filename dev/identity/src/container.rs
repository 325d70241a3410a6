//! The endpoint from which a pod on EKS has its key.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>

use serde_json::json;

use crate::recorded::Request;
use crate::server::Answer;
use crate::{Shared, moment};

/// `GET /v1/credentials`
pub(crate) fn credentials(shared: &Shared, request: &Request) -> Answer {
    let mut state = shared.state();
    if request.header("authorization") != Some(state.container_token.as_str()) {
        let body = json!({"code": "AccessDeniedException", "message": "the token in the request is invalid"});
        return Answer::new(400, "application/json", body.to_string());
    }
    let role = state.container_role.clone();
    let (key, until) = state.new_key(&role, 6 * 3600);
    let body = json!({
        "AccessKeyId": key.id,
        "SecretAccessKey": key.secret,
        "Token": key.token,
        "AccountId": shared.account,
        "Expiration": moment(until),
    });
    Answer::new(200, "application/json", body.to_string())
}
