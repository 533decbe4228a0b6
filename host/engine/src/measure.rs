//! Evaluations one at a time, to be timed by somebody who has a clock: here is none.

use cronflow_policy_cases::{Attributes, FactsRef};

use crate::module::{Facts, Module};
use crate::package::PolicyPackage;
use crate::wasm::Fuel;

/// A policy with facts and settings at hand, as a decision has them.
pub struct Ready<'a> {
    module: &'a Module,
    facts: Facts<'a>,
    settings: Attributes,
}

impl PolicyPackage {
    /// Gets everything ready for evaluations of the same facts.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn ready<'a>(&'a self, facts: FactsRef<'a>, settings: &Attributes) -> Result<Ready<'a>, String> {
        let settings = self.manifest().settle_settings(settings)?;
        Ok(Ready { module: self.module(), facts: Facts::new(facts), settings })
    }

    /// Makes a fresh instance, has it do next to nothing, and throws it away. False: a CEL policy has none.
    pub fn start_instance(&self) -> bool {
        match self.module() {
            Module::Cel(_) => false,
            Module::Wasm(guest) => guest.describe().is_ok(),
        }
    }
}

impl Ready<'_> {
    /// Evaluates once; the fuel burnt, which is 0 for CEL.
    ///
    /// # Errors
    /// The fault's fixed code.
    pub fn evaluate(&self) -> Result<u64, &'static str> {
        let mut fuel = Fuel(self.module.limits().map_or(0, |limits| limits.fuel));
        let (said, spent) = self.module.evaluate(&self.facts, &self.settings, &mut fuel);
        said.map(|_| spent.fuel).map_err(|fault| fault.code())
    }
}
