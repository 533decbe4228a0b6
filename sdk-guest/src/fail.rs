//! The end of an evaluation that can't come to a verdict.

/// Ends the evaluation: the host denies `policy_error`. Natively it says why, as a test's panic. A guest only traps: it would
/// have to import the log for that, and an import makes every instance dearer, by an eighth of what a small policy takes,
/// whereas what can be said here was found wrong at upload already (settings), or is by the host (types of attributes).
pub(crate) fn fail(message: &str) -> ! {
    #[cfg(target_family = "wasm")]
    {
        let _ = message;
        core::arch::wasm32::unreachable()
    }
    #[cfg(not(target_family = "wasm"))]
    #[expect(clippy::panic, reason = "natively, the runner of cases takes this for an error")]
    {
        panic!("{message}")
    }
}
