//! Annotations of the mock provider: they are read or refused by name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vk_provider_mock::fuzz;

fuzz_target!(|annotations: Vec<(&str, &str)>| {
    if let Err(error) = fuzz::script(&annotations) {
        assert!(error.to_string().contains("metadata.annotations["), "{error}");
    }
});
