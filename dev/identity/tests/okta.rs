//! Okta: states, errors, the assertion.

use base64::Engine as _;
use identity_stand_in::{Attributes, Step, UserState};

use crate::support::{PAGE, PROVIDER, ROLE, USER, assertion_in, start};

#[tokio::test]
async fn each_state_of_a_user_is_told_and_success_alone_has_a_session_token() {
    let known = start().await;
    for state in UserState::ALL {
        known.identity.set_user_state(USER, state);
        let answer = known.authenticate(&known.password).await;
        assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some(state.as_okta())));
        let is_success = state == UserState::Success;
        assert_eq!(answer.json().get("sessionToken").is_some(), is_success, "{state:?}");
    }
    assert_eq!(known.identity.count(Step::OktaAuthentication), UserState::ALL.len());
    assert_eq!(known.identity.requests()[0].body["username"], USER);
}

#[tokio::test]
async fn a_wrong_password_and_bodies_that_mean_nothing_get_oktas_errors() {
    let known = start().await;
    let answer = known.authenticate("wrong").await;
    assert_eq!((answer.status, answer.json()["errorCode"].as_str()), (401, Some("E0000004")));
    assert_eq!(answer.json()["errorSummary"], "Authentication failed");
    for (content_type, body, expected) in [
        ("application/json", "{", (400, "E0000003")),
        ("application/json", "{\"username\": \"x\"}", (400, "E0000001")),
        ("text/plain", "{}", (415, "E0000021")),
    ] {
        let answer = known.send("POST /api/v1/authn", &[("Content-Type", content_type)], body).await.unwrap();
        assert_eq!((answer.status, answer.json()["errorCode"].as_str().unwrap()), expected);
    }
    known.identity.set_user_password(USER, "another");
    assert_eq!(known.authenticate("another").await.status, 200);
}

#[tokio::test]
async fn a_session_token_opens_one_page_once() {
    let known = start().await;
    let token = known.authenticate(&known.password).await.json()["sessionToken"].as_str().unwrap().to_owned();
    let address = format!("{PAGE}?onetimetoken={token}");
    assert_eq!(known.get("/home/amazon_aws/other?onetimetoken=x").await.status, 404);
    let page = known.get(&address).await;
    assert_eq!(page.status, 200);
    assert!(assertion_in(&page.body).is_some());
    let again = known.get(&address).await;
    assert_eq!((again.status, assertion_in(&again.body)), (200, None));
    assert_eq!(known.identity.requests()[2].query["onetimetoken"], token);
    // What was handed out has a name in a transcript, and is among what no log may hold.
    let transcript = known.identity.transcript();
    assert_eq!(transcript[0]["body"]["password"], "{password}");
    assert_eq!(transcript[2]["query"]["onetimetoken"], "{session token}");
    assert!(known.identity.secrets().contains(&token));
}

#[tokio::test]
async fn an_assertion_has_the_roles_and_attributes_that_were_set() {
    let known = start().await;
    known.identity.set_roles([format!("{ROLE}, {PROVIDER}"), format!("{PROVIDER},{ROLE}-2")]);
    let attributes = Attributes::none().with("DbUser", &["a&b"]).with("DbGroups", &["one", "two"]);
    known.identity.set_attributes(Attributes { role_session_name: Some("session".to_owned()), ..attributes });
    let assertion = known.assertion().await;
    let xml = base64::engine::general_purpose::STANDARD.decode(&assertion).unwrap();
    let xml = String::from_utf8(xml).unwrap();
    for part in [
        format!(">{ROLE}, {PROVIDER}<"),
        format!(">{PROVIDER},{ROLE}-2<"),
        "Name=\"https://aws.amazon.com/SAML/Attributes/RoleSessionName\"".to_owned(),
        ">session<".to_owned(),
        "Name=\"https://redshift.amazon.com/SAML/Attributes/DbUser\"".to_owned(),
        ">a&amp;b<".to_owned(),
        ">one<".to_owned(),
        ">two<".to_owned(),
    ] {
        assert!(xml.contains(&part), "{part}: {xml}");
    }
}
