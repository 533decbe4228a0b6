//! Anything at all as the source of a CEL policy.

use access_engine::GateErrorKind;

use crate::{Judge, facts, package};

/// The gate refuses it, with places, or it can be evaluated on any facts.
pub fn cel_source(data: &[u8]) {
    let refused = match package(data).and_then(Judge::of) {
        Ok(judge) => {
            facts::shapes().iter().for_each(|facts| judge.judge(facts));
            return;
        }
        Err(refused) => refused,
    };
    assert!(!refused.is_empty(), "refused without a reason");
    for error in refused {
        // a panic of the gate is told as this
        assert!(error.kind != GateErrorKind::Unverifiable, "could not be verified");
        assert!(error.position.is_some() || error.kind == GateErrorKind::NotText, "no place: {error}");
    }
}
