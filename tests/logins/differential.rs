//! What AWS's own driver for Python was seen to ask for (`dev/identity/oracle`), and what the operator asks for.

use identity_stand_in::{Step, oracle};
use serde_json::{Map, Value, json};

use super::Place;

/// What the operator sends otherwise than AWS's driver, and why.
const DIFFERENCES: [(&str, Option<&str>, Option<&str>, &str); 8] = [
    // Field, the driver's, the operator's.
    ("DbName", Some("dev"), None, "credentials are for all databases: the managed one is yet to be made"),
    ("dbName", Some("dev"), None, "the same, for a workgroup"),
    ("DbGroups", Some(""), None, "an empty list isn't sent"),
    ("DurationSeconds", None, Some("3600"), "a pass may take longer than a quarter of an hour"),
    ("DurationSeconds", Some("900"), Some("3600"), "the same"),
    ("durationSeconds", None, Some("3600"), "the same, for a workgroup"),
    ("credentials of a warehouse", None, None, "DescribeClusters or GetWorkgroup goes before, if it is allowed"),
    ("User-Agent", None, None, "each names itself"),
];

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The fields in which two requests differ, with both values.
fn differences(drivers: &Value, operators: &Value) -> Vec<(String, Option<String>, Option<String>)> {
    let none = Map::new();
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_else(|| none.clone());
    let (mut drivers, mut operators) = (fields(drivers), fields(operators));
    let (body, other) = (drivers.remove("body"), operators.remove("body"));
    let (body, other) = (fields(&body.unwrap_or_default()), fields(&other.unwrap_or_default()));
    drivers.extend(body);
    operators.extend(other);
    let names: std::collections::BTreeSet<_> = drivers.keys().chain(operators.keys()).cloned().collect();
    let of = |fields: &Map<String, Value>, name: &str| fields.get(name).and_then(text);
    names
        .into_iter()
        .map(|name| (of(&drivers, &name), of(&operators, &name), name))
        .filter(|(one, other, _)| one != other)
        .map(|(one, other, name)| (name, one, other))
        .collect()
}

/// Compares what was sent, in its order, without what only asks what the warehouse is.
fn agree(drivers: &[Value], operators: &[Value]) {
    let describes = [json!(Step::DescribeClusters), json!(Step::GetWorkgroup)];
    let operators: Vec<_> = operators.iter().filter(|it| !describes.contains(&it["step"])).collect();
    assert_eq!(drivers.len(), operators.len(), "{operators:#?}");
    for (driver, operator) in drivers.iter().zip(operators) {
        for (field, one, other) in differences(driver, operator) {
            let is_known = DIFFERENCES.iter().any(|(name, driver, operator, _)| {
                *name == field && *driver == one.as_deref() && *operator == other.as_deref()
            });
            assert!(is_known, "{}: {field}: the driver sends {one:?}, the operator {other:?}", driver["step"]);
        }
    }
}

#[tokio::test]
async fn what_is_asked_of_okta_and_aws_is_what_awss_own_driver_asks() {
    let place = Place::started().await;
    place.put_okta_user().await;
    let arn = "arn:aws:iam::123456789012:role/redshift-admin";
    place.world.create(place.okta(json!({"okta": {"role": arn}}))).await;
    place.world.until_phase("enabled").await;
    agree(&oracle::okta(), &place.identity().transcript());
    let headers = &place.identity().requests()[0].headers;
    assert_eq!((headers["accept"].as_str(), headers["cache-control"].as_str()), ("application/json", "no-cache"));
}

#[tokio::test]
async fn what_is_asked_with_an_access_key_is_what_awss_own_driver_asks() {
    let place = Place::started().await;
    place.put_key().await;
    super::make_a_superuser(&place, "IAM:operator").await;
    let mut sent = Vec::new();
    for aws in [
        json!({"region": "us-east-1", "clusterIdentifier": "analytics", "databaseUser": "awsuser"}),
        json!({"region": "us-east-1", "clusterIdentifier": "analytics"}),
        json!({"region": "us-east-1", "workgroup": "analytics"}),
    ] {
        place.identity().forget_requests();
        place.world.create(Place::login("accessKey", aws)).await;
        place.world.until_phase("enabled").await;
        sent.extend(place.identity().transcript());
        place.world.delete().await;
        place.world.until_gone().await;
    }
    agree(&oracle::access_key(), &sent);
}
