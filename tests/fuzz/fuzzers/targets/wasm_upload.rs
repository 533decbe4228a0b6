#![no_main]
// A panic that the gate catches is a refusal. Those of `fuzz` itself still end the process, after unwinding.
libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |data: &[u8]| fuzz::wasm_upload(data));
