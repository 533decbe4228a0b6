//! Anything at all as a WASM module, as far as it goes before a compiler sees it.

use access_engine::inspect;

/// It is refused with a reason, or becomes a component that passes the same look itself.
pub fn wasm_upload(data: &[u8]) {
    match inspect(data) {
        Ok(component) => {
            let again = inspect(&component);
            assert!(again.is_ok(), "the component that was made of it is refused: {again:?}");
        }
        Err(kind) => assert!(!kind.to_string().is_empty(), "refused without a reason"),
    }
}
