//! Paths of the kubelet API: each needs a permission, and no name passes that could lead anywhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vk_kubelet_api::fuzz;

fuzz_target!(|path: &str| {
    assert!(!fuzz::subresources(path).is_empty());
    for name in fuzz::names(path) {
        assert!(!name.is_empty() && name.len() <= 253, "{name:?}");
        assert!(name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.')), "{name:?}");
        assert!(!name.contains("..") && !name.starts_with('.') && !name.ends_with('.'), "{name:?}");
    }
});
