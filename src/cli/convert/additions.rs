//! What the payloads of the API have no place for, and the resource needs in some cases: `--set NAME=VALUE`.

use super::refusals;
use crate::cli::input::{Content, Field, Node};
use crate::cli::schema::nearest;

/// What can be added.
const NAMES: [&str; 7] = [
    "databaseMode",
    "systemAccount.name",
    "okta.appName",
    "aws.region",
    "aws.clusterIdentifier",
    "aws.workgroup",
    "aws.databaseUser",
];

/// Those that say which warehouse it is.
const OF_ONE_WAREHOUSE: [&str; 2] = ["aws.clusterIdentifier", "aws.workgroup"];

/// An attribute of `config` that is added to each integration which takes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Addition {
    name: &'static str,
    value: String,
}

/// Reads what stands behind `--set`.
pub fn addition(text: &str) -> Result<Addition, String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    let name = name.strip_prefix("config.").unwrap_or(name);
    let Some(name) = NAMES.into_iter().find(|known| *known == name) else {
        let can_be = format!("what can be set are {}", NAMES.join(", "));
        let meant = nearest(name, NAMES).map(|meant| format!("did you mean {meant}? "));
        return Err(meant.unwrap_or_default() + &can_be);
    };
    if value.is_empty() { Err("the value is empty".to_owned()) } else { Ok(Addition { name, value: value.to_owned() }) }
}

impl Addition {
    /// As it was written.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it can be true of one warehouse alone.
    pub fn is_of_one_warehouse(&self) -> bool {
        OF_ONE_WAREHOUSE.contains(&self.name)
    }

    /// Adds it to a payload that takes it, in the place of what stands there; whether this is one.
    pub fn add(&self, root: &mut Node) -> bool {
        let text = |name: &str| root.at(&["config", name]).and_then(Node::text);
        let kind = text("authenticationType").unwrap_or_default();
        let tells = text("host").is_some_and(refusals::tells_its_warehouse);
        let takes = match self.name.split_once('.') {
            Some(("aws", "databaseUser")) => ["accessKey", "iam", "okta"].contains(&kind),
            Some(("aws", _)) => ["accessKey", "iam", "okta"].contains(&kind) && !tells,
            Some(("okta", _)) => kind == "okta" && root.at(&["config", "okta"]).is_some(),
            _ => true,
        };
        let Some(config) = field(root, "config").filter(|_| takes) else { return false };
        let holder = match self.name.split_once('.') {
            None => Some(config),
            Some((block, _)) => {
                put_if_missing(config, block);
                field(config, block)
            }
        };
        let name = self.name.rsplit('.').next().unwrap_or(self.name);
        let Some(Node { place, content: Content::Fields(fields) }) = holder else { return false };
        let value = Node { place: *place, content: Content::Text(self.value.clone()) };
        fields.retain(|field| field.name != name);
        fields.push(Field { name: name.to_owned(), place: *place, value });
        true
    }
}

fn put_if_missing(node: &mut Node, name: &str) {
    if node.field(name).is_some() {
        return;
    }
    let place = node.place;
    if let Content::Fields(fields) = &mut node.content {
        let value = Node { place, content: Content::Fields(Vec::new()) };
        fields.push(Field { name: name.to_owned(), place, value });
    }
}

fn field<'n>(node: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    let Content::Fields(fields) = &mut node.content else { return None };
    fields.iter_mut().find(|field| field.name == name).map(|field| &mut field.value)
}
