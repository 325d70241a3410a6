//! Okta: its Authentication API, and the page of an application.
//! <https://developer.okta.com/docs/reference/api/authn/>

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::options::UserState;
use crate::recorded::Request;
use crate::server::Answer;
use crate::{Shared, moment, random_hex, saml};

/// An error, as Okta has it in a body.
pub(crate) fn error(code: &str, summary: &str) -> Value {
    let id = format!("oae{}", random_hex(10));
    json!({"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": id, "errorCauses": []})
}

fn json_answer(status: u16, body: &Value) -> Answer {
    Answer::new(status, "application/json", body.to_string()).with("Cache-Control", "no-cache, no-store")
}

/// `POST /api/v1/authn`
pub(crate) fn authenticate(shared: &Shared, request: &Request) -> Answer {
    if !request.header("content-type").is_some_and(|content_type| content_type.starts_with("application/json")) {
        return json_answer(
            415,
            &error("E0000021", "Bad request. Accept and/or Content-Type headers likely do not match supported values."),
        );
    }
    if !request.body.is_object() {
        return json_answer(400, &error("E0000003", "The request body was not well-formed."));
    }
    let (Some(name), Some(password)) = (request.field("username"), request.field("password")) else {
        return json_answer(400, &error("E0000001", "Api validation failed: authRequest"));
    };
    let mut state = shared.state();
    let right = state.users.get(name).filter(|user| user.password == password).map(|user| user.state);
    let Some(user_state) = right else {
        return json_answer(401, &error("E0000004", "Authentication failed"));
    };
    let mut body = transaction(user_state, name);
    if user_state == UserState::Success {
        // As long as Okta's, and in its alphabet.
        let token = format!("20111{}", random_hex(18));
        state.issue("session token", &token);
        state.session_tokens.insert(token.clone(), name.to_owned());
        body.insert("sessionToken".to_owned(), json!(token));
    }
    json_answer(200, &Value::Object(body))
}

/// What Okta says of a transaction in a state.
fn transaction(state: UserState, name: &str) -> Map<String, Value> {
    let until = moment(Timestamp::now() + SignedDuration::from_mins(5));
    let user = json!({
        "id": "00ub0oNGTSWTBKOLGLNR",
        "passwordChanged": "2026-01-08T20:14:45.000Z",
        "profile": {"login": name, "firstName": "Redshift", "lastName": "Operator", "locale": "en_US", "timeZone": "America/Los_Angeles"},
    });
    let factor = json!({"id": "opfh52xcuft3J4uZc0g3", "factorType": "push", "provider": "OKTA", "vendorName": "OKTA"});
    let link = |name: &str| json!({"name": name, "href": format!("https://localhost/api/v1/authn/{name}"), "hints": {"allow": ["POST"]}});
    let mut body = json!({"status": state.as_okta(), "expiresAt": until});
    // A session token has no transaction any more; who is locked out has none yet.
    if !matches!(state, UserState::Success | UserState::LockedOut | UserState::Unauthenticated) {
        body["stateToken"] = json!(format!("007{}", random_hex(18)));
    }
    match state {
        UserState::Success => body["_embedded"] = json!({"user": user}),
        UserState::MfaRequired => {
            body["_embedded"] = json!({"user": user, "factors": [factor], "policy": {"allowRememberDevice": false}});
            body["_links"] = json!({"cancel": link("cancel")});
        }
        UserState::MfaEnroll => {
            let factor =
                json!({"factorType": "push", "provider": "OKTA", "status": "NOT_SETUP", "enrollment": "REQUIRED"});
            body["_embedded"] = json!({"user": user, "factors": [factor]});
            body["_links"] = json!({"cancel": link("cancel")});
        }
        UserState::MfaEnrollActivate | UserState::MfaChallenge => {
            body["factorResult"] = json!("WAITING");
            body["_embedded"] = json!({"user": user, "factor": factor});
            body["_links"] = json!({"next": link("poll"), "cancel": link("cancel"), "prev": link("previous")});
        }
        UserState::PasswordExpired | UserState::PasswordWarn | UserState::PasswordReset => {
            let policy = json!({"expiration": {"passwordExpireDays": 0}, "complexity": {"minLength": 8}});
            body["_embedded"] = json!({"user": user, "policy": policy});
            body["_links"] = json!({"next": link("changePassword"), "cancel": link("cancel")});
            if state == UserState::PasswordWarn {
                body["_embedded"]["policy"]["expiration"]["passwordExpireDays"] = json!(5);
                body["_links"]["skip"] = link("skip");
            }
        }
        UserState::LockedOut => body["_links"] = json!({"next": link("unlock")}),
        UserState::Recovery | UserState::RecoveryChallenge => {
            body["recoveryType"] = json!("PASSWORD");
            body["_embedded"] = json!({"user": user});
            body["_links"] = json!({"next": link("answer"), "cancel": link("cancel")});
        }
        UserState::Unauthenticated => body["_links"] = json!({"next": link("authenticate")}),
    }
    body.as_object().cloned().unwrap_or_default()
}

/// `GET /home/{name}/{id}?onetimetoken=…`
pub(crate) fn application(shared: &Shared, request: &Request) -> Answer {
    let mut state = shared.state();
    let application = request.path.trim_start_matches("/home/");
    if !state.applications.iter().any(|known| known == application) {
        return Answer::new(404, "text/html;charset=utf-8", "<html><head><title>Page not found</title></head></html>");
    }
    // A token opens one session.
    let user = request.query.get("onetimetoken").and_then(|token| state.session_tokens.remove(token));
    let page = match user {
        Some(user) => form(&saml::assertion(&mut state, &user)),
        None => LOGIN_PAGE.to_owned(),
    };
    Answer::new(200, "text/html;charset=utf-8", page)
}

/// What Okta shows to somebody whom it doesn't know.
const LOGIN_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Okta - Sign In</title></head><body>\n\
    <form id=\"credentials\" action=\"/login/do-login\" method=\"post\">\n\
    <input name=\"username\" type=\"text\" value=\"\"/><input name=\"password\" type=\"password\"/>\n</form></body></html>\n";

/// The form that a browser would send to AWS, with what is no letter or digit written as Okta writes it.
fn form(assertion: &str) -> String {
    let value = assertion.replace('+', "&#x2b;").replace('=', "&#x3d;");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"UTF-8\"/><title>Signing in&#8230;</title></head><body>\n\
         <form id=\"appForm\" action=\"https&#x3a;&#x2f;&#x2f;signin.aws.amazon.com&#x2f;saml\" method=\"POST\">\n\
         <input name=\"SAMLResponse\" type=\"hidden\" value=\"{value}\"/>\n\
         <input name=\"RelayState\" type=\"hidden\" value=\"\"/>\n</form>\n\
         <script>document.getElementById('appForm').submit();</script></body></html>\n"
    )
}
