//! Signatures of requests, version 4: checked in full, with a key that is known.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ring::{digest, hmac};

use crate::aws::{Error, Protocol};
use crate::options::AccessKey;
use crate::recorded::Request;
use crate::{Shared, hex};

/// How far the clock of a client may be off.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// How AWS writes the moment of a signature.
const DATE: &str = "%Y%m%dT%H%M%SZ";

/// What a request is signed for.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The moment, as in `X-Amz-Date`.
    pub date: &'a str,
    /// The region.
    pub region: &'a str,
    /// The service.
    pub service: &'a str,
    /// The headers that are signed, their names in lower case and in order.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// The signature of a `POST` of `/`.
#[must_use]
pub fn sign(secret: &str, signed: &Signed) -> String {
    let Signed { date, region, service, headers, body } = signed;
    let day = date.get(..8).unwrap_or_default();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    let canonical = format!("POST\n/\n\n{lines}\n{}\n{}", names.join(";"), sha256(body));
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{date}\n{day}/{region}/{service}/aws4_request\n{}", sha256(canonical.as_bytes()));
    let key = [day, region, service, "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()));
    hex(&hmac_sha256(&key, to_sign.as_bytes()))
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hmac_sha256(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref().to_vec()
}

/// The key that a request to a service is signed with, or AWS's words for what is wrong with it.
pub(crate) fn check(shared: &Shared, request: &Request, service: &str) -> Result<AccessKey, Error> {
    let protocol = Protocol::of(request.step);
    let missing = || {
        Error::of(
            protocol,
            ("MissingAuthenticationToken", 403),
            ("MissingAuthenticationTokenException", 400),
            "Missing Authentication Token",
        )
    };
    let authorization = request.header("authorization").ok_or_else(missing)?;
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(missing)?;
    let fields: BTreeMap<_, _> = fields.split(',').filter_map(|field| field.trim().split_once('=')).collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    let scope: Vec<_> = field("Credential").split('/').collect();
    let [id, day, region, of_service, "aws4_request"] = scope[..] else { return Err(missing()) };

    let unknown = || {
        Error::of(
            protocol,
            ("InvalidClientTokenId", 403),
            ("UnrecognizedClientException", 400),
            "The security token included in the request is invalid.",
        )
    };
    let Some((key, until)) = shared.state().keys.get(id).cloned() else { return Err(unknown()) };
    if key.token.as_deref() != request.header("x-amz-security-token") {
        return Err(unknown());
    }
    if until.is_some_and(|until| until <= Timestamp::now()) {
        return Err(Error::of(
            protocol,
            ("ExpiredToken", 403),
            ("ExpiredTokenException", 400),
            "The security token included in the request is expired",
        ));
    }

    let refuse = |message: String| {
        Error::of(protocol, ("SignatureDoesNotMatch", 403), ("InvalidSignatureException", 400), &message)
    };
    let date = request.header("x-amz-date").unwrap_or_default();
    let signed_at = DateTime::strptime(DATE, date).and_then(|date| date.to_zoned(TimeZone::UTC));
    let signed_at = signed_at.map_err(|_| refuse("Date must be in ISO-8601 'basic format'.".to_owned()))?.timestamp();
    let now = Timestamp::now();
    if now.duration_since(signed_at).abs() > CLOCK_SKEW {
        let now = now.strftime(DATE);
        return Err(refuse(format!("Signature expired: {date} is now earlier than {now} (within 15 min.)")));
    }
    if day != date.get(..8).unwrap_or_default() || region != shared.region || of_service != service {
        let scope = format!("{}/{service}", shared.region);
        return Err(refuse(format!("Credential should be scoped to a valid region and service: '{scope}'.")));
    }
    let names = field("SignedHeaders").split(';');
    let headers: Vec<_> = names.map(|name| (name, request.header(name).unwrap_or_default())).collect();
    for needed in ["host", "x-amz-date"] {
        if !headers.iter().any(|(name, _)| *name == needed) {
            return Err(refuse(format!("'{needed}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
    }
    let signed = Signed { date, region, service, headers: &headers, body: &request.bytes };
    if sign(&key.secret, &signed) != field("Signature") {
        return Err(refuse("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.".to_owned()));
    }
    Ok(key)
}
