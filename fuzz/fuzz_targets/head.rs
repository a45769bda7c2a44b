#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| imds_tests::fuzz::run("head", input));
