//! Core modules become components: what a compiler for `wasm32-unknown-unknown` makes carries its component type in a
//! section of its own.

use wit_component::ComponentEncoder;

use super::scan::Sort;
use crate::error::GateErrorKind;
use crate::guarded::on_gate_stack;

/// Sections that say a component's type. The SDK's modules have two; what the encoder takes to merge them grows with their square.
const TYPES: usize = 4;

/// The component that a module is, or becomes.
pub(super) fn component(bytes: &[u8], sort: Sort) -> Result<Vec<u8>, GateErrorKind> {
    if sort == Sort::Component {
        return Ok(bytes.to_owned());
    }
    let types = wasmparser::Parser::new(0).parse_all(bytes).filter(
        |payload| matches!(payload, Ok(wasmparser::Payload::CustomSection(section)) if section.name().starts_with("component-type")),
    );
    let types = types.count();
    if types > TYPES {
        let message = format!(
            "the module carries {types} sections `component-type`, and {TYPES} are allowed; build it with the SDK's `#[policy]`"
        );
        return Err(GateErrorKind::Module(message));
    }
    if types == 0 {
        let message = "the module does not say that it is a policy: it has no section `component-type`; build it with the \
                       SDK's `#[policy]`, or make it a component of the world `cronflow:policy/policy`";
        return Err(GateErrorKind::Module(message.to_owned()));
    }
    let misfit = |why: &str| GateErrorKind::Module(format!("the module does not fit the world of policies: {why}"));
    // the encoder trusts the type that a module carries, and asserts what it expects of it
    on_gate_stack(|| ComponentEncoder::default().module(bytes)?.validate(true).encode())
        .ok_or_else(|| misfit("the type that it carries makes no sense"))?
        .map_err(|error| misfit(&format!("{error:#}")))
}
