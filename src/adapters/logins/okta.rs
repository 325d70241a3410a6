//! Okta, as AWS's own drivers ask it: a login, whose token opens the page of the application, in which the assertion is.

use std::time::Duration;

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Method, Request, StatusCode};
use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::http::{Answer, Door, Http};
use super::saml;
use crate::lifecycle::hints::hints;
use crate::lifecycle::login::OktaApplication;
use crate::lifecycle::words::Confidential;
use crate::ports::{LoginError, LoginStep, OktaState, Unusable};

/// How long at most Okta is taken at its word that it takes no requests. Its limits are by the minute.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// When the limit is lifted, in seconds since 1970.
const RATE_LIMIT_RESET: &str = "x-rate-limit-reset";

/// The answer to a login.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    status: String,
    session_token: Option<SecretString>,
}

/// An error of Okta's API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    error_code: String,
    error_summary: String,
}

/// Logs in and fetches the assertion.
pub(super) async fn assertion(
    http: &Http,
    application: &OktaApplication,
    username: &SecretString,
    password: &SecretString,
    confidential: &Confidential,
) -> Result<String, LoginError> {
    let base = format!("https://{}:{}", application.host, application.port);
    let base = Url::parse(&base).map_err(|_| unusable(LoginStep::OktaAuthentication, Unusable::NotDocumented))?;
    let token = session_token(http, base.clone(), username, password, confidential).await?;
    let confidential = confidential.with(std::slice::from_ref(&token));
    let request = request(Method::GET, &page(base, application, &token), Vec::new())?;
    let answer = http.send(LoginStep::OktaApplication, Door::OfResource, request, &confidential).await?;
    if answer.status != StatusCode::OK {
        return Err(refused(LoginStep::OktaApplication, &answer, &confidential));
    }
    saml::in_page(&answer.body)
}

/// `/home/{name}/{id}`: an id has a slash in it, which is one of the path.
fn page(mut url: Url, application: &OktaApplication, token: &SecretString) -> Url {
    if let Ok(mut path) = url.path_segments_mut() {
        path.push("home").push(&application.name).extend(application.id.split('/'));
    }
    url.query_pairs_mut().append_pair("onetimetoken", token.expose_secret());
    url
}

fn request(method: Method, url: &Url, body: Vec<u8>) -> Result<Request<Vec<u8>>, LoginError> {
    let json = "application/json";
    let mut builder = Request::builder().method(method).uri(url.as_str()).header(CACHE_CONTROL, "no-cache");
    if !body.is_empty() {
        builder = builder.header(ACCEPT, json).header(CONTENT_TYPE, json);
    }
    builder.body(body).map_err(|_| unusable(LoginStep::OktaAuthentication, Unusable::NotDocumented))
}

async fn session_token(
    http: &Http,
    mut url: Url,
    username: &SecretString,
    password: &SecretString,
    confidential: &Confidential,
) -> Result<SecretString, LoginError> {
    let step = LoginStep::OktaAuthentication;
    url.set_path("/api/v1/authn");
    let login = json!({"username": username.expose_secret(), "password": password.expose_secret()});
    let request = request(Method::POST, &url, login.to_string().into_bytes())?;
    let answer = http.send(step, Door::OfResource, request, confidential).await?;
    if answer.status == StatusCode::UNAUTHORIZED {
        let said = confidential.pass_on(&summary(&answer));
        let hints = hints(username.expose_secret(), password.expose_secret());
        // Okta's names are e-mail addresses, in any case.
        let hints = hints.into_iter().filter(|hint| hint.mistake != crate::lifecycle::hints::Mistake::Capitals);
        return Err(LoginError::PasswordRefused { said, hints: hints.collect() });
    }
    if answer.status != StatusCode::OK {
        return Err(refused(step, &answer, confidential));
    }
    let Ok(Transaction { status, session_token }) = serde_json::from_slice(&answer.body) else {
        return Err(unusable(step, Unusable::NotDocumented));
    };
    if let Some(state) = state(&status, confidential) {
        return Err(state.into());
    }
    session_token.filter(|token| !token.expose_secret().is_empty()).ok_or_else(|| unusable(step, Unusable::Incomplete))
}

fn unusable(step: LoginStep, why: Unusable) -> LoginError {
    LoginError::Unusable { step, why }
}

/// What a state means that is no success.
fn state(status: &str, confidential: &Confidential) -> Option<OktaState> {
    Some(match status {
        "SUCCESS" => return None,
        "MFA_REQUIRED" => OktaState::SecondFactor("MFA_REQUIRED"),
        "MFA_CHALLENGE" => OktaState::SecondFactor("MFA_CHALLENGE"),
        "MFA_ENROLL" => OktaState::Enrolment("MFA_ENROLL"),
        "MFA_ENROLL_ACTIVATE" => OktaState::Enrolment("MFA_ENROLL_ACTIVATE"),
        "PASSWORD_EXPIRED" => OktaState::PasswordExpired,
        "PASSWORD_WARN" => OktaState::PasswordWarning,
        "PASSWORD_RESET" => OktaState::PasswordReset("PASSWORD_RESET"),
        "RECOVERY" => OktaState::PasswordReset("RECOVERY"),
        "RECOVERY_CHALLENGE" => OktaState::PasswordReset("RECOVERY_CHALLENGE"),
        "LOCKED_OUT" => OktaState::LockedOut,
        "UNAUTHENTICATED" => OktaState::Unauthenticated,
        other => OktaState::Unknown(confidential.pass_on(other)),
    })
}

/// What Okta says of a refusal.
fn summary(answer: &Answer) -> String {
    match serde_json::from_slice(&answer.body) {
        Ok(Refusal { error_code, error_summary }) => format!("{error_summary} ({error_code})"),
        Err(_) => String::new(),
    }
}

fn refused(step: LoginStep, answer: &Answer, confidential: &Confidential) -> LoginError {
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        return LoginError::RateLimited { step, wait: wait(&answer.headers, Timestamp::now()) };
    }
    LoginError::Status { step, status: answer.status.as_u16(), said: confidential.pass_on(&summary(answer)) }
}

/// How long Okta wants not to be asked.
fn wait(headers: &HeaderMap, now: Timestamp) -> Duration {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let seconds =
        number(RETRY_AFTER.as_str()).or_else(|| Some(number(RATE_LIMIT_RESET)?.saturating_sub(now.as_second())));
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default();
    Duration::from_secs(seconds).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn application(name: &str, id: &str) -> OktaApplication {
        let (host, role) = ("organization.okta.com".to_owned(), "admin".to_owned());
        OktaApplication { host, port: 443, name: name.to_owned(), id: id.to_owned(), role }
    }

    fn address(name: &str, id: &str) -> String {
        let base = Url::parse("https://organization.okta.com:443").unwrap();
        page(base, &application(name, id), &"to&ken".into()).to_string()
    }

    #[test]
    fn the_page_of_an_application_stays_below_home_whatever_its_id_is() {
        let home = "https://organization.okta.com/home";
        assert_eq!(
            address("amazon_aws_redshift", "0oa1/272"),
            format!("{home}/amazon_aws_redshift/0oa1/272?onetimetoken=to%26ken")
        );
        assert_eq!(address("a b", "0oa1?x=y#z"), format!("{home}/a%20b/0oa1%3Fx=y%23z?onetimetoken=to%26ken"));
        assert_eq!(address("a/../b", "../../api/v1"), format!("{home}/a%2F..%2Fb/api/v1?onetimetoken=to%26ken"));
    }

    #[test]
    fn every_state_but_success_is_one_of_its_own() {
        let confidential = Confidential::default();
        let texts: std::collections::BTreeSet<_> = [
            "MFA_REQUIRED",
            "MFA_ENROLL",
            "MFA_ENROLL_ACTIVATE",
            "MFA_CHALLENGE",
            "PASSWORD_EXPIRED",
            "PASSWORD_WARN",
            "PASSWORD_RESET",
            "LOCKED_OUT",
            "RECOVERY",
            "RECOVERY_CHALLENGE",
            "UNAUTHENTICATED",
            "NEW_STATE",
            "success",
        ]
        .into_iter()
        .map(|status| {
            let text = state(status, &confidential).unwrap().to_string();
            assert!(text.contains(status), "{text}");
            text
        })
        .collect();
        assert_eq!(texts.len(), 13);
        assert_eq!(state("SUCCESS", &confidential), None);
    }

    #[test]
    fn a_limit_is_waited_for_as_long_as_it_says_and_not_for_ever() {
        let now = Timestamp::from_second(1_000).unwrap();
        let of = |name: &'static str, value: &str| {
            wait(&HeaderMap::from_iter([(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())]), now)
                .as_secs()
        };
        assert_eq!(of("x-rate-limit-reset", "1042"), 42);
        assert_eq!(of("retry-after", "7"), 7);
        assert_eq!(of("x-rate-limit-reset", "999"), 0);
        assert_eq!(of("x-rate-limit-reset", "9223372036854775807"), 3_600);
        assert_eq!(of("retry-after", "-1"), 0);
        assert_eq!(of("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), 0);
        assert_eq!(wait(&HeaderMap::new(), now).as_secs(), 0);
    }
}
