//! What `#[policy]` makes of a function.

use crate::facts::{Attribute, Facts};
use crate::fail::fail;
use crate::verdict::Verdict;

/// A policy: what [`#[policy]`](macro@crate::policy) makes, as the static `POLICY` beside the function.
#[derive(Debug)]
pub struct Policy {
    name: &'static str,
    description: &'static str,
    judge: Judge,
    check: Check,
}

/// On failure, why the settings can't be read.
type Judge = fn(&Facts, &[Attribute]) -> Result<Verdict, String>;
type Check = fn(&[Attribute]) -> Result<(), String>;

impl Policy {
    #[doc(hidden)]
    pub const fn new(name: &'static str, description: &'static str, judge: Judge, check: Check) -> Self {
        Self { name, description, judge, check }
    }

    /// The name of its crate.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The function's doc comment: what the host describes the policy with.
    pub const fn description(&self) -> &'static str {
        self.description
    }

    /// Judges facts under a binding's settings.
    ///
    /// # Panics
    /// When the settings can't be read, when an attribute has another type than it is asked for, and when the function panics:
    /// in a guest, each is an error of the evaluation, which denies.
    pub fn evaluate(&self, facts: &Facts, settings: &[Attribute]) -> Verdict {
        (self.judge)(facts, settings).unwrap_or_else(|message| fail(&message))
    }

    /// Whether a binding's settings can be read.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub fn validate_settings(&self, settings: &[Attribute]) -> Result<(), String> {
        (self.check)(settings)
    }
}

/// What the guest exports as `evaluate`.
pub fn evaluate(policy: &Policy, facts: Facts, settings: Vec<Attribute>) -> Verdict {
    // The instance goes with all its memory: nothing need be given back.
    let (facts, settings) = (core::mem::ManuallyDrop::new(facts), core::mem::ManuallyDrop::new(settings));
    policy.evaluate(&facts, &settings)
}

/// What the guest exports as `validate-settings`.
pub fn validate_settings(policy: &Policy, settings: Vec<Attribute>) -> Result<(), String> {
    policy.validate_settings(&settings)
}

/// Exports the crate's `POLICY` to the host. Nothing natively, so that several policies can be linked into one test.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    () => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::facts::{Attribute, Facts};

            struct Exported;

            impl $crate::bindings::Guest for Exported {
                fn evaluate(facts: Facts, settings: Vec<Attribute>) -> $crate::verdict::Verdict {
                    $crate::__private::evaluate(&POLICY, facts, settings)
                }

                fn validate_settings(settings: Vec<Attribute>) -> Result<(), String> {
                    $crate::__private::validate_settings(&POLICY, settings)
                }

                fn describe() -> String {
                    POLICY.description().to_owned()
                }
            }

    $crate::bindings::export!(Exported with_types_in $crate::bindings);
        };
    };
}
