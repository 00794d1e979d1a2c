//! A pod as an API server could send it: what is read in the short way agrees with the whole, and keeps nothing back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::value::RawValue;
use vk_core::record::{self, WireMeta};

#[derive(Deserialize)]
struct Pod {
    metadata: WireMeta,
    spec: Box<RawValue>,
    status: Option<Box<RawValue>>,
}

fuzz_target!(|json: &[u8]| {
    let Ok(pod) = serde_json::from_slice::<Pod>(json) else { return };
    let Ok(snapshot) = record::decode(pod.metadata, &pod.spec, pod.status.as_deref()) else { return };
    // The short way is more lenient: what it does not look at may be anything.
    let Ok(whole) = snapshot.raw.decode() else { return };
    assert_eq!(whole.metadata.name.as_deref(), Some(&*snapshot.key.name));
    assert_eq!(whole.metadata.uid.as_deref(), Some(snapshot.uid.as_str()));
    let spec = whole.spec.expect("a pod that was read has a spec");
    let named: Vec<_> = spec.init_containers.iter().flatten().chain(&spec.containers).map(|it| &it.name).collect();
    for name in named {
        assert!(snapshot.facts.containers.iter().any(|container| container.name == *name), "{name}");
    }
});
