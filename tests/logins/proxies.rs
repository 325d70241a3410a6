//! A proxy on the way to Okta and AWS: it is used where it is meant, and told where it is at fault. The warehouse is none of its.

use identity_stand_in::Step;
use serde_json::json;

use super::refusals::WAITING;
use super::{Place, Pod};
use crate::support::{Passage, Relay, conditions, documented_of};

/// What a message shows in the place of the test's own proxy.
const SHOWN: &str = "proxy.example.com:3128";

/// An operator behind a proxy that wants to know who asks, and what the proxy isn't meant for. The API server of the tests is at 127.0.0.1, and all else is at
/// `localhost`: Okta, AWS and the warehouse.
fn pod(proxy: &str, none: &str) -> Pod {
    let environment = vec![
        ("HTTPS_PROXY", format!("http://governor:pass%40word@{proxy}")),
        // It isn't for what is asked over TLS.
        ("HTTP_PROXY", "http://127.0.0.1:9".to_owned()),
        ("NO_PROXY", none.to_owned()),
    ];
    Pod { environment, arguments: vec!["--connect-timeout-seconds=1".to_owned()] }
}

#[tokio::test]
async fn okta_and_aws_are_asked_through_the_proxy_that_is_meant_for_them_and_the_warehouse_never() {
    let mut place = Place::new().await;
    place.put_okta_user().await;
    let proxy = Relay::proxy().await;
    let address = proxy.address().to_string();
    place.start(&pod(&address, "127.0.0.1"));

    // What is wrong with a proxy is told, and nobody was asked.
    let ways = [
        (Passage::Refused(407), "it wants a user and a password (HTTP 407)", "login__a_proxy_that_asks_who_asks"),
        (Passage::Refused(502), "it refuses the connection, or can't make it", "login__a_proxy_that_refuses"),
        (Passage::Closed, "it refuses the connection, or can't make it", ""),
        (Passage::Silent, "nothing came back within 1 s", "login__a_proxy_that_is_silent"),
    ];
    proxy.set(ways[0].0);
    place.world.create(place.okta(json!({}))).await;
    for (passage, says, case) in ways {
        proxy.set(Passage::Closed);
        proxy.set(passage);
        place.again(&format!("{passage:?}")).await;
        let object = place.stops_with("LoginServiceUnavailable", says).await;
        assert_eq!(conditions(&object), WAITING, "{passage:?}");
        if !case.is_empty() {
            documented_of(case, &object, "Ready", (&address, SHOWN));
        }
    }
    assert_eq!(place.steps(), []);

    // Each step of a login goes through it, for Okta and for AWS alike, and says who asks.
    proxy.set(Passage::Closed);
    proxy.set(Passage::Open);
    let refused = proxy.asked().len();
    place.world.until_phase("enabled").await;
    let steps = place.steps();
    assert!(steps.contains(&Step::OktaAuthentication) && steps.contains(&Step::GetClusterCredentials), "{steps:?}");
    place.world.delete().await;
    place.world.until_gone().await;
    place.put_key().await;
    let aws = json!({"region": "us-east-1", "clusterIdentifier": "analytics", "databaseUser": "awsuser"});
    let by_key = Place::login("accessKey", aws);
    place.lives(by_key.clone()).await;
    assert_eq!(proxy.asked().len() - refused, place.steps().len());
    let connect = format!("CONNECT {} ", place.identity().host());
    for head in proxy.asked() {
        // governor:pass@word
        let names_itself = head.to_lowercase().contains("proxy-authorization: basic z292zxjub3i6cgfzc0b3b3jk");
        assert!(head.starts_with(&connect) && names_itself, "{head}");
    }

    // Past it, and past one that is gone.
    let asked = proxy.asked().len();
    for none in ["127.0.0.1, localhost".to_owned(), format!("127.0.0.1,{}", place.identity().host()), "*".to_owned()] {
        place.world.kill_operator();
        place.start(&pod(&address, &none));
        place.world.create(by_key.clone()).await;
        place.world.until_phase("enabled").await;
        place.world.delete().await;
        place.world.until_gone().await;
    }
    assert_eq!(proxy.asked().len(), asked);
    drop(proxy);
    place.world.kill_operator();
    place.start(&pod(&address, "127.0.0.1"));
    place.world.create(by_key).await;
    let object = place.stops_with("LoginServiceUnavailable", "the proxy itself can't be reached").await;
    documented_of("login__a_proxy_that_is_gone", &object, "Ready", (&address, SHOWN));
    let log = place.world.log();
    assert!(!log.contains("pass%40word") && !log.contains("pass@word"), "the proxy's password shows");
}
