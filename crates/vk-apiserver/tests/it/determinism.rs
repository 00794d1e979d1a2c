//! The same requests give the same bytes.

use std::time::Duration;

use futures::StreamExt as _;
use kube::api::{DeleteParams, WatchParams};
use serde_json::json;
use vk_apiserver::Options;

use crate::support::*;

/// FNV-1a, 64 bits.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A short life of some pods, told by everything that the server stored, answered and recorded.
fn trace(seed: u64) -> String {
    run(|| async {
        let mut options = Options::default();
        options.seed = seed;
        let server = server_with(options);
        let client = admin(&server);
        let mut events = pods(&client).watch(&WatchParams::default(), "0").await.unwrap().boxed();
        let mut told = String::new();
        for index in 0..20 {
            let name = format!("p-{index}");
            create_pod(&client, &name, "n").await;
            patch_status(&node(&server, "n"), &name, json!({"status": {"phase": "Running"}})).await.unwrap();
            tokio::time::sleep(Duration::from_millis(700)).await;
            if index % 3 == 0 {
                pods(&client).delete(&name, &DeleteParams::default()).await.unwrap();
            }
        }
        for _ in 0..48 {
            told.push_str(&format!("{:?}\n", events.next().await.unwrap().unwrap()));
        }
        server.inspect(|kernel| {
            for record in kernel.requests() {
                told.push_str(&format!("{record}\n"));
            }
            for pod in kernel.objects("pods") {
                told.push_str(&serde_json::to_string(&**pod).unwrap());
            }
        });
        told
    })
}

#[test]
fn two_runs_have_the_same_trace_and_another_seed_has_another() {
    let first = trace(1);
    assert_eq!(hash(&first), hash(&trace(1)));
    assert_ne!(hash(&first), hash(&trace(2)));
}
