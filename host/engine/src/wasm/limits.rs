//! What a guest may use. Every number is given by whoever makes the sandbox: none is implied.

/// The most bytes of an uploaded module.
pub(crate) const MODULE_BYTES: usize = 1 << 20;
/// Core instances of one component: the module, and what lets it log.
pub(super) const CORE_INSTANCES: u32 = 8;
/// Tables of one component.
pub(super) const TABLES: u32 = 8;
/// Reasons of one verdict, and obligations.
pub(super) const REASONS: usize = 16;
/// Bytes that one answer may have.
pub(super) const ANSWER_BYTES: usize = 32 << 10;
/// Fuel that logging a line takes, beside one for each of its bytes.
pub(super) const LINE_FUEL: u64 = 1_000;

/// Limits of one evaluation, and of the pool that instances come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Fuel of one evaluation, about one instruction each. Deterministic: the same facts use the same.
    pub fuel: u64,
    /// Fuel of one decision, shared by all of its modules.
    pub decision_fuel: u64,
    /// Fuel up to which a decision is cheap enough to be made where its request is served.
    pub inline_fuel: u64,
    /// Fuel that the cases of one upload may burn together.
    pub cases_fuel: u64,
    /// Wall-clock backstop of one evaluation, in milliseconds.
    pub deadline_ms: u64,
    /// Bytes of linear memory.
    pub memory_bytes: usize,
    /// Bytes of a module's compiled code, which stays in memory while the module is loaded.
    pub code_bytes: usize,
    /// Elements of a table.
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
        decision_fuel: 20_000_000,
        inline_fuel: 250_000,
        cases_fuel: 500_000_000,
        deadline_ms: 200,
        memory_bytes: 2 << 20,
        code_bytes: 8 << 20,
        table_elements: 2_000,
        log_lines: 16,
        log_bytes: 4 << 10,
        instances: 64,
    };
}
