//! A policy for tests, that says what it was told: what it says in a guest is held against what it says natively.

use cronflow_policy::prelude::*;
use serde::Deserialize;

/// One setting of each type.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read by `Debug`")]
pub struct Settings {
    truth: bool,
    number: i64,
    share: f64,
    text: String,
    texts: Vec<String>,
}

/// Forbids everything, and says the digest of all that it was told.
#[policy]
pub fn evaluate(facts: &Facts, settings: &Settings) -> Verdict {
    let told = format!("{facts:?} {settings:?}");
    // FNV-1a
    let digest = told
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    forbid("told", format!("{digest:016x} of {} bytes", told.len()))
}
