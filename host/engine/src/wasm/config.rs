//! wasmtime's settings, built in one place, so that what the child compiles is what the host can run.

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Result};

use super::limits::{self, Limits};

/// Stack of a guest, in bytes, of the thread that evaluates.
const STACK_BYTES: usize = 256 << 10;
/// Memory and tables that stay resident between instances are wiped in place rather than given back and faulted in again.
const KEPT_RESIDENT_BYTES: usize = 256 << 10;
/// How far a 32-bit address reaches: reserved, never committed, so that no access needs a check.
const RESERVATION_BYTES: u64 = 4 << 30;

/// An engine. `instances` is how many may live at once; what is compiled does not depend on it.
pub(super) fn engine(limits: &Limits, instances: u32) -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * limits::CORE_INSTANCES)
        .total_memories(instances)
        .total_tables(instances * limits::TABLES)
        .max_core_instances_per_component(limits::CORE_INSTANCES)
        .max_memories_per_component(1)
        .max_tables_per_component(limits::TABLES)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .linear_memory_keep_resident(KEPT_RESIDENT_BYTES)
        .table_keep_resident(KEPT_RESIDENT_BYTES)
        // leaks upstream
        .pagemap_scan(Enabled::No);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .wasm_component_model(true)
        .concurrency_support(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .memory_reservation(RESERVATION_BYTES)
        .cranelift_opt_level(OptLevel::Speed)
        // the same bits on every machine
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        // A slot of the pool would be mapped anew for each module that comes into it, at the price of several evaluations;
        // what a module's memory begins with is copied instead, a few kilobytes.
        .memory_init_cow(false);
    Engine::new(&config)
}
