//! A line for the policy's author.

/// Writes a line: to the log of the sandbox, which limits lines in length and number, or natively to standard error.
///
/// A policy that never logs imports nothing.
///
/// Never log what may be secret: who may see a workspace's policies may see their log.
///
/// ```
/// cronflow_policy::log::log("the request states no cost");
/// ```
pub fn log(line: &str) {
    #[cfg(target_family = "wasm")]
    crate::bindings::cronflow::policy::log::line(line);
    #[cfg(not(target_family = "wasm"))]
    {
        use std::io::Write as _;
        // Nobody listening is no reason to fail.
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}
