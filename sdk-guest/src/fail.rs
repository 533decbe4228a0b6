//! The end of an evaluation that can't come to a verdict.

/// Ends the evaluation: the host denies `policy_error`. In a guest the message goes to the log of the policy's author.
pub(crate) fn fail(message: &str) -> ! {
    #[cfg(target_family = "wasm")]
    {
        crate::log::log(message);
        core::arch::wasm32::unreachable()
    }
    #[cfg(not(target_family = "wasm"))]
    #[expect(clippy::panic, reason = "natively, the runner of cases takes this for an error")]
    {
        panic!("{message}")
    }
}
