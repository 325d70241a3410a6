//! AWS: roles, keys, passwords for the database, and what is refused.

use std::sync::{Arc, Mutex};

use identity_stand_in::{
    AccessKey, Cluster, MintKind, MintRequest, Minted, Options, Principal, Signed, Step, Workgroup, sign,
};

use crate::support::{Answer, Known, PROVIDER, ROLE, form, start, start_with};

const CREDENTIALS: &str = "Action=GetClusterCredentials&Version=2012-12-01&ClusterIdentifier=analytics&DbUser=awsuser";
const WITH_IAM: &str = "Action=GetClusterCredentialsWithIAM&Version=2012-12-01&ClusterIdentifier=analytics&DbName=dev";
const SERVERLESS: &str = "RedshiftServerless.GetCredentials";

async fn with_saml(known: &Known, role: &str, provider: &str, assertion: &str) -> Answer {
    let pairs = [
        ("Action", "AssumeRoleWithSAML"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("PrincipalArn", provider),
        ("SAMLAssertion", assertion),
    ];
    known.query(&form(&pairs)).await
}

/// The key in an answer of STS's.
fn key(answer: &Answer) -> AccessKey {
    let token = Some(answer.element("SessionToken"));
    let (id, secret) = (answer.element("AccessKeyId"), answer.element("SecretAccessKey"));
    AccessKey { id, secret, token, principal: Principal::Role(String::new()) }
}

#[tokio::test]
async fn an_assertion_gives_a_key_for_the_roles_in_it_and_no_others() {
    let known = start().await;
    let assertion = known.assertion().await;
    let refused = with_saml(&known, &format!("{ROLE}-2"), PROVIDER, &assertion).await;
    assert_eq!(refused.error(), (403, "AccessDenied".to_owned()));
    assert_eq!(
        with_saml(&known, ROLE, PROVIDER, "bm90aGluZw==").await.error(),
        (400, "InvalidIdentityToken".to_owned())
    );
    let answer = with_saml(&known, ROLE, PROVIDER, &assertion).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let key = key(&answer);
    let answer = known.signed(&key, "redshift", None, WITH_IAM).await;
    assert_eq!(answer.element("DbUser"), "IAMR:redshift-admin");
    known.identity.expire_keys();
    assert_eq!(known.signed(&key, "redshift", None, WITH_IAM).await.error(), (403, "ExpiredToken".to_owned()));
    let answer = known.signed(&key, "redshift-serverless", Some(SERVERLESS), "{}").await;
    assert_eq!(answer.error(), (400, "ExpiredTokenException".to_owned()));
}

#[tokio::test]
async fn a_token_of_the_pod_gives_a_key() {
    let known = start().await;
    let request = |token: &str| {
        form(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", ROLE),
            ("RoleSessionName", "operator"),
            ("WebIdentityToken", token),
        ])
    };
    assert_eq!(known.query(&request("wrong")).await.error(), (400, "InvalidIdentityToken".to_owned()));
    let answer = known.query(&request(&known.web_token)).await;
    assert!(answer.element("Arn").ends_with("assumed-role/redshift-admin/operator"), "{answer:?}");
    let answer = known.signed(&key(&answer), "redshift", None, WITH_IAM).await;
    assert_eq!(answer.element("DbUser"), "IAMR:redshift-admin");

    assert_eq!(known.container("wrong").await.status, 400);
    let answer = known.container(&known.container_token).await.json();
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    let (id, secret, token) = (text("AccessKeyId"), text("SecretAccessKey"), Some(text("Token")));
    let key = AccessKey { id, secret, token, principal: Principal::Role(String::new()) };
    let answer = known.signed(&key, "redshift", None, WITH_IAM).await;
    assert_eq!(answer.element("DbUser"), "IAMR:redshift-operator");
    assert_eq!(known.identity.count(Step::ContainerCredentials), 2);
}

#[tokio::test]
async fn passwords_for_the_database_are_minted_for_the_names_that_aws_gives() {
    let minted: Arc<Mutex<Vec<MintRequest>>> = Arc::default();
    let seen = minted.clone();
    let mint = move |request: MintRequest| -> futures::future::BoxFuture<'static, anyhow::Result<Minted>> {
        let duration = request.duration;
        seen.lock().unwrap().push(request);
        Box::pin(async move { Ok(Minted { password: "Minted1Password".to_owned(), duration }) })
    };
    let known = start_with(Options { mint: Arc::new(mint), ..Options::default() }).await;
    let created =
        format!("{CREDENTIALS}&AutoCreate=true&DbGroups.DbGroup.1=g1&DbGroups.DbGroup.2=g2&DurationSeconds=1800");
    for (body, expected) in
        [(CREDENTIALS, "IAM:awsuser"), (created.as_str(), "IAMA:awsuser:g1:g2"), (WITH_IAM, "IAM:operator")]
    {
        let answer = known.signed(&known.key, "redshift", None, body).await;
        assert_eq!((answer.status, answer.element("DbUser")), (200, expected.to_owned()));
        assert_eq!(answer.element("DbPassword"), "Minted1Password");
        answer.element("Expiration").parse::<jiff::Timestamp>().unwrap();
    }
    let body = r#"{"workgroupName": "analytics", "dbName": "dev"}"#;
    let answer = known.signed(&known.key, "redshift-serverless", Some(SERVERLESS), body).await.json();
    assert_eq!(
        (answer["dbUser"].as_str(), answer["dbPassword"].as_str()),
        (Some("IAM:operator"), Some("Minted1Password"))
    );
    assert!(answer["expiration"].as_i64().unwrap() > jiff::Timestamp::now().as_second());
    let minted = minted.lock().unwrap().clone();
    let users: Vec<_> = minted.iter().map(|request| (request.user.as_str(), request.create)).collect();
    assert_eq!(users, [("awsuser", false), ("awsuser", true), ("IAM:operator", true), ("IAM:operator", true)]);
    assert_eq!((minted[1].duration.as_secs(), minted[1].groups.len()), (1800, 2));
    assert_eq!((minted[3].kind, minted[3].database.as_deref()), (MintKind::GetCredentials, Some("dev")));
}

#[tokio::test]
async fn clusters_and_workgroups_are_described_and_unknown_ones_are_not_found() {
    let known = start().await;
    let cluster = Cluster { status: "paused".to_owned(), node_type: "dc2.large".to_owned(), endpoint: None };
    known.identity.set_clusters([("old".to_owned(), cluster)]);
    let describe = |name: &str| format!("Action=DescribeClusters&Version=2012-12-01&ClusterIdentifier={name}");
    let answer = known.signed(&known.key, "redshift", None, &describe("old")).await;
    assert_eq!(
        (answer.element("NodeType"), answer.element("ClusterStatus")),
        ("dc2.large".to_owned(), "paused".to_owned())
    );
    let not_found = (404, "ClusterNotFound".to_owned());
    assert_eq!(known.signed(&known.key, "redshift", None, &describe("analytics")).await.error(), not_found);
    assert_eq!(known.signed(&known.key, "redshift", None, CREDENTIALS).await.error(), not_found);

    let target = "RedshiftServerless.GetWorkgroup";
    let creating = Workgroup { status: "CREATING".to_owned(), endpoint: ("there".to_owned(), 5440) };
    known.identity.set_workgroups([("new".to_owned(), creating)]);
    let body = r#"{"workgroupName": "new"}"#;
    let answer = known.signed(&known.key, "redshift-serverless", Some(target), body).await.json();
    assert_eq!(
        (&answer["workgroup"]["status"], &answer["workgroup"]["endpoint"]["port"]),
        (&"CREATING".into(), &5440.into())
    );
    let answer = known.signed(&known.key, "redshift-serverless", Some(target), r#"{"workgroupName": "x"}"#).await;
    assert_eq!(answer.error(), (404, "ResourceNotFoundException".to_owned()));
}

#[tokio::test]
async fn a_request_needs_the_signature_of_a_known_key_for_the_service_and_the_region() {
    let known = start().await;
    let stranger = AccessKey::of_user("stranger");
    assert_eq!(known.signed(&stranger, "redshift", None, CREDENTIALS).await.error().1, "InvalidClientTokenId");
    let answer = known.signed(&stranger, "redshift-serverless", Some(SERVERLESS), "{}").await;
    assert_eq!(answer.error(), (400, "UnrecognizedClientException".to_owned()));
    let with_token = AccessKey { token: Some("token".to_owned()), ..known.key.clone() };
    assert_eq!(known.signed(&with_token, "redshift", None, CREDENTIALS).await.error().1, "InvalidClientTokenId");
    let mismatch = (403, "SignatureDoesNotMatch".to_owned());
    let forged = AccessKey { secret: "guessed".to_owned(), ..known.key.clone() };
    assert_eq!(known.signed(&forged, "redshift", None, CREDENTIALS).await.error(), mismatch);
    assert_eq!(known.signed(&known.key, "redshift-serverless", None, CREDENTIALS).await.error(), mismatch);
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    for (region, date) in [("eu-west-1", now.as_str()), ("us-east-1", "20200101T000000Z")] {
        let answer = known.signed_for(&known.key, (region, "redshift"), date, None, CREDENTIALS).await;
        assert_eq!(answer.error(), mismatch, "{region} {date}");
    }
    assert_eq!(known.query(CREDENTIALS).await.error().1, "MissingAuthenticationToken");
    assert_eq!(known.query("Action=Other").await.error().1, "InvalidAction");
}

/// The request and the signature that AWS published with its test suite: `post-x-www-form-urlencoded`.
#[test]
fn a_signature_is_that_of_awss_example() {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("host", "example.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
    ];
    let signed = Signed {
        date: "20150830T123600Z",
        region: "us-east-1",
        service: "service",
        headers: &headers,
        body: b"Param1=value1",
    };
    let signature = sign("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &signed);
    assert_eq!(signature, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}
