//! How much a request may cost is a straight line between two settings, which CEL could say too; that the settings make
//! sense is what Rust checks before the policy is ever bound.

use cronflow_policy::prelude::*;
use serde::Deserialize;

/// What may be set where the policy is bound; `manifest.toml` has the defaults.
#[derive(Deserialize)]
struct Settings {
    max_cost: Cost,
    max_cost_when_full: Cost,
    guarded: Vec<String>,
    exempt_networks: Vec<Network>,
}

/// Never negative: with such a limit nothing would pass, which nobody means.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
struct Cost(i64);

/// Forbids requests that state no cost, or cost more than a limit that shrinks with the queue's fill.
#[policy]
fn evaluate(facts: &Facts, settings: &Settings) -> Verdict {
    let is_exempt = |address: &String| settings.exempt_networks.iter().any(|network| network.contains(address));
    if !settings.guarded.contains(&facts.action.name) || facts.request.ip.as_ref().is_some_and(is_exempt) {
        return no_match();
    }
    let Some(cost) = facts.context.integer("cost") else {
        return forbid("cost_unknown", "state what the request costs as `cost` in the context");
    };
    // What does not say how full it is may be full.
    let fill = facts.resource.attributes.integer("fill_percent").unwrap_or(100).clamp(0, 100);
    let limit = settings.limit(fill);
    if (0..=limit).contains(&cost) {
        return no_match();
    }
    forbid("cost_too_high", format!("the request costs {cost}, and may cost {limit} now"))
}

impl Settings {
    /// The limit at a fill of so many percent.
    fn limit(&self, fill: i64) -> i64 {
        let (empty, full) = (i128::from(self.max_cost.0), i128::from(self.max_cost_when_full.0));
        let limit = empty + (full - empty) * i128::from(fill) / 100;
        i64::try_from(limit).unwrap_or(0)
    }
}

impl TryFrom<i64> for Cost {
    type Error = &'static str;

    fn try_from(cost: i64) -> Result<Self, Self::Error> {
        if cost < 0 { Err("a cost can't be negative") } else { Ok(Self(cost)) }
    }
}

#[cfg(test)]
mod tests {
    use cronflow_policy::facts::Value;
    use cronflow_policy::testing;

    use super::*;

    #[test]
    fn every_case_passes() {
        testing::check_cases(&POLICY, include_str!("../manifest.toml"), include_str!("../cases.toml"));
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_before_they_are_bound() {
        let with = |name: &str, value: Value| {
            let given: [(&str, Value); 4] = [
                ("max_cost", 100.into()),
                ("max_cost_when_full", 10.into()),
                ("guarded", ["jobs.create"].into()),
                ("exempt_networks", Value::Texts(Vec::new())),
            ];
            let given = given.map(|(known, default)| Attribute {
                name: known.to_owned(),
                value: if known == name { value.clone() } else { default },
            });
            POLICY.validate_settings(&given)
        };
        assert_eq!(with("max_cost", 0.into()), Ok(()));
        assert_eq!(with("max_cost", (-1).into()).unwrap_err(), "setting `max_cost`: a cost can't be negative");
        assert!(with("exempt_networks", ["10.0.0.1"].into()).unwrap_err().contains("`10.0.0.1` is no network"));
    }
}
