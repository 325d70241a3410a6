//! What a document is: a payload for Redshift, something else that is left out, or nothing that could be converted.

use super::attributes;
use super::payload::{Reader, Weight};
use crate::cli::input::{Content, Node};
use crate::cli::schema::nearest;

/// The `type` that is converted.
const REDSHIFT: &str = "Redshift";

/// Other types of integrations.
const OTHERS: [&str; 11] = [
    "Snowflake",
    "Databricks",
    "Databricks Unity Catalog",
    "Azure Synapse Analytics",
    "Azure Synapse",
    "Google BigQuery",
    "BigQuery",
    "Starburst (Trino)",
    "Trino",
    "S3",
    "Native S3",
];

/// Whether this is a payload for Redshift; says of anything else what it is.
pub fn is_of_redshift(reader: &mut Reader<'_>, root: &Node) -> bool {
    let text = |name: &str| root.at(&[name]).and_then(Node::text);
    let has = |name: &str| root.field(name).is_some();
    if !matches!(root.content, Content::Fields(_)) {
        let message = "this is no payload: write a block with type, autoBootstrap and config, or a list of such blocks";
        reader.mistake(root.place, message);
        return false;
    }
    if let (Some(_), Some(kind)) = (text("apiVersion"), text("kind")) {
        reader.remark(
            Weight::Note,
            root.place,
            format!("a manifest of the kind {kind} is left out: it is for Kubernetes already"),
        );
        return false;
    }
    if has("statusCode") {
        let message = "this is an error of the API's, which says nothing of an integration; give the payload of the request, or \
                       what GET /integrations returns";
        reader.mistake(root.place, message);
        return false;
    }
    if !has("config") && (has("validationResults") || has("id") && has("status")) {
        let message = "this is the answer to a request, which doesn't say what was asked for; give the payload of the request, \
                       or what GET /integrations/{id} returns";
        reader.mistake(root.place, message);
        return false;
    }
    if !has("config") && !has("type") && has("authenticationType") {
        let message = "this is the payload of a deletion, which needs no conversion: run `kubectl delete rsi NAME`; the operator \
                       takes the credentials from the Secret that the resource names";
        reader.mistake(root.place, message);
        return false;
    }
    if !has("type") {
        // What else is there isn't looked at, since nobody knows what it should be.
        let misspelled = root.fields().iter().find(|field| nearest(&field.name, ["type"]).is_some());
        let place = misspelled.map_or(root.place, |field| field.place);
        reader.mistake(place, "`type` is missing; write \"type\": \"Redshift\"");
        return false;
    }
    let Some(kind) = reader.needed_text(root, "", "type", "Redshift") else { return false };
    if kind == REDSHIFT {
        return true;
    }
    let is_known = OTHERS.iter().any(|other| other.eq_ignore_ascii_case(&kind));
    if !is_known && nearest(&kind, [REDSHIFT]).is_some() {
        let place = root.at(&["type"]).unwrap_or(root).place;
        reader.mistake(place, format!("there is no type `{kind}`; did you mean `{REDSHIFT}`?"));
        return false;
    }
    let message =
        format!("an integration of the type {kind} is left out: only those of the type Redshift are converted");
    reader.remark(Weight::Note, root.place, message);
    false
}

/// Says that what answers hold besides isn't taken over; whether there is any of it.
pub fn note_what_answers_hold(reader: &mut Reader<'_>, root: &Node) -> bool {
    let field = root.fields().iter().find(|field| attributes::OF_ANSWERS.contains(&field.name.as_str()));
    if let Some(field) = field {
        let message = "id, status and validationResults aren't taken over: they say how it was in the former system";
        reader.remark(Weight::Note, field.place, message);
    }
    field.is_some()
}
