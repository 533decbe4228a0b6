//! A policy set: packages bound with settings and a mode, ready to decide.

use std::sync::Arc;

use cronflow_policy_cases::{Attributes, Decision, Effect, FactsRef, Verdict};
use sha2::{Digest, Sha256};

use crate::cel::limits;
use crate::combine::{Said, combine};
use crate::error::{GateError, GateErrorKind};
use crate::manifest::Category;
use crate::module::{Facts, Fault};
use crate::package::PolicyPackage;
use crate::trace::Trace;
use crate::wasm::{Fuel, Limits, Spent};

/// The most bindings of one set.
pub(crate) const BINDINGS_LIMIT: usize = 64;

/// Whether a binding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It counts.
    Enforce,
    /// It is evaluated apart, to be watched, and counts in no row of the table.
    Monitor,
}

/// Whose binding it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The installation's: it may grant.
    Platform,
    /// A tenant's: it may only narrow, and sees customer actions and token issuance only, so that it can't lock out its
    /// own cure.
    Tenant,
}

/// A package at a place in a set.
#[derive(Debug, Clone)]
pub struct Binding {
    /// What is bound.
    pub package: Arc<PolicyPackage>,
    /// Its settings, as given.
    pub settings: Attributes,
    /// Whether it counts.
    pub mode: Mode,
    /// Whose it is.
    pub origin: Origin,
}

impl Binding {
    /// A platform policy, enforced, with its default settings.
    pub fn platform(package: impl Into<Arc<PolicyPackage>>) -> Self {
        let package = package.into();
        Self { package, settings: Attributes::new(), mode: Mode::Enforce, origin: Origin::Platform }
    }

    /// A tenant's policy, enforced, with its default settings.
    pub fn tenant(package: impl Into<Arc<PolicyPackage>>) -> Self {
        Self { origin: Origin::Tenant, ..Self::platform(package) }
    }
}

/// Bindings in order, with everything worked out that can be before a decision. Immutable; swap the whole to change it.
#[derive(Debug)]
pub struct PolicySet {
    bindings: Vec<Bound>,
    digest: String,
}

#[derive(Debug)]
struct Bound {
    place: usize,
    package: Arc<PolicyPackage>,
    settings: Attributes,
    mode: Mode,
    origin: Origin,
}

/// What one binding says to some facts, for logs, explanations and monitor mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation<'a> {
    /// The policy's name.
    pub policy: &'a str,
    /// The binding's mode.
    pub mode: Mode,
    /// Its verdict, or why there is none.
    pub verdict: Result<Verdict, Fault>,
    /// Fuel burnt; a CEL program burns none.
    pub fuel: u64,
    /// What it logged.
    pub log: Vec<String>,
}

/// What was heard from a tenant's binding, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The binding's place in the tenant's set, from 0.
    pub place: usize,
    /// Its effect, or why there is none.
    pub effect: Result<Effect, Fault>,
    /// Fuel burnt; a CEL program burns none.
    pub fuel: u64,
}

impl PolicySet {
    /// Checks the bindings against each other and their manifests.
    pub fn new(bindings: impl IntoIterator<Item = Binding>) -> Result<Self, Vec<GateError>> {
        let mut errors = Vec::new();
        let mut bound: Vec<Bound> = Vec::new();
        for Binding { package, settings, mode, origin } in bindings {
            let manifest = package.manifest();
            let mut refuse = |kind| errors.push(GateError::package(&manifest.name, kind));
            if bound.iter().any(|other| other.package.name() == manifest.name && other.origin == origin) {
                refuse(GateErrorKind::DuplicateName);
            }
            if origin == Origin::Tenant {
                if manifest.grants {
                    let message = "a tenant's policy can't grant; take `grants = true` out of its manifest";
                    refuse(GateErrorKind::NotForTenants(message.to_owned()));
                }
                if manifest.sees.iter().any(|seen| !matches!(seen, Category::Customer | Category::Issuance)) {
                    let message = "a tenant's policy sees `customer` and `issuance` only; shorten `sees`";
                    refuse(GateErrorKind::NotForTenants(message.to_owned()));
                }
            }
            match manifest.settle_settings(&settings) {
                Err(message) => refuse(GateErrorKind::Settings(message)),
                Ok(settings) => bound.push(Bound { place: bound.len(), package, settings, mode, origin }),
            }
        }
        if bound.len() > BINDINGS_LIMIT {
            let kind = GateErrorKind::TooManyBindings { count: bound.len(), limit: BINDINGS_LIMIT };
            errors.push(GateError::package("set", kind));
        }
        errors.extend([Mode::Enforce, Mode::Monitor].into_iter().filter_map(|mode| too_costly(&bound, mode)));
        errors.extend(too_large(&bound));
        if !errors.is_empty() {
            return Err(errors);
        }
        let digest = digest(&bound);
        Ok(Self { bindings: bound, digest })
    }

    /// Packages as the platform's, enforced, with their default settings, in the order given.
    pub fn platform(packages: impl IntoIterator<Item = PolicyPackage>) -> Result<Self, Vec<GateError>> {
        Self::new(packages.into_iter().map(Binding::platform))
    }

    /// SHA-256 over names, manifests, modules, settings, modes, origins and order, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// About how many bytes of memory its packages take.
    pub fn weight(&self) -> u64 {
        self.bindings.iter().map(|bound| bound.package.weight()).fold(0, u64::saturating_add)
    }

    /// The names of the bound policies, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.bindings.iter().map(|bound| bound.package.name())
    }

    /// Decides by this set alone. Pure: no I/O, no clock, no randomness; the same facts and the same digest give the same
    /// decision, always.
    pub fn decide(&self, facts: FactsRef<'_>) -> Decision {
        self.decide_with(None, facts)
    }

    /// Decides by this platform set and a tenant's together, with the whole of a decision's fuel. It may take milliseconds.
    pub fn decide_with(&self, tenant: Option<&Self>, facts: FactsRef<'_>) -> Decision {
        self.decide_heard(tenant, facts, &mut Vec::new())
    }

    /// The same. What the tenant's bindings say is added to `heard`.
    pub fn decide_heard(&self, tenant: Option<&Self>, facts: FactsRef<'_>, heard: &mut Vec<Heard>) -> Decision {
        let facts = Facts::new(facts);
        let mut fuel = self.fuel(tenant, |limits| limits.decision_fuel);
        combine(
            facts.plain,
            self.and(tenant)
                .flat_map(|set| set.seeing(&facts, Mode::Enforce))
                .map(|bound| bound.said(&facts, &mut fuel, heard)),
        )
    }

    /// The same decision, if it can be made on little fuel: what is served where requests are. `None`: ask
    /// [`PolicySet::decide_with`], somewhere that may take its time.
    pub fn decide_inline(&self, tenant: Option<&Self>, facts: FactsRef<'_>) -> Option<Decision> {
        self.decide_inline_heard(tenant, facts, &mut Vec::new())
    }

    /// The same. What the tenant's bindings say is added to `heard`, and nothing where there is no decision.
    pub fn decide_inline_heard(
        &self,
        tenant: Option<&Self>,
        facts: FactsRef<'_>,
        heard: &mut Vec<Heard>,
    ) -> Option<Decision> {
        let before = heard.len();
        let facts = Facts::new(facts);
        let mut fuel = self.fuel(tenant, |limits| limits.inline_fuel);
        let mut is_costly = false;
        let bindings = self.and(tenant).flat_map(|set| set.seeing(&facts, Mode::Enforce));
        let decision = combine(
            facts.plain,
            bindings.map_while(|bound| {
                let said = bound.said(&facts, &mut fuel, heard);
                is_costly = said.verdict == Err(Fault::OutOfFuel);
                (!is_costly).then_some(said)
            }),
        );
        if is_costly {
            heard.truncate(before);
            return None;
        }
        Some(decision)
    }

    fn and<'a>(&'a self, tenant: Option<&'a Self>) -> impl Iterator<Item = &'a Self> {
        std::iter::once(self).chain(tenant)
    }

    fn fuel(&self, tenant: Option<&Self>, of: impl Fn(&Limits) -> u64) -> Fuel {
        let limits =
            self.and(tenant).find_map(|set| set.bindings.iter().find_map(|bound| bound.package.module().limits()));
        Fuel(limits.map_or(0, of))
    }

    /// What the bindings in monitor mode say, on a budget of their own, as small as that of a decision made where its request
    /// is served. Run it after the decision, apart from it.
    pub fn monitor(&self, facts: FactsRef<'_>) -> Vec<Heard> {
        let facts = Facts::new(facts);
        let mut fuel = self.fuel(None, |limits| limits.inline_fuel);
        self.seeing(&facts, Mode::Monitor).map(|bound| bound.heard(&facts, &mut fuel).0).collect()
    }

    /// What every binding that sees the action says, enforced ones first: a decision, explained.
    pub fn explain(&self, facts: FactsRef<'_>) -> Vec<Observation<'_>> {
        let facts = Facts::new(facts);
        let observe = |mode| {
            let mut fuel = self.fuel(None, |limits| limits.decision_fuel);
            self.seeing(&facts, mode)
                .map(|bound| {
                    let (verdict, Spent { fuel, lines }) =
                        bound.package.module().evaluate(&facts, &bound.settings, &mut fuel);
                    Observation { policy: bound.package.name(), mode, verdict, fuel, log: lines }
                })
                .collect::<Vec<_>>()
        };
        [Mode::Enforce, Mode::Monitor].into_iter().flat_map(observe).collect()
    }

    /// How every binding that sees the action comes to its verdict, enforced ones first: for people, and not quick.
    pub fn traces(&self, facts: FactsRef<'_>) -> Vec<(&str, Mode, Trace)> {
        let seen = Facts::new(facts);
        let bindings = [Mode::Enforce, Mode::Monitor].into_iter().flat_map(|mode| self.seeing(&seen, mode));
        bindings.map(|bound| (bound.package.name(), bound.mode, bound.package.trace(&seen, &bound.settings))).collect()
    }

    /// The bindings of a mode that see the facts' action. An unknown category is seen by none, so nothing permits it.
    fn seeing<'a>(&'a self, facts: &Facts<'_>, mode: Mode) -> impl Iterator<Item = &'a Bound> + use<'a> {
        let category = Category::named(&facts.plain.action.category);
        self.bindings.iter().filter(move |bound| {
            bound.mode == mode && category.is_some_and(|category| bound.package.manifest().sees.contains(&category))
        })
    }
}

impl Bound {
    fn said<'a>(&'a self, facts: &Facts<'_>, fuel: &mut Fuel, all: &mut Vec<Heard>) -> Said<'a> {
        let (heard, verdict) = self.heard(facts, fuel);
        if self.origin == Origin::Tenant {
            all.push(heard);
        }
        Said { policy: self.package.name(), grants: self.grants(), verdict }
    }

    fn heard(&self, facts: &Facts<'_>, fuel: &mut Fuel) -> (Heard, Result<Verdict, Fault>) {
        let (verdict, Spent { fuel, .. }) = self.package.module().evaluate(facts, &self.settings, fuel);
        let effect = verdict.as_ref().map(|verdict| verdict.effect).map_err(|fault| *fault);
        (Heard { place: self.place, effect, fuel }, verdict)
    }

    /// INVARIANT: a tenant's permit never counts, whatever its manifest says.
    fn grants(&self) -> bool {
        self.origin == Origin::Platform && self.package.manifest().grants
    }
}

/// Refuses a tenant's policies that may cost too much together, naming the costliest. CEL is evaluated where requests are
/// served, and has no fuel that could run out.
fn too_costly(bindings: &[Bound], mode: Mode) -> Option<GateError> {
    let bound = bindings.iter().filter(|bound| bound.origin == Origin::Tenant && bound.mode == mode);
    let costs = bound.filter_map(|bound| Some((bound.package.cost()?, bound.package.name())));
    let steps = costs.clone().fold(0, |sum: u64, (cost, _)| sum.saturating_add(cost));
    let (part, name) = costs.max()?;
    let limit = limits::SET_STEPS;
    (steps > limit).then(|| GateError::package(name, GateErrorKind::SetTooCostly { steps, limit, part }))
}

/// Refuses a tenant's policies that take too much memory together, naming the largest.
fn too_large(bindings: &[Bound]) -> Option<GateError> {
    let bound = bindings.iter().filter(|bound| bound.origin == Origin::Tenant);
    let weights = bound.map(|bound| (bound.package.weight(), bound.package.name()));
    let bytes = weights.clone().fold(0, |sum: u64, (weight, _)| sum.saturating_add(weight));
    let (part, name) = weights.max()?;
    let limit = limits::SET_BYTES;
    (bytes > limit).then(|| GateError::package(name, GateErrorKind::SetTooLarge { bytes, limit, part }))
}

/// Every part is preceded by its length, so that no two sets share an encoding.
fn digest(bindings: &[Bound]) -> String {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(b"cronflow policy set 1");
    for bound in bindings {
        part(bound.package.name().as_bytes());
        part(bound.package.digest());
        part(&[bound.mode as u8, bound.origin as u8]);
        part(&(bound.settings.len() as u64).to_le_bytes());
        for (name, value) in &bound.settings {
            part(name.as_bytes());
            // `Debug` of a value is exact: it names the variant and prints floats so that they read back the same
            part(format!("{value:?}").as_bytes());
        }
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
