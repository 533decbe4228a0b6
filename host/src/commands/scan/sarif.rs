//! What was found, as SARIF 2.1.0: what code hosts show beside the code.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::leak::Leak;

/// The document.
pub(super) fn document(leaks: &[Leak]) -> Value {
    let kinds: BTreeSet<&str> = leaks.iter().map(|leak| leak.kind.as_str()).collect();
    let rules = kinds.iter().map(|kind| {
        json!({
            "id": kind,
            "shortDescription": { "text": format!("A secret of the kind {kind}") },
            "defaultConfiguration": { "level": "error" },
        })
    });
    let driver = json!({
        "name": "cronflow-access scan",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": rules.collect::<Vec<_>>(),
    });
    let results: Vec<Value> = leaks.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "results": results, "columnKind": "unicodeCodePoints" }],
    })
}

fn result(leak: &Leak) -> Value {
    let text = format!("{} {}; end it, and take it out of here", leak.kind, leak.secret);
    let uri: String = url_of(&leak.place.path);
    json!({
        "ruleId": leak.kind,
        "level": "error",
        "message": { "text": text },
        "partialFingerprints": { "secret/v1": leak.fingerprint },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri },
            "region": { "startLine": leak.line, "byteOffset": leak.offset },
        } }],
    })
}

/// A path as a relative URI reference (RFC 3986): what may not stand there is escaped.
fn url_of(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().fold(String::new(), |mut url, byte| {
        if is_plain(byte) {
            url.push(char::from(byte))
        } else {
            url.push_str(&format!("%{byte:02X}"))
        }
        url
    })
}

#[cfg(test)]
mod tests {
    use super::super::leak::Place;
    use super::*;

    #[test]
    fn each_has_its_rule_and_place() {
        let leak = Leak {
            kind: "production".into(),
            id: None,
            secret: "cf_prod_07…".into(),
            fingerprint: "0a".repeat(16),
            encoding: "plain",
            place: Place::file("src/a b.rs"),
            line: 3,
            column: 5,
            offset: 60,
            in_name: false,
        };
        let run = document(&[leak])["runs"][0].clone();
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "production");
        let place = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "src/a%20b.rs");
        assert_eq!(place["region"]["startLine"], 3);
        assert_eq!(document(&[])["runs"][0]["results"], json!([]));
    }
}
