//! Reading what strangers wrote, with parsers that were not written for that.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::cel::limits::GATE_STACK_BYTES;

/// Parsing, lowering and the dropping of what is refused happen on a stack that is ample for every input within the limits.
/// `None` where it panicked or there is no thread to be had.
pub(crate) fn on_gate_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("policy gate".to_owned())
            .stack_size(GATE_STACK_BYTES)
            .spawn_scoped(scope, || catch_unwind(AssertUnwindSafe(work)))
            .ok()?
            .join()
            .ok()?
            .ok()
    })
}
