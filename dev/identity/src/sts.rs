//! STS: a role for an assertion, or for a token. Neither request is signed.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html>

use jiff::Timestamp;

use crate::aws::{Error, Protocol, elements, xml};
use crate::recorded::Request;
use crate::server::Answer;
use crate::{Shared, moment, saml};

fn needed<'a>(request: &'a Request, name: &str) -> Result<&'a str, Error> {
    request.field(name).filter(|value| !value.is_empty()).ok_or_else(|| {
        let message = format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        );
        Error::new("ValidationError", 400, &message)
    })
}

/// How long the key is good for, in seconds.
fn duration(request: &Request) -> Result<i64, Error> {
    let seconds = request.field("DurationSeconds").unwrap_or("3600").parse().unwrap_or(0);
    if (900..=43_200).contains(&seconds) {
        return Ok(seconds);
    }
    let message = "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint: Member must be between 900 and 43200";
    Err(Error::new("ValidationError", 400, message))
}

/// A key of the role, and who has it: what both answers hold.
fn assumed(shared: &Shared, role: &str, session: &str, seconds: i64) -> String {
    let name = role.rsplit('/').next().unwrap_or_default();
    let (key, until) = shared.state().new_key(name, seconds);
    let credentials = elements(&[
        ("AccessKeyId", &key.id),
        ("SecretAccessKey", &key.secret),
        ("SessionToken", key.token.as_deref().unwrap_or_default()),
        ("Expiration", &moment(until)),
    ]);
    let account = &shared.account;
    let user = elements(&[
        ("AssumedRoleId", &format!("AROA123456789EXAMPLE:{session}")),
        ("Arn", &format!("arn:aws:sts::{account}:assumed-role/{name}/{session}")),
    ]);
    format!("<Credentials>{credentials}</Credentials><AssumedRoleUser>{user}</AssumedRoleUser>")
}

/// `AssumeRoleWithSAML`
pub(crate) fn with_saml(shared: &Shared, request: &Request) -> Result<Answer, Error> {
    let (role, provider) = (needed(request, "RoleArn")?, needed(request, "PrincipalArn")?);
    let (assertion, seconds) = (needed(request, "SAMLAssertion")?, duration(request)?);
    let Some(assertion) = shared.state().assertions.get(assertion).cloned() else {
        return Err(Error::new(
            "InvalidIdentityToken",
            400,
            "Invalid base64 SAMLResponse (Service: AWSOpenIdDiscoveryService; Status Code: 400; Error Code: AuthSamlInvalidSamlResponseException)",
        ));
    };
    if assertion.until <= Timestamp::now() {
        return Err(Error::new("ExpiredTokenException", 400, "Token must be redeemed within 5 minutes of issuance"));
    }
    let is_offered = assertion.roles.iter().any(|pair| {
        let arns: Vec<_> = pair.split(',').map(str::trim).collect();
        arns == [role, provider] || arns == [provider, role]
    });
    if !is_offered {
        return Err(Error::new("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithSAML"));
    }
    let result = assumed(shared, role, &assertion.subject, seconds)
        + &elements(&[
            ("Subject", &assertion.subject),
            ("SubjectType", "unspecified"),
            ("Issuer", saml::ISSUER),
            ("Audience", "https://signin.aws.amazon.com/saml"),
            ("NameQualifier", "SbdGOnUkh1i4+EXAMPLExL/jEvs="),
        ]);
    Ok(xml(Protocol::of(request.step), "AssumeRoleWithSAML", &result))
}

/// `AssumeRoleWithWebIdentity`
pub(crate) fn with_web_identity(shared: &Shared, request: &Request) -> Result<Answer, Error> {
    let (role, session) = (needed(request, "RoleArn")?, needed(request, "RoleSessionName")?);
    let (token, seconds) = (needed(request, "WebIdentityToken")?, duration(request)?);
    let known = shared.state().web_identity.clone();
    if token != known.token {
        return Err(Error::new(
            "InvalidIdentityToken",
            400,
            "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
        ));
    }
    if !known.roles.iter().any(|known| known == role) {
        return Err(Error::new("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity"));
    }
    let subject = "system:serviceaccount:redshift-governance:redshift-integration-operator";
    let result = assumed(shared, role, session, seconds)
        + &elements(&[
            ("SubjectFromWebIdentityToken", subject),
            ("Provider", "arn:aws:iam::123456789012:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE"),
            ("Audience", "sts.amazonaws.com"),
        ]);
    Ok(xml(Protocol::of(request.step), "AssumeRoleWithWebIdentity", &result))
}
