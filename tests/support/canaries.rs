//! The forms in which a secret could show.

/// A text in all of them: as it is, escaped, and as bytes in decimal, hex and base64. `dev/secrets-search` looks for the
/// same.
pub fn in_all_forms(secret: &str) -> Vec<String> {
    let mut forms = of_bytes(secret.as_bytes());
    forms.push(secret.to_owned());
    forms.push(serde_json::to_string(secret).unwrap().trim_matches('"').to_owned());
    forms.push(secret.escape_debug().to_string());
    forms.push(secret.escape_unicode().to_string());
    let utf_16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    forms.extend(of_bytes(&utf_16));
    forms.sort();
    forms.dedup();
    forms
}

fn of_bytes(bytes: &[u8]) -> Vec<String> {
    let decimal: Vec<_> = bytes.iter().map(u8::to_string).collect();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![decimal.join(", "), decimal.join(","), hex.to_uppercase(), hex];
    // Whatever stands before it: the characters that depend on that, and on what stands behind, are left out.
    forms.extend((0..3).map(|before| {
        let shifted = [&vec![0; before][..], bytes].concat();
        let whole = shifted.len() / 3 * 4;
        let encoded = base64(&shifted);
        encoded[[0, 2, 3][before]..whole].to_owned()
    }));
    forms
}

fn base64(bytes: &[u8]) -> String {
    let encoded = serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec())).unwrap();
    encoded.as_str().unwrap().to_owned()
}

#[test]
fn a_secret_is_found_in_whatever_form_and_wherever_it_stands() {
    let forms = in_all_forms("Canary-7f3a");
    let shown = |text: &str| forms.iter().any(|form| text.contains(form.as_str()));
    for before in ["", "x", "xy", "xyz"] {
        let text = format!("{before}Canary-7f3a and more");
        assert!(
            shown(&text) && shown(&base64(text.as_bytes())) && shown(&format!("{:?}", text.as_bytes())),
            "{before}"
        );
    }
    let utf_16: Vec<u8> = "Canary-7f3a".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(shown(&format!("{utf_16:?}")));
    assert!(!shown("Canary-7f3"));
}
