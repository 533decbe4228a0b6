//! What came of a policy in force on this host: counted by atomics, never a write in a decision.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use access_engine::Heard;
use access_model::{Clock, Timestamp};
use cronflow_policy_cases::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quarantine::Quarantine;

/// Steps of the histogram of costs: four in each doubling.
const STEPS: usize = 128;

/// Counts since this host has had the revision in force.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    evaluations: AtomicU64,
    denials: AtomicU64,
    would_deny: AtomicU64,
    errors: AtomicU64,
    costs: OnceLock<Box<[AtomicU32]>>,
    pub(super) quarantine: Quarantine,
}

/// What came of a policy on a host, since it has had the revision in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyTally")]
pub struct TallyView {
    /// How often it was asked.
    pub evaluations: u64,
    /// How often it forbade.
    pub denials: u64,
    /// In monitor mode: how often it would have made a denial of an allow.
    pub would_have_denied: u64,
    /// How often it came to no verdict, which denies. In monitor mode also when it was not done on the little fuel that
    /// monitoring may burn; it might be done where it is enforced.
    pub errors: u64,
    /// WASM: the fuel that half of the evaluations stay within, to a fifth; null for CEL, whose report bounds it.
    pub cost_p50: Option<u64>,
    /// WASM: the fuel that 99 of a hundred stay within.
    pub cost_p99: Option<u64>,
    /// While it is in quarantine, because it exceeds its budget again and again: until when.
    #[serde(default)]
    pub quarantine_until: Option<Timestamp>,
}

impl Tally {
    /// Counts an evaluation.
    pub(crate) fn count(&self, heard: &Heard, would_deny: bool) {
        let add = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        add(&self.evaluations);
        match heard.effect {
            Ok(Effect::Permit | Effect::NoMatch) => 0,
            Ok(Effect::Forbid) => add(&self.denials),
            Err(_) => add(&self.errors),
        };
        if heard.effect.is_ok() {
            self.quarantine.kept();
        }
        if would_deny {
            add(&self.would_deny);
        }
        if heard.fuel > 0 {
            let costs = self.costs.get_or_init(|| (0..STEPS).map(|_| AtomicU32::new(0)).collect());
            if let Some(step) = costs.get(step_of(heard.fuel)) {
                step.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What was counted so far.
    pub(crate) fn view(&self, clock: &dyn Clock) -> TallyView {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TallyView {
            evaluations: read(&self.evaluations),
            denials: read(&self.denials),
            would_have_denied: read(&self.would_deny),
            errors: read(&self.errors),
            cost_p50: self.quantile(50),
            cost_p99: self.quantile(99),
            quarantine_until: self.quarantine.left(clock.monotonic()).map(|left| clock.now().plus(left)),
        }
    }

    /// The upper end of the step that so many of a hundred are within.
    fn quantile(&self, percent: u64) -> Option<u64> {
        let counts: Vec<u64> = self.costs.get()?.iter().map(|step| step.load(Ordering::Relaxed).into()).collect();
        let wanted = (counts.iter().sum::<u64>() * percent).div_ceil(100);
        let mut seen = 0;
        let step = counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(end_of(step))
    }
}

/// Costs below four have a step each, then each doubling has four.
fn step_of(fuel: u64) -> usize {
    if fuel < 4 {
        return fuel as usize;
    }
    let doubling = fuel.ilog2() as usize;
    (((doubling - 1) * 4) + (fuel >> (doubling - 2)) as usize % 4).min(STEPS - 1)
}

/// The largest cost of a step.
const fn end_of(step: usize) -> u64 {
    if step < 4 {
        return step as u64;
    }
    let doubling = step / 4 + 1;
    ((4 + (step % 4) as u64 + 1) << (doubling - 2)) - 1
}

#[cfg(test)]
mod tests {
    use access_model::clock::ManualClock;

    use super::*;

    #[test]
    fn costs_are_told_to_a_fifth() {
        for fuel in (0..100).chain([1_000, 23_456, 250_000, 9_999_999, 20_000_000, 4_000_000_000]) {
            let told = end_of(step_of(fuel));
            assert!(told >= fuel && told <= fuel + fuel / 4, "{fuel}: {told}");
        }
        let (tally, clock) = (Tally::default(), ManualClock::new(Timestamp::from_millis(0)));
        assert_eq!(tally.view(&clock).cost_p50, None);
        (1..=1_000).for_each(|fuel| tally.count(&Heard { place: 0, effect: Ok(Effect::NoMatch), fuel }, false));
        let TallyView { evaluations, cost_p50, cost_p99, .. } = tally.view(&clock);
        assert_eq!(evaluations, 1_000);
        assert!(cost_p50.is_some_and(|cost| (500..640).contains(&cost)), "{cost_p50:?}");
        assert!(cost_p99.is_some_and(|cost| (990..1_280).contains(&cost)), "{cost_p99:?}");
    }
}
