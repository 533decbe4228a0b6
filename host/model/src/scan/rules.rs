//! What other scanners are to look for, in their own formats, from the catalog.
//!
//! gitleaks and secretlint go by the look of a secret alone; detect-secrets runs code, which looks at the checksum as well.

use std::fmt::Write as _;

use serde_json::json;

use super::{Shape, WEBHOOK, shapes};
use crate::catalog::Catalog;
use crate::secret::TAIL_LENGTH;

/// Another scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// gitleaks: a configuration in TOML.
    Gitleaks,
    /// detect-secrets: a plugin in Python.
    DetectSecrets,
    /// secretlint: a configuration of its rule `pattern`, in JSON.
    Secretlint,
}

impl Other {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gitleaks, Self::DetectSecrets, Self::Secretlint];

    /// As it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gitleaks => "gitleaks",
            Self::DetectSecrets => "detect-secrets",
            Self::Secretlint => "secretlint",
        }
    }

    /// The file that it reads.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Gitleaks => "gitleaks.toml",
            Self::DetectSecrets => "detect_secrets.py",
            Self::Secretlint => "secretlintrc.json",
        }
    }

    /// That file, for the secrets of a catalog.
    pub fn rules(self, catalog: &Catalog) -> String {
        let (shapes, service) = (shapes(catalog), catalog.sign_in.service.as_str());
        match self {
            Self::Gitleaks => gitleaks(&shapes, service),
            Self::DetectSecrets => detect_secrets(&shapes, service),
            Self::Secretlint => secretlint(&shapes, service),
        }
    }
}

/// What follows a prefix: two digits of home, then letters and digits.
fn tail() -> String {
    format!("[0-9]{{2}}[0-9A-Za-z]{{{}}}", TAIL_LENGTH - 2)
}

/// Lower case, digits and hyphens.
fn slug(text: &str) -> String {
    text.to_lowercase().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}

fn described(shape: &Shape, service: &str) -> String {
    let what = if shape.kind == WEBHOOK { "a webhook".to_owned() } else { format!("the kind {}", shape.kind) };
    format!("{service}: a secret of {what}")
}

fn gitleaks(shapes: &[Shape], service: &str) -> String {
    let mut text = "# Generated from the catalog by `cronflow-access scan rules --for gitleaks`.\n\
        # Merge it into a .gitleaks.toml, or name it with --config. It goes by looks: checksums are not looked at.\n\n\
        [extend]\nuseDefault = true\n"
        .to_owned();
    for shape in shapes {
        let (kind, prefix, tail) = (slug(&shape.kind), &shape.prefix, tail());
        let description = toml::Value::String(described(shape, service));
        let _ = write!(
            text,
            "\n[[rules]]\nid = \"{}-{kind}\"\ndescription = {description}\nregex = '''{prefix}{tail}'''\n\
             keywords = [\"{prefix}\"]\n",
            slug(service)
        );
    }
    text
}

fn secretlint(shapes: &[Shape], service: &str) -> String {
    let patterns = shapes.iter().map(|shape| {
        let pattern = format!("/{}{}/", shape.prefix, tail());
        json!({ "name": described(shape, service), "patterns": [pattern] })
    });
    let rule = json!({
        "id": "@secretlint/secretlint-rule-pattern",
        "options": { "patterns": patterns.collect::<Vec<_>>() },
    });
    format!("{:#}\n", json!({ "rules": [rule] }))
}

fn detect_secrets(shapes: &[Shape], service: &str) -> String {
    let prefixes: Vec<&str> = shapes.iter().map(|shape| shape.prefix.as_str()).collect();
    let (prefixes, tail, service) = (prefixes.join("|"), tail(), json!(service));
    format!(
        r#""""A plugin for detect-secrets: `detect-secrets scan --plugin detect_secrets.py`.

Generated from the catalog by `cronflow-access scan rules --for detect-secrets`.
"""

import re
import zlib

from detect_secrets.plugins.base import RegexBasedDetector

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKSUM = 6


def checksum(covered):
    """CRC-32 in base 62, the most significant digit first."""
    rest, digits = zlib.crc32(covered.encode()), ""
    for _ in range(CHECKSUM):
        rest, digit = divmod(rest, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits


class CatalogDetector(RegexBasedDetector):
    """Finds what begins, goes on and adds up like a secret of ours."""

    secret_type = {service}
    denylist = [re.compile(r"(?:{prefixes}){tail}")]

    def analyze_string(self, string):
        for found in super().analyze_string(string):
            if found[-CHECKSUM:] == checksum(found[:-CHECKSUM]):
                yield found
"#
    )
}
