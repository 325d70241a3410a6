//! Answers on order.

use std::time::{Duration, Instant};

use identity_stand_in::{Fault, Step};

use crate::support::{PAGE, start};

const STEP: Step = Step::OktaAuthentication;

#[tokio::test]
async fn answers_on_order_come_in_their_order_and_then_the_right_one() {
    let known = start().await;
    let identity = &known.identity;
    identity.answer(STEP, Fault::status(503));
    identity.answer_times(STEP, Fault::okta_rate_limit(1_900_000_000), 2);
    identity.answer(STEP, Fault::Redirect { to: "https://elsewhere.example/".to_owned() });
    identity.answer(STEP, Fault::Body { content_type: "application/json".to_owned(), body: b"{\"status\":".to_vec() });
    // Another step's answer waits for that step.
    identity.answer(Step::OktaApplication, Fault::status(500));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(known.authenticate(&known.password).await);
    }
    let codes: Vec<_> = statuses.iter().map(|answer| answer.status).collect();
    assert_eq!(codes, [503, 429, 429, 302, 200, 200]);
    assert_eq!(statuses[1].headers["x-rate-limit-reset"], "1900000000");
    assert_eq!(statuses[1].json()["errorCode"], "E0000047");
    assert_eq!(statuses[3].headers["location"], "https://elsewhere.example/");
    assert_eq!(statuses[4].body, "{\"status\":");
    assert_eq!(statuses[5].json()["status"], "SUCCESS");
    assert_eq!(known.get(PAGE).await.status, 500);
    // All of them were recorded.
    assert_eq!(identity.count(STEP), 6);
}

#[tokio::test]
async fn a_connection_closes_is_silent_or_drips_on_order() {
    let known = start().await;
    let identity = &known.identity;
    identity.answer(STEP, Fault::Close);
    let body = serde_json::json!({"username": "x", "password": "y"}).to_string();
    let send = || known.send("POST /api/v1/authn", &[("Content-Type", "application/json")], &body);
    send().await.unwrap_err();
    identity.answer(STEP, Fault::Silence);
    tokio::time::timeout(Duration::from_millis(300), send()).await.unwrap_err();
    identity.answer(STEP, Fault::CloseAfter);
    send().await.unwrap_err();
    identity.answer(STEP, Fault::SilenceAfter);
    assert!(!identity.all_were_answered());
    let waits = tokio::time::timeout(Duration::from_millis(300), send());
    let (waited, ()) = tokio::join!(waits, async {
        // For the silence before, and for this.
        identity.silent().await;
        identity.silent().await;
    });
    waited.unwrap_err();
    assert!(identity.all_were_answered());
    let slow = [Fault::Drip { bytes: 40, milliseconds: 30 }, Fault::Delay { milliseconds: 100 }];
    for fault in slow {
        identity.answer(STEP, fault);
        let started = Instant::now();
        assert_eq!(send().await.unwrap().json()["errorCode"], "E0000004");
        assert!(started.elapsed() >= Duration::from_millis(100));
    }
    identity.answer(STEP, Fault::Huge { bytes: 3_000_000 });
    assert!(send().await.unwrap().body.len() >= 3_000_000);
    identity.answer(STEP, Fault::Close);
    identity.clear_answers();
    assert_eq!(send().await.unwrap().status, 401);
}

#[tokio::test]
async fn an_error_of_awss_has_the_shape_of_the_api_that_was_asked() {
    let known = start().await;
    for step in [Step::AssumeRoleWithSaml, Step::DescribeClusters, Step::GetWorkgroup] {
        known.identity.answer(step, Fault::aws("Throttling", "Rate exceeded", 400));
    }
    let throttled = (400, "Throttling".to_owned());
    assert_eq!(known.query("Action=AssumeRoleWithSAML").await.error(), throttled);
    assert_eq!(known.query("Action=DescribeClusters").await.error(), throttled);
    let target = Some("RedshiftServerless.GetWorkgroup");
    assert_eq!(known.signed(&known.key, "redshift-serverless", target, "{}").await.error(), throttled);
}
