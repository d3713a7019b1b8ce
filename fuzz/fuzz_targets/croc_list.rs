#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| caiman::fuzzing::croc_list(bytes));
