//! The descriptions in the schema, which are doc comments: those end their lines where the source does, and
//! `kubectl explain` would end them there as well.

use serde_json::Value;

/// Lets all descriptions of a schema flow.
pub(super) fn flow(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    // A field of that name would have a schema, and no text.
                    Value::String(text) if name == "description" => *text = flowing(text),
                    _ => flow(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(flow),
        _ => {}
    }
}

/// The text with a line for each paragraph and each item of a list.
fn flowing(text: &str) -> String {
    let mut flowing = String::new();
    let mut before = "";
    for line in text.lines().map(str::trim) {
        if !line.is_empty() {
            flowing.push_str(match before {
                _ if flowing.is_empty() => "",
                "" => "\n\n",
                _ if begins_item(line) => "\n",
                _ => " ",
            });
            flowing.push_str(line);
        }
        before = line;
    }
    flowing
}

/// Whether a line begins an item of a list, as Markdown has it.
fn begins_item(line: &str) -> bool {
    let number = line.trim_start_matches(|sign: char| sign.is_ascii_digit());
    let is_numbered = number.len() < line.len() && number.starts_with(". ");
    is_numbered || ["- ", "* ", "+ "].iter().any(|sign| line.starts_with(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All descriptions, with where they stand.
    fn descriptions(schema: &Value, path: &str, found: &mut Vec<(String, String)>) {
        let Some(fields) = schema.as_object() else { return };
        if let Some(text) = fields.get("description").and_then(Value::as_str) {
            found.push((path.to_owned(), text.to_owned()));
        }
        for (name, field) in fields.get("properties").and_then(Value::as_object).into_iter().flatten() {
            descriptions(field, &format!("{path}.{name}"), found);
        }
        if let Some(items) = fields.get("items") {
            descriptions(items, &format!("{path}[]"), found);
        }
    }

    #[test]
    fn no_description_breaks_a_line_within_a_sentence() {
        let mut found = Vec::new();
        for kind in crate::api::Kind::ALL {
            descriptions(&kind.crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "", &mut found);
        }
        assert!(found.len() > 50, "only {} fields have a description", found.len());
        for (path, text) in found {
            let lines: Vec<_> = text.lines().collect();
            for pair in lines.windows(2) {
                let is_break = !pair[0].is_empty() && !pair[1].is_empty() && !begins_item(pair[1]);
                assert!(!is_break, "the description of {path} breaks off: {pair:?}");
            }
        }
    }

    #[test]
    fn paragraphs_and_lists_keep_their_breaks() {
        let text = "One goes\non.\n\nTwo:\n- an item,\n  which goes on;\n- 2.5 items;\n1. one\n2. two.\n\nThree\nends.";
        let expected = "One goes on.\n\nTwo:\n- an item, which goes on;\n- 2.5 items;\n1. one\n2. two.\n\nThree ends.";
        assert_eq!(flowing(text), expected);
    }

    #[test]
    fn a_field_that_is_called_description_is_no_description() {
        let mut schema =
            serde_json::json!({"properties": {"description": {"type": "string", "description": "One\ntwo."}}});
        flow(&mut schema);
        assert_eq!(schema["properties"]["description"]["description"], "One two.");
    }
}
