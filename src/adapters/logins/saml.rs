//! What Okta says of a user: an assertion in SAML, in a field of a page. Whoever may write a resource may name an Okta of his
//! own, so that nothing here is more than bytes until it was read.
//!
//! Who takes it for true is AWS, which verifies its signature; the operator only reads what to ask AWS for.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use html5gum::{Token, Tokenizer};
use roxmltree::{Document, ParsingOptions};

use crate::ports::{LoginError, LoginStep, Unusable};

/// Field of the page.
const FIELD: &[u8] = b"SAMLResponse";

/// Attributes of the assertion.
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/generating-iam-credentials-steps.html#configuring-saml-assertions>
const ROLE: &str = "https://aws.amazon.com/SAML/Attributes/Role";
const SESSION_NAME: &str = "https://aws.amazon.com/SAML/Attributes/RoleSessionName";
const OF_REDSHIFT: &str = "https://redshift.amazon.com/SAML/Attributes/";

/// Most elements of an assertion: one has some dozens, and a role takes one.
const MOST_NODES: u32 = 20_000;

/// Most roles that are listed in a message.
const MOST_LISTED: usize = 20;

/// Longest ARN that AWS takes.
const LONGEST_ARN: usize = 2048;

fn unusable(why: Unusable) -> LoginError {
    LoginError::Unusable { step: LoginStep::OktaApplication, why }
}

/// The assertion in a page, still in base64, as AWS wants it.
pub(super) fn in_page(page: &[u8]) -> Result<String, LoginError> {
    for Ok(token) in Tokenizer::new(page) {
        let Token::StartTag(tag) = token else { continue };
        let attribute = |name: &[u8]| tag.attributes.get(name).map(|value| value.value.0.as_slice());
        if tag.name.0 == b"input" && attribute(b"name") == Some(FIELD) {
            let value = attribute(b"value").ok_or_else(|| unusable(Unusable::NoAssertion))?;
            let value = value.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            let value = String::from_utf8(value).map_err(|_| unusable(Unusable::Assertion))?;
            return if value.is_empty() { Err(unusable(Unusable::NoAssertion)) } else { Ok(value) };
        }
    }
    Err(unusable(Unusable::NoAssertion))
}

/// A role that the user may take.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Role {
    /// ARN of the role.
    pub(super) role: String,
    /// ARN of the identity provider that vouches for him.
    pub(super) provider: String,
}

impl Role {
    /// Both ARNs, in either order.
    fn read(text: &str) -> Option<Self> {
        let arns: Vec<_> = text.split(',').map(str::trim).collect();
        let of = |kind: &str| arns.iter().find(|arn| is_arn(arn, kind)).map(|arn| (*arn).to_owned());
        Some(Self { role: of("role/")?, provider: of("saml-provider/")? })
    }

    /// The role's name, without its path.
    fn name(&self) -> &str {
        self.role.rsplit('/').next().unwrap_or_default()
    }
}

/// `arn:aws:iam::123456789012:role/…`, in any of AWS's partitions.
fn is_arn(text: &str, kind: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut is = |check: &dyn Fn(&str) -> bool| parts.next().is_some_and(check);
    text.len() <= LONGEST_ARN
        && is(&|it| it == "arn")
        && is(&|it| it.starts_with("aws") && it.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        && is(&|it| it == "iam")
        && is(&str::is_empty)
        && is(&|it| it.bytes().all(|byte| byte.is_ascii_digit()))
        && is(&|it| {
            it.strip_prefix(kind)
                .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))
        })
}

/// What an assertion states of a user.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Statement {
    roles: Vec<Role>,
    /// Its other attributes, each with its values.
    attributes: BTreeMap<String, Vec<String>>,
}

impl Statement {
    /// Of an assertion in base64.
    pub(super) fn read(assertion: &str) -> Result<Self, LoginError> {
        let unreadable = || unusable(Unusable::Assertion);
        let xml = STANDARD.decode(assertion).map_err(|_| unreadable())?;
        let xml = std::str::from_utf8(&xml).map_err(|_| unreadable())?;
        // No entities of its own, and nothing from elsewhere.
        let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, entity_resolver: None };
        let document = Document::parse_with_options(xml, options).map_err(|_| unreadable())?;
        let is = |node: &roxmltree::Node<'_, '_>, name: &str| node.is_element() && node.tag_name().name() == name;
        let mut attributes = BTreeMap::<String, Vec<String>>::new();
        for attribute in document.descendants().filter(|node| is(node, "Attribute")) {
            let Some(name) = attribute.attribute("Name") else { continue };
            let values = attribute.children().filter(|node| is(node, "AttributeValue"));
            let values = values.filter_map(|value| value.text()).map(|text| text.trim().to_owned());
            attributes.entry(name.to_owned()).or_default().extend(values.filter(|text| !text.is_empty()));
        }
        let roles = attributes.remove(ROLE).unwrap_or_default();
        let mut roles: Vec<_> = roles.iter().filter_map(|text| Role::read(text)).collect();
        roles.sort_by(|one, other| one.role.cmp(&other.role));
        roles.dedup_by(|one, other| one.role == other.role);
        if roles.is_empty() { Err(unusable(Unusable::NoRoles)) } else { Ok(Self { roles, attributes }) }
    }

    /// The role that is meant by its ARN, by its name, or by the end of its name, if it is one alone.
    pub(super) fn role(&self, meant: &str) -> Result<&Role, LoginError> {
        let by = |fits: &dyn Fn(&Role) -> bool| self.roles.iter().filter(|role| fits(role)).collect::<Vec<_>>();
        let ways: [&dyn Fn(&Role) -> bool; 3] =
            [&|role| role.role == meant, &|role| role.name() == meant, &|role| role.name().ends_with(meant)];
        let listed = |roles: &[&Role]| {
            let mut listed: Vec<_> = roles.iter().take(MOST_LISTED).map(|role| role.role.clone()).collect();
            if roles.len() > MOST_LISTED {
                listed.push(format!("and {} more", roles.len() - MOST_LISTED));
            }
            listed
        };
        match ways.into_iter().map(by).find(|fitting| !fitting.is_empty()).as_deref() {
            Some([role]) => Ok(*role),
            Some(several) => Err(LoginError::AmbiguousRole { role: meant.to_owned(), fitting: listed(several) }),
            None => {
                let all: Vec<_> = self.roles.iter().collect();
                Err(LoginError::NoSuchRole { role: meant.to_owned(), offered: listed(&all) })
            }
        }
    }

    fn value(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute)?.first().map(String::as_str)
    }

    fn of_redshift(&self, attribute: &str) -> Option<&str> {
        self.value(&format!("{OF_REDSHIFT}{attribute}"))
    }

    fn says(&self, attribute: &str) -> bool {
        self.of_redshift(attribute).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The user of the database to ask for: the one of the spec, unless the application may override it; else the application's,
    /// and without one the name of the session.
    pub(super) fn database_user(&self, of_spec: Option<&str>) -> Result<String, LoginError> {
        let own = self.of_redshift("DbUser").or_else(|| self.value(SESSION_NAME));
        let chosen = if self.says("AllowDbUserOverride") { own.or(of_spec) } else { of_spec.or(own) };
        let chosen = chosen.ok_or_else(|| unusable(Unusable::NoDatabaseUser))?;
        Ok(if self.says("ForceLowercase") { chosen.to_lowercase() } else { chosen.to_owned() })
    }

    /// Whether a user that isn't there is to be created.
    pub(super) fn auto_create(&self) -> bool {
        self.says("AutoCreate")
    }

    /// The groups to be in for a session.
    pub(super) fn groups(&self) -> Vec<String> {
        let groups = self.attributes.get(&format!("{OF_REDSHIFT}DbGroups"));
        let mut groups: Vec<_> = groups.into_iter().flatten().map(|group| group.to_lowercase()).collect();
        groups.sort();
        groups
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    const ADMIN: &str = "arn:aws:iam::123456789012:role/redshift/admin";
    const PROVIDER: &str = "arn:aws:iam::123456789012:saml-provider/Okta";

    fn attribute(name: &str, values: &[&str]) -> String {
        let values: String =
            values.iter().map(|value| format!("<saml2:AttributeValue>{value}</saml2:AttributeValue>")).collect();
        format!(r#"<saml2:Attribute Name="{name}">{values}</saml2:Attribute>"#)
    }

    fn document(attributes: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<saml2p:Response xmlns:saml2p="urn:oasis:names:tc:SAML:2.0:protocol"><saml2:Assertion
 xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion"><saml2:AttributeStatement>{attributes}</saml2:AttributeStatement>
</saml2:Assertion></saml2p:Response>"#
        )
    }

    fn statement(roles: &[String], others: &[(&str, &[&str])]) -> Statement {
        let roles: Vec<_> = roles.iter().map(String::as_str).collect();
        let others: String =
            others.iter().map(|(name, values)| attribute(&format!("{OF_REDSHIFT}{name}"), values)).collect();
        let session = attribute(SESSION_NAME, &["alice@example.com"]);
        let xml = document(&format!("{}{session}{others}", attribute(ROLE, &roles)));
        Statement::read(&STANDARD.encode(xml)).unwrap()
    }

    fn role(name: &str) -> String {
        format!("arn:aws:iam::123456789012:role/{name},{PROVIDER}")
    }

    fn why(result: Result<impl std::fmt::Debug, LoginError>) -> Unusable {
        match result.unwrap_err() {
            LoginError::Unusable { why, .. } => why,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn the_field_of_the_page_is_found_whatever_stands_around_it() {
        for page in [
            r#"<form><input name="SAMLResponse" type="hidden" value="QUJD&#x2b;&#x3d;"/></form>"#,
            "<INPUT\n TYPE=hidden VALUE='QUJD&plus;&#61;' NAME=SAMLResponse>",
            r#"<!-- <input name="SAMLResponse" value="no"> --><p title="<input name='SAMLResponse' value='no'>"><input value="QUJD+=" name="SAMLResponse">"#,
            "\u{feff}<input name=\"RelayState\" value=\"x\"><input name=\"SAMLResponse\" value=\"QUJD\n+\r\n=\">",
        ] {
            assert_eq!(in_page(page.as_bytes()).unwrap(), "QUJD+=", "{page}");
        }
    }

    #[test]
    fn a_page_without_the_field_has_no_assertion() {
        for page in [
            "",
            "{}",
            "<html><form id=login><input name=username></form></html>",
            r#"<input name="SAMLResponse">"#,
            r#"<input name="SAMLResponse" value="">"#,
            r#"<!-- <input name="SAMLResponse" value="no">"#,
            r#"<textarea name="SAMLResponse">QUJD</textarea>"#,
        ] {
            assert_eq!(why(in_page(page.as_bytes())), Unusable::NoAssertion, "{page}");
        }
    }

    #[test]
    fn a_role_is_read_with_its_provider_in_either_order_and_any_partition() {
        for (text, expected) in [
            (format!("{ADMIN},{PROVIDER}"), ADMIN),
            (format!(" {PROVIDER} , {ADMIN} "), ADMIN),
            ("arn:aws-cn:iam::1:role/a,arn:aws-cn:iam::1:saml-provider/b".to_owned(), "arn:aws-cn:iam::1:role/a"),
            (
                "arn:aws-us-gov:iam::1:role/a,arn:aws-us-gov:iam::1:saml-provider/b".to_owned(),
                "arn:aws-us-gov:iam::1:role/a",
            ),
        ] {
            assert_eq!(statement(&[text], &[]).roles[0].role, expected);
        }
        for text in
            [ADMIN, PROVIDER, "arn:aws:s3:::role/x,arn:aws:iam::1:saml-provider/b", "arn:aws:iam::1:role/,x", ","]
        {
            let xml = document(&attribute(ROLE, &[text]));
            assert_eq!(why(Statement::read(&STANDARD.encode(xml))), Unusable::NoRoles, "{text}");
        }
    }

    #[test]
    fn a_role_is_meant_by_its_arn_its_name_or_the_end_of_its_name_and_by_nothing_that_fits_two() {
        let roles = ["redshift/admin", "spectrum-admin", "audit-reader", "finance-reader"].map(role);
        let statement = statement(&roles, &[]);
        for (meant, expected) in [
            (ADMIN, "redshift/admin"),
            ("admin", "redshift/admin"),
            ("m-admin", "spectrum-admin"),
            ("audit-reader", "audit-reader"),
        ] {
            assert!(statement.role(meant).unwrap().role.ends_with(expected), "{meant}");
        }
        let ambiguous = statement.role("reader").unwrap_err().to_string();
        assert!(ambiguous.contains("role/audit-reader, ") && ambiguous.contains("role/finance-reader"), "{ambiguous}");
        assert!(!ambiguous.contains("admin"), "{ambiguous}");
        let unknown = statement.role("owner").unwrap_err().to_string();
        assert!(unknown.contains("`owner` is none") && unknown.contains(ADMIN), "{unknown}");
        let many: Vec<_> = (0..500).map(|number| role(&format!("x{number}-y"))).collect();
        assert!(self::statement(&many, &[]).role("y").unwrap_err().to_string().ends_with("and 480 more"));
    }

    #[test]
    fn the_same_role_name_in_two_accounts_is_not_one_role() {
        let other = format!("arn:aws:iam::210987654321:role/admin,{PROVIDER}");
        let statement = statement(&[role("admin"), other], &[]);
        assert!(matches!(statement.role("admin"), Err(LoginError::AmbiguousRole { .. })));
        statement.role("arn:aws:iam::210987654321:role/admin").unwrap();
    }

    #[test]
    fn the_user_of_the_database_is_the_specs_unless_the_application_may_override_it() {
        let roles = [role("admin")];
        let user = |others: &[(&str, &[&str])], of_spec| statement(&roles, others).database_user(of_spec).unwrap();
        assert_eq!(user(&[], None), "alice@example.com");
        assert_eq!(user(&[("DbUser", &["Alice"])], None), "Alice");
        assert_eq!(user(&[("DbUser", &["Alice"])], Some("bob")), "bob");
        assert_eq!(user(&[("DbUser", &["Alice"]), ("AllowDbUserOverride", &["true"])], Some("bob")), "Alice");
        assert_eq!(user(&[("DbUser", &["Alice"]), ("ForceLowercase", &["TRUE"])], None), "alice");
        let more = statement(&roles, &[("AutoCreate", &["true"]), ("DbGroups", &["Writers", "admins"])]);
        assert!(more.auto_create());
        assert_eq!(more.groups(), ["admins", "writers"]);
        let xml = document(&attribute(ROLE, &[&role("admin")]));
        let nobody = Statement::read(&STANDARD.encode(xml)).unwrap();
        assert_eq!(why(nobody.database_user(None)), Unusable::NoDatabaseUser);
    }

    #[test]
    fn what_is_no_assertion_is_refused_and_bombs_do_not_go_off() {
        let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        let wide = format!("<a>{}</a>", "<b/>".repeat(100_000));
        let laughs = r#"<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]><x>&c;</x>"#;
        let file = r#"<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>"#;
        for xml in ["", "not XML", "<a>", "<a></b>", "\0", &deep, &wide, laughs, file, "<a>&unknown;</a>"] {
            assert_eq!(
                why(Statement::read(&STANDARD.encode(xml))),
                Unusable::Assertion,
                "{}",
                &xml[..xml.len().min(60)]
            );
        }
        for text in ["!", "QUJ", "QUJD=", "=", &STANDARD.encode([0xff, 0xfe, 0x00])] {
            assert_eq!(why(Statement::read(text)), Unusable::Assertion, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_page_holds_it_is_read_or_refused(page in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = in_page(&page);
        }

        #[test]
        fn whatever_is_changed_in_a_page_or_an_assertion_it_is_read_or_refused(
            at in any::<prop::sample::Index>(), piece in "[<>&;!\\[\\]=\"'/a-z#x0-9\\x00 ]{0,12}", cut in 0_usize..40, inside in any::<bool>(),
        ) {
            let xml = document(&format!("{}{}", attribute(ROLE, &[&role("admin")]), attribute(SESSION_NAME, &["a"])));
            let splice = |text: &str| {
                let mut bytes = text.as_bytes().to_vec();
                let from = at.index(bytes.len());
                let to = (from + cut).min(bytes.len());
                bytes.splice(from..to, piece.bytes());
                bytes
            };
            if inside {
                let _ = Statement::read(&STANDARD.encode(splice(&xml)));
            } else {
                let page = format!("<html><form><input name=\"SAMLResponse\" value=\"{}\"></form>", STANDARD.encode(&xml));
                if let Ok(assertion) = in_page(&splice(&page)) {
                    let _ = Statement::read(&assertion);
                }
            }
        }
    }
}
