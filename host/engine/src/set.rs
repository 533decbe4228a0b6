//! A policy set: packages bound with settings and a mode, ready to decide.

use std::sync::Arc;

use cronflow_policy_cases::{Attributes, Decision, FactsRef, Verdict};
use sha2::{Digest, Sha256};

use crate::cel::Values;
use crate::combine::{Said, combine};
use crate::error::{GateError, GateErrorKind};
use crate::manifest::Category;
use crate::module::Fault;
use crate::package::PolicyPackage;

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
                Ok(settings) => bound.push(Bound { package, settings, mode, origin }),
            }
        }
        if bound.len() > BINDINGS_LIMIT {
            let kind = GateErrorKind::TooManyBindings { count: bound.len(), limit: BINDINGS_LIMIT };
            errors.push(GateError::package("set", kind));
        }
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

    /// The names of the bound policies, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.bindings.iter().map(|bound| bound.package.name())
    }

    /// Decides as [`PolicySet::decide`] does, by this platform set and a tenant's together.
    pub fn decide_with(&self, tenant: Option<&Self>, facts: FactsRef<'_>) -> Decision {
        let values = Values::new(facts);
        let bindings = std::iter::once(self).chain(tenant).flat_map(|set| set.seeing(facts, Mode::Enforce));
        combine(facts, bindings.map(|bound| bound.said(&values)))
    }

    /// Decides. Pure: no I/O, no clock, no randomness; the same facts and the same digest give the same decision, always.
    pub fn decide(&self, facts: FactsRef<'_>) -> Decision {
        self.decide_with(None, facts)
    }

    /// What the bindings in monitor mode say. Run it after [`PolicySet::decide`], apart from it.
    pub fn monitor(&self, facts: FactsRef<'_>) -> Vec<Observation<'_>> {
        self.observe(facts, Mode::Monitor)
    }

    /// What every binding that sees the action says, enforced ones first: a decision, explained.
    pub fn explain(&self, facts: FactsRef<'_>) -> Vec<Observation<'_>> {
        let mut observations = self.observe(facts, Mode::Enforce);
        observations.extend(self.observe(facts, Mode::Monitor));
        observations
    }

    fn observe(&self, facts: FactsRef<'_>, mode: Mode) -> Vec<Observation<'_>> {
        let values = Values::new(facts);
        let observe = |bound: &'_ Bound| bound.package.module().evaluate(&values, &bound.settings);
        self.seeing(facts, mode)
            .map(|bound| Observation { policy: bound.package.name(), mode, verdict: observe(bound) })
            .collect()
    }

    /// The bindings of a mode that see the facts' action. An unknown category is seen by none, so nothing permits it.
    fn seeing(&self, facts: FactsRef<'_>, mode: Mode) -> impl Iterator<Item = &Bound> {
        let category = Category::named(&facts.action.category);
        self.bindings.iter().filter(move |bound| {
            bound.mode == mode && category.is_some_and(|category| bound.package.manifest().sees.contains(&category))
        })
    }
}

impl Bound {
    fn said<'a>(&'a self, values: &Values<'_>) -> Said<'a> {
        let verdict = self.package.module().evaluate(values, &self.settings);
        Said { policy: self.package.name(), grants: self.grants(), verdict }
    }

    /// INVARIANT: a tenant's permit never counts, whatever its manifest says.
    fn grants(&self) -> bool {
        self.origin == Origin::Platform && self.package.manifest().grants
    }
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
