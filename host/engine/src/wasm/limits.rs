//! What a guest may use. Every number is given by whoever makes the sandbox: none is implied.

/// The most bytes of an uploaded module.
pub(crate) const MODULE_BYTES: usize = 1 << 20;

/// Limits of one evaluation, and of the pool that instances come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Fuel, about one instruction each. Deterministic: the same facts use the same.
    pub fuel: u64,
    /// Fuel up to which an evaluation is cheap enough to run where the request is served.
    pub inline_fuel: u64,
    /// Wall-clock backstop, in milliseconds.
    pub deadline_ms: u64,
    /// Bytes of linear memory.
    pub memory_bytes: usize,
    /// Elements of tables.
    pub table_elements: usize,
    /// Lines that may be logged.
    pub log_lines: usize,
    /// Bytes that may be logged.
    pub log_bytes: usize,
    /// Instances that may live at once.
    pub instances: u32,
}

impl Limits {
    /// What a host runs with.
    pub const SERVING: Self = Self {
        fuel: 10_000_000,
        inline_fuel: 250_000,
        deadline_ms: 100,
        memory_bytes: 2 << 20,
        table_elements: 1_000,
        log_lines: 16,
        log_bytes: 4 << 10,
        instances: 64,
    };
}
