//! Assertions, as Okta makes them for AWS. They look signed and aren't.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use crate::state::{Assertion, State};
use crate::{escaped, moment, random_hex};

/// Who issues them.
pub(crate) const ISSUER: &str = "http://www.okta.com/exk1a2b3c4d5e6f7g8h9";

/// An assertion for a user, in base64; it is good for five minutes.
pub(crate) fn assertion(state: &mut State, user: &str) -> String {
    let now = Timestamp::now();
    let until = now + SignedDuration::from_mins(5);
    let xml = response(state, user, now, until);
    let encoded = STANDARD.encode(xml);
    state.issue("assertion", &encoded);
    let roles = state.roles.clone();
    state.assertions.insert(encoded.clone(), Assertion { subject: user.to_owned(), roles, until });
    encoded
}

fn response(state: &State, user: &str, now: Timestamp, until: Timestamp) -> String {
    let session = state.attributes.role_session_name.as_deref().unwrap_or(user);
    let mut attributes = vec![
        ("https://aws.amazon.com/SAML/Attributes/Role".to_owned(), state.roles.clone()),
        ("https://aws.amazon.com/SAML/Attributes/RoleSessionName".to_owned(), vec![session.to_owned()]),
    ];
    for (name, values) in &state.attributes.redshift {
        attributes.push((format!("https://redshift.amazon.com/SAML/Attributes/{name}"), values.clone()));
    }
    let statement: String = attributes.iter().map(|(name, values)| attribute(name, values)).collect();
    let (id, assertion, user) = (random_hex(10), random_hex(10), escaped(user));
    let (issued, ends, signature) = (moment(now), moment(until), signature(&assertion));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <saml2p:Response Destination=\"https://signin.aws.amazon.com/saml\" ID=\"id{id}\" IssueInstant=\"{issued}\" Version=\"2.0\" \
         xmlns:saml2p=\"urn:oasis:names:tc:SAML:2.0:protocol\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">\
         <saml2:Issuer Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:entity\" xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\">{ISSUER}</saml2:Issuer>\
         <saml2p:Status><saml2p:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></saml2p:Status>\
         <saml2:Assertion ID=\"id{assertion}\" IssueInstant=\"{issued}\" Version=\"2.0\" xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\">\
         <saml2:Issuer>{ISSUER}</saml2:Issuer>{signature}\
         <saml2:Subject><saml2:NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\">{user}</saml2:NameID>\
         <saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
         <saml2:SubjectConfirmationData NotOnOrAfter=\"{ends}\" Recipient=\"https://signin.aws.amazon.com/saml\"/>\
         </saml2:SubjectConfirmation></saml2:Subject>\
         <saml2:Conditions NotBefore=\"{issued}\" NotOnOrAfter=\"{ends}\"><saml2:AudienceRestriction>\
         <saml2:Audience>urn:amazon:webservices</saml2:Audience></saml2:AudienceRestriction></saml2:Conditions>\
         <saml2:AuthnStatement AuthnInstant=\"{issued}\" SessionIndex=\"id{id}\"><saml2:AuthnContext>\
         <saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml2:AuthnContextClassRef>\
         </saml2:AuthnContext></saml2:AuthnStatement>\
         <saml2:AttributeStatement>{statement}</saml2:AttributeStatement></saml2:Assertion></saml2p:Response>"
    )
}

fn attribute(name: &str, values: &[String]) -> String {
    let value = |value: &String| {
        let value = escaped(value);
        format!(
            "<saml2:AttributeValue xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xs:string\">{value}</saml2:AttributeValue>"
        )
    };
    let values: String = values.iter().map(value).collect();
    format!(
        "<saml2:Attribute Name=\"{name}\" NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:uri\">{values}</saml2:Attribute>"
    )
}

/// In the form of a signature; nobody made it with a key.
fn signature(assertion: &str) -> String {
    let (digest, value) = (STANDARD.encode(random_hex(16)), STANDARD.encode(random_hex(128)));
    format!(
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>\
         <ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>\
         <ds:Reference URI=\"#id{assertion}\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
         <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>\
         <ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"
    )
}
