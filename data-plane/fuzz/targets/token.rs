#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    data_plane::doors::token(input);
});
