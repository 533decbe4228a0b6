//! Secrets to plant, and what looks like them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::process::workspace_root;
use harness::secret::with_checksum;
use toml::Table;

/// Characters of public id and randomness.
const ID: usize = 18;
const RANDOM: usize = 32;

/// A well-formed secret that nobody issued.
#[derive(Debug, Clone)]
pub(super) struct Plant {
    pub(super) kind: String,
    pub(super) secret: String,
    prefix: usize,
}

impl Plant {
    /// What may be shown of it.
    pub(super) fn shown(&self) -> String {
        format!("{}…", &self.secret[..self.prefix + ID])
    }

    /// What may not.
    pub(super) fn random(&self) -> &str {
        &self.secret[self.prefix + ID..self.prefix + ID + RANDOM]
    }

    /// The same in base64, behind what else stands there.
    pub(super) fn in_base64(&self, before: &str) -> String {
        STANDARD.encode(format!("{before}{}", self.secret))
    }
}

/// One of each kind in the shipped catalog, and of webhooks; another set for each `round`.
pub(super) fn one_of_each(round: usize) -> Vec<Plant> {
    let catalog = std::fs::read_to_string(workspace_root().join("policies/catalog.toml")).expect("the catalog");
    let catalog: Table = catalog.parse().expect("TOML");
    let kinds = catalog["kinds"].as_table().expect("kinds");
    let prefix = |kind: &toml::Value| kind["prefix"].as_str().expect("a prefix").to_owned();
    let mut sorts: Vec<(String, String)> = kinds.iter().map(|(name, kind)| (name.clone(), prefix(kind))).collect();
    sorts.push(("webhook".to_owned(), "whsec_".to_owned()));
    let plant = |(number, (kind, prefix)): (usize, (String, String))| Plant {
        secret: with_checksum(&format!("{prefix}{}", tail(round * 100 + number))),
        prefix: prefix.len(),
        kind,
    };
    sorts.into_iter().enumerate().map(plant).collect()
}

/// Two digits, then letters and digits; the same for the same number, and no two alike.
fn tail(number: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = number as u64 + 1;
    let mut digit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(DIGITS[(state >> 33) as usize % 62])
    };
    let home = format!("{:02}", number % 16);
    // Six at the end are replaced by the checksum.
    home.chars().chain((2..ID + RANDOM + 6).map(|_| digit())).collect()
}

/// Texts that are no secrets of ours, for all their looks.
pub(super) fn decoys(plants: &[Plant]) -> Vec<String> {
    let mut decoys = Vec::new();
    for Plant { secret, prefix, .. } in plants {
        let (end, middle) = (secret.len() - 1, prefix + 20);
        let other = if secret.ends_with('7') { '8' } else { '7' };
        decoys.push(format!("{}{other}", &secret[..end]));
        decoys.push(secret[..end].to_owned());
        decoys.push(format!("{}9{}", &secret[..middle], &secret[middle..]));
        decoys.push(format!("{}{}", &secret[..middle], &secret[middle + 1..]));
        decoys.push(format!("cf_test_{}", &secret[*prefix..]));
        decoys.push(format!("sk_live_{}", &secret[*prefix..]));
        decoys.push(secret[*prefix..].to_owned());
        decoys.push(format!("{}-{}", &secret[..prefix - 1], &secret[*prefix..]));
        decoys.push(secret.to_uppercase());
        decoys.push(format!("my_{}manager_for_jobs", &secret[..*prefix]));
        decoys.push(format!("{}{}", &secret[..*prefix], "x".repeat(56)));
        decoys.push(format!(
            "{}${{{}}}",
            &secret[..*prefix],
            "A_NAME_FROM_THE_ENVIRONMENT_THAT_IS_LONG_ENOUGH_TO_MATCH"
        ));
        decoys.push(STANDARD.encode(format!("{}{other}", &secret[..end])));
    }
    let others = [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "glpat-20-characters-here12",
        "xoxb-123456789012-1234567890123-abcdefghijklmnopqrstuvwx",
        "npm_abcdefghijklmnopqrstuvwxyz0123456789",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "sha512-Ae1+u3x8y7qZ0r5o9m2k4j6h8g1f3d5s7a9p0o2i4u6y8t1r3e5w7q9z0x2c4v6b8n1m3l5k7j9h==",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    ];
    decoys.extend(others.map(str::to_owned));
    decoys
}
