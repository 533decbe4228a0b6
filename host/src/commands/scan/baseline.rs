//! What is known already: a file of fingerprints, one a line, with `#` before what is for people.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, bail};

/// Looked for in the folder that the command is run in.
const FILE: &str = ".cronflow-scan-ignore";
/// Characters of a fingerprint.
const LENGTH: usize = 32;

/// Fingerprints that are passed by. A file that is named must be there.
pub(super) fn read(file: Option<&Path>) -> anyhow::Result<BTreeSet<String>> {
    let path = file.unwrap_or(Path::new(FILE));
    if file.is_none() && !path.exists() {
        return Ok(BTreeSet::new());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("baseline `{}`", path.display()))?;
    parse(&text).with_context(|| format!("baseline `{}`", path.display()))
}

fn parse(text: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut known = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let fingerprint = line.split('#').next().unwrap_or_default().trim();
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match fingerprint.len() {
            0 => {}
            LENGTH if fingerprint.bytes().all(is_hex) => drop(known.insert(fingerprint.to_owned())),
            _ => bail!("line {number} is no fingerprint: {LENGTH} hexadecimal digits, as `scan` shows them"),
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_fingerprints_or_remarks() {
        let one = "0a".repeat(16);
        let known = parse(&format!("# known\n\n{one}  # revoked in May\r\n")).unwrap();
        assert_eq!(known.into_iter().collect::<Vec<_>>(), std::slice::from_ref(&one));
        for wrong in ["cf_prod_", &one[1..], &one.to_uppercase()] {
            let error = parse(&format!("\n{wrong}")).unwrap_err().to_string();
            assert!(error.contains("line 2") && !error.contains(wrong), "{error}");
        }
    }
}
