//! What AWS's APIs have in common: which one is asked, how errors look.

use serde_json::json;

use crate::recorded::{Request, Step};
use crate::server::Answer;
use crate::{Shared, escaped, random_hex, redshift, serverless, sts};

/// How an API is spoken to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    /// A form to it, XML back; the namespace of the XML.
    Query(&'static str),
    /// JSON, version 1.1.
    Json,
}

impl Protocol {
    pub(crate) fn of(step: Step) -> Self {
        match step {
            Step::GetCredentials | Step::GetWorkgroup => Self::Json,
            Step::AssumeRoleWithSaml | Step::AssumeRoleWithWebIdentity => {
                Self::Query("https://sts.amazonaws.com/doc/2011-06-15/")
            }
            _ => Self::Query("http://redshift.amazonaws.com/doc/2012-12-01/"),
        }
    }
}

/// An error of an API.
#[derive(Clone, Debug)]
pub(crate) struct Error {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) status: u16,
}

impl Error {
    pub(crate) fn new(code: &str, status: u16, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), status }
    }

    /// An error whose code and status differ with the protocol: the first are those of forms, the second those of JSON.
    /// <https://docs.aws.amazon.com/redshift/latest/APIReference/CommonErrors.html>
    pub(crate) fn of(protocol: Protocol, query: (&str, u16), json: (&str, u16), message: &str) -> Self {
        let (code, status) = if protocol == Protocol::Json { json } else { query };
        Self::new(code, status, message)
    }

    pub(crate) fn answer(&self, protocol: Protocol) -> Answer {
        let Self { code, message, status } = self;
        let id = request_id();
        match protocol {
            Protocol::Query(namespace) => {
                let kind = if *status < 500 { "Sender" } else { "Receiver" };
                let (code, message) = (escaped(code), escaped(message));
                let body = format!(
                    "<ErrorResponse xmlns=\"{namespace}\">\n  <Error>\n    <Type>{kind}</Type>\n    <Code>{code}</Code>\n    \
                     <Message>{message}</Message>\n  </Error>\n  <RequestId>{id}</RequestId>\n</ErrorResponse>\n"
                );
                Answer::new(*status, "text/xml", body).with("x-amzn-RequestId", &id)
            }
            Protocol::Json => {
                let body = json!({"__type": code, "message": message});
                Answer::new(*status, "application/x-amz-json-1.1", body.to_string())
                    .with("x-amzn-RequestId", &id)
                    .with("x-amzn-ErrorType", code)
            }
        }
    }
}

pub(crate) fn request_id() -> String {
    let hex = random_hex(16);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The answer of a form's action: the result in its envelope.
pub(crate) fn xml(protocol: Protocol, action: &str, result: &str) -> Answer {
    let Protocol::Query(namespace) = protocol else { unreachable!("a form is answered in XML") };
    let id = request_id();
    let body = format!(
        "<{action}Response xmlns=\"{namespace}\">\n  <{action}Result>{result}</{action}Result>\n  \
         <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\n</{action}Response>\n"
    );
    Answer::new(200, "text/xml", body).with("x-amzn-RequestId", &id)
}

/// Elements with texts in them.
pub(crate) fn elements(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, text)| format!("<{name}>{}</{name}>", escaped(text))).collect()
}

/// `POST /`
pub(crate) async fn answer(shared: &Shared, request: &Request) -> Answer {
    let protocol = Protocol::of(request.step);
    let wanted =
        if protocol == Protocol::Json { "application/x-amz-json-1.1" } else { "application/x-www-form-urlencoded" };
    let is_wanted = request.header("content-type").is_some_and(|content_type| content_type.starts_with(wanted));
    let answered = match request.step {
        _ if !is_wanted => Err(Error::new("SerializationException", 400, &format!("this is no {wanted}"))),
        Step::AssumeRoleWithSaml => sts::with_saml(shared, request),
        Step::AssumeRoleWithWebIdentity => sts::with_web_identity(shared, request),
        Step::GetClusterCredentials => redshift::credentials(shared, request).await,
        Step::GetClusterCredentialsWithIam => redshift::credentials_with_iam(shared, request).await,
        Step::DescribeClusters => redshift::describe(shared, request),
        Step::GetCredentials => serverless::credentials(shared, request).await,
        Step::GetWorkgroup => serverless::workgroup(shared, request),
        _ => Err(Error::new("InvalidAction", 400, "Could not find operation for this request.")),
    };
    answered.unwrap_or_else(|error| error.answer(protocol))
}
