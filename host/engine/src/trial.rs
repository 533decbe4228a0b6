//! The trial run of a WASM module before anybody's request meets it: sample facts, and facts as large as they come.

use cronflow_policy_cases::{Attributes, Facts as Plain, Value};

use crate::error::GateErrorKind;
use crate::module::Fault;
use crate::upload::{Cost, CostUnit};
use crate::wasm::{Fuel, Guest, GuestFacts};

/// Bytes of facts as JSON, at most: the published cap (`facts_bytes` of the shipped catalog).
const FACTS_BYTES: usize = 64 << 10;
/// Bytes of one attribute, and how many there may be: as in the shipped catalog.
const ATTRIBUTE_BYTES: usize = 1_024;

/// What the trial found out.
#[derive(Debug)]
pub(crate) struct Trial {
    /// What the module says that it does.
    pub(crate) description: String,
    /// What it burnt.
    pub(crate) cost: Cost,
}

/// Runs a module on its settings, on sample facts and on the largest.
pub(crate) fn run(guest: &Guest, settings: &Attributes) -> Result<Trial, Vec<GateErrorKind>> {
    let stop = |message: String| vec![GateErrorKind::Trial(message)];
    match guest.validate_settings(settings) {
        Ok(Ok(())) => {}
        Ok(Err(message)) => {
            return Err(vec![GateErrorKind::Settings(format!("the module refuses its settings: {message}"))]);
        }
        Err(fault) => return Err(stop(format!("`validate-settings` {}", told(fault, guest)))),
    }
    let description = guest.describe().map_err(|fault| stop(format!("`describe` {}", told(fault, guest))))?;
    let (sample, largest) = (Plain::sample(), largest());
    let mut errors = Vec::new();
    let mut burn = |name: &str, facts: &Plain| {
        let mut fuel = Fuel(guest.limits().fuel);
        let (verdict, spent) = guest.evaluate(&GuestFacts::new(facts.as_ref()), settings, &mut fuel);
        if let Err(fault) = verdict {
            errors.extend(stop(format!("with {name} `evaluate` {}", told(fault, guest))));
        }
        spent.fuel
    };
    let typical = burn("sample facts", &sample);
    let at_most = burn("facts at their cap of 64 KiB", &largest);
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Trial { description, cost: Cost { unit: CostUnit::Fuel, typical, at_most, limit: guest.limits().fuel } })
}

/// A fault, as a sentence's end that says what to do.
pub(crate) fn told(fault: Fault, guest: &Guest) -> String {
    let limits = guest.limits();
    match fault {
        Fault::OutOfFuel => format!("burns more than {} fuel; make it do less", limits.fuel),
        Fault::Trap => "traps: it panics, overflows its stack or touches memory that it does not have".to_owned(),
        Fault::OutOfTime => format!("takes longer than {} ms; make it do less", limits.deadline_ms),
        Fault::NoRoom => "found no free instance; try again".to_owned(),
        Fault::Answer | Fault::Evaluation | Fault::Panic => format!(
            "does not answer as the world `cronflow:policy/policy@1` says, with types, allocation and reason codes as it wants \
             them, in {} KiB of memory",
            limits.memory_bytes >> 10
        ),
    }
}

/// Facts at the cap: lists as long and attributes as large as the host lets through.
fn largest() -> Plain {
    let mut facts = Plain::sample();
    let texts = |count: usize, bytes: usize| (0..count).map(|i| format!("{i:0bytes$}")).collect::<Vec<String>>();
    facts.principal.scopes = texts(100, 40);
    facts.principal.ip_allow = Some(texts(200, 18));
    if let Some(workspace) = &mut facts.workspace {
        workspace.ip_allow = Some(texts(200, 18));
        workspace.egress_allow = Some(texts(200, 18));
    }
    facts.request.path = Some(format!("/{}", "p".repeat(2_000)));
    facts.context.insert("texts".to_owned(), Value::Texts(texts(24, 200)));
    let size = |facts: &Plain| serde_json::to_vec(facts).map_or(usize::MAX, |json| json.len());
    let mut room = FACTS_BYTES.saturating_sub(size(&facts));
    for place in 0.. {
        let bytes = ATTRIBUTE_BYTES.min(room.saturating_sub(24));
        if bytes == 0 {
            break;
        }
        let attributes = if place % 2 == 0 { &mut facts.context } else { &mut facts.resource.attributes };
        attributes.insert(format!("a{place}"), Value::Text("x".repeat(bytes)));
        room = FACTS_BYTES.saturating_sub(size(&facts));
    }
    facts
}
