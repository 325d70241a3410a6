//! Which hosts AWS is asked at: the SDK chooses them, by the region and by its own variables.
//!
//! A proxy of the test's own is asked for the way to each, and refuses: nothing leaves the machine. The variables are a process's,
//! hence each set of them has one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::lifecycle::login::WarehouseName;

/// Of each part of AWS that is open to the public.
const REGIONS: [&str; 3] = ["us-east-1", "cn-north-1", "us-gov-west-1"];

/// The hosts of STS, Redshift and Redshift Serverless, in each of these.
type Hosts = [[&'static str; 3]; 3];

/// A proxy that refuses whatever it is asked for, and tells what that was.
fn refusing_proxy() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let head: Vec<String> =
                BufReader::new(&client).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let asked_for = head.first().and_then(|line| line.strip_prefix("CONNECT ")).unwrap();
            let _ = tell.send(asked_for.split(' ').next().unwrap().to_owned());
            let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }
    });
    (format!("http://{address}"), told)
}

/// What a process with these variables asks for, in its order, and what it is told.
fn asks(variables: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let (proxy, told) = refusing_proxy();
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), TOKEN).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "adapters::logins::endpoints::all_services_are_asked"])
        .env_clear()
        .env("HTTPS_PROXY", proxy)
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", token.path())
        .env("AWS_ROLE_ARN", ROLE)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(![TOKEN, ASSERTION, SECRET].iter().any(|secret| said.contains(secret)), "{said}");
    let errors = said.lines().filter_map(|line| line.strip_prefix(TOLD)).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(errors.len(), 4 * REGIONS.len(), "{said}");
    (told.try_iter().collect(), errors)
}

/// The hosts that it asks: STS for either way to a role, and Redshift what a warehouse is and for credentials.
fn hosts(variables: &[(&str, &str)]) -> Vec<[String; 3]> {
    let (asked, errors) = asks(variables);
    assert!(errors.iter().all(|error| error.contains("through the proxy 127.0.0.1:")), "{errors:?}");
    assert_eq!(asked.len(), 2 * 3 * REGIONS.len(), "{asked:?}");
    let of_region = |asked: &[String]| {
        assert!(asked.chunks(2).all(|pair| pair[0] == pair[1]), "{asked:?}");
        [0, 2, 4].map(|at| asked[at].strip_suffix(":443").unwrap_or(&asked[at]).to_owned())
    };
    asked.chunks(2 * 3).map(of_region).collect()
}

const ROLE: &str = "arn:aws:iam::123456789012:role/redshift-admin";
const TOKEN: &str = "canary-token";
const ASSERTION: &str = "canary-assertion";
const SECRET: &str = "canary-secret";

/// What stands before an error.
const TOLD: &str = "told: ";

/// Asks all that a login can ask of AWS, everywhere.
#[tokio::test]
#[ignore = "others run it, in an environment of its own"]
async fn all_services_are_asked() {
    let deadline = Deadline { usual: Duration::from_mins(1), patience: 1 };
    let http = Http::new(Arc::new(AddressPolicy::new(Vec::new())), None, deadline).unwrap();
    for region in REGIONS {
        let aws = Aws::new(http.clone(), region);
        let role =
            saml::Role { role: ROLE.to_owned(), provider: "arn:aws:iam::123456789012:saml-provider/okta".to_owned() };
        // Behind the line on which the test's name stands.
        println!("\n{TOLD}{}", aws.key_of_assertion(&role, ASSERTION.into()).await.err().unwrap());
        println!("{TOLD}{}", aws.key_of_pod().await.err().unwrap());
        for name in [WarehouseName::Cluster("analytics".to_owned()), WarehouseName::Workgroup("analytics".to_owned())] {
            let key = aws::Key::from_secret(&"AKIAIOSFODNN7EXAMPLE".into(), &SECRET.into(), None);
            let warehouse = AwsWarehouse { region: region.to_owned(), name, database_user: None };
            println!("{TOLD}{}", aws.for_key(key, &warehouse).await.err().unwrap());
        }
    }
}

const FIPS: (&str, &str) = ("AWS_USE_FIPS_ENDPOINT", "true");
const DUAL_STACK: (&str, &str) = ("AWS_USE_DUALSTACK_ENDPOINT", "true");
const OWN: (&str, &str) = ("AWS_ENDPOINT_URL", "https://vpce.example:8443");

const USUAL: Hosts = [
    ["sts.us-east-1.amazonaws.com", "redshift.us-east-1.amazonaws.com", "redshift-serverless.us-east-1.amazonaws.com"],
    [
        "sts.cn-north-1.amazonaws.com.cn",
        "redshift.cn-north-1.amazonaws.com.cn",
        "redshift-serverless.cn-north-1.amazonaws.com.cn",
    ],
    [
        "sts.us-gov-west-1.amazonaws.com",
        "redshift.us-gov-west-1.amazonaws.com",
        "redshift-serverless.us-gov-west-1.amazonaws.com",
    ],
];

#[test]
fn aws_is_asked_where_the_region_and_the_sdks_variables_say() {
    // AWS has no FIPS endpoints in China: the name that the SDK makes up there leads nowhere.
    let fips = [
        [
            "sts-fips.us-east-1.amazonaws.com",
            "redshift-fips.us-east-1.amazonaws.com",
            "redshift-serverless-fips.us-east-1.amazonaws.com",
        ],
        [
            "sts-fips.cn-north-1.amazonaws.com.cn",
            "redshift-fips.cn-north-1.amazonaws.com.cn",
            "redshift-serverless-fips.cn-north-1.amazonaws.com.cn",
        ],
        [
            "sts.us-gov-west-1.amazonaws.com",
            "redshift.us-gov-west-1.amazonaws.com",
            "redshift-serverless-fips.us-gov-west-1.amazonaws.com",
        ],
    ];
    let dual_stack = [
        ["sts.us-east-1.api.aws", "redshift.us-east-1.api.aws", "redshift-serverless.us-east-1.api.aws"],
        [
            "sts.cn-north-1.api.amazonwebservices.com.cn",
            "redshift.cn-north-1.api.amazonwebservices.com.cn",
            "redshift-serverless.cn-north-1.api.amazonwebservices.com.cn",
        ],
        ["sts.us-gov-west-1.api.aws", "redshift.us-gov-west-1.api.aws", "redshift-serverless.us-gov-west-1.api.aws"],
    ];
    for (variables, expected) in [
        (&[][..], USUAL),
        (&[FIPS], fips),
        (&[DUAL_STACK], dual_stack),
        (&[("AWS_USE_FIPS_ENDPOINT", "false"), ("AWS_STS_REGIONAL_ENDPOINTS", "legacy")], USUAL),
        (&[OWN], [["vpce.example:8443"; 3]; 3]),
        (&[OWN, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")], USUAL),
        (
            &[OWN, ("AWS_ENDPOINT_URL_STS", "https://a.example"), ("AWS_ENDPOINT_URL_REDSHIFT", "https://b.example")],
            [["a.example", "b.example", "vpce.example:8443"]; 3],
        ),
        (
            &[("AWS_ENDPOINT_URL_REDSHIFT_SERVERLESS", "https://c.example")],
            USUAL.map(|[sts, redshift, _]| [sts, redshift, "c.example"]),
        ),
    ] {
        assert_eq!(hosts(variables), expected, "{variables:?}");
    }
}

#[test]
fn settings_that_cannot_be_meant_are_told_and_nobody_is_asked() {
    for (variables, says) in [
        (&[("AWS_USE_FIPS_ENDPOINT", "yes")][..], "AWS_USE_FIPS_ENDPOINT is neither `true` nor `false`"),
        (&[("AWS_USE_DUALSTACK_ENDPOINT", "1")], "AWS_USE_DUALSTACK_ENDPOINT is neither"),
        (&[OWN, FIPS], "AWS_USE_FIPS_ENDPOINT and an endpoint of your own (AWS_ENDPOINT_URL) exclude each other"),
        (&[OWN, DUAL_STACK], "AWS_USE_DUALSTACK_ENDPOINT and an endpoint of your own"),
        (&[("AWS_ENDPOINT_URL", "vpce.example/no url")], "AWS can't be asked at any URL; check AWS_ENDPOINT_URL"),
        (&[("HTTPS_PROXY", "http://")], "write one such as http://proxy.example.com:3128"),
    ] {
        let (asked, errors) = asks(variables);
        assert_eq!(asked, [""; 0], "{variables:?}");
        let is_told =
            |error: &String| error.starts_with("the operator's environment can't be meant: ") && error.contains(says);
        assert!(errors.iter().all(is_told), "{variables:?}: {errors:#?}");
    }
}
