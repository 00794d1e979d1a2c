//! The Node declares that WebSockets may come through to it, and the API server takes its word.

use std::io::{Read, Write};

use serde_json::json;

use crate::port_forward::forwarder::Forwarder;
use crate::stage::{Environment, Identity, Stage, eventually, sleeper};

under_both_identities! {
    web_sockets_come_through_where_the_node_says_so
    where_the_gate_is_off_the_api_server_speaks_spdy
}

const FEATURE: &str = "ExtendWebSocketsToKubelet";

/// A node with a pod, whose agent tells of its sessions.
fn with_pod(identity: Identity, flags: &[&str]) -> Stage {
    let mut stage = Stage::open(&Environment::read(), identity);
    let mut command = stage.command("mock");
    command.args(flags).arg("--log-level=debug");
    stage.start(&mut command);
    stage.until_ready();
    stage.create_pod("shell", json!({ "containers": [sleeper("main")] }));
    stage.until_running("shell");
    stage
}

fn exec(stage: &Stage) {
    let output = stage.kubectl().command(&["exec", "shell", "--", "echo", "hello"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n", "{output:?}");
}

/// What the API server counts of WebSockets that were dealt with in this way.
fn counted(stage: &Stage, proxy_type: &str) -> f64 {
    let metrics = stage.kubectl().ok(&["get", "--raw", "/metrics"]);
    let series = metrics.lines().filter(|line| {
        line.starts_with("apiserver_websocket_streaming_requests_total")
            && line.contains(&format!("proxy_type=\"{proxy_type}\""))
    });
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn web_sockets_come_through_where_the_node_says_so(identity: Identity) {
    let mut stage = with_pod(identity, &[]);
    assert_eq!(stage.node().unwrap()["status"]["declaredFeatures"], json!([FEATURE]));
    let before = counted(&stage, "proxied_to_kubelet");
    exec(&stage);
    stage.agent().until_log("protocol=WebSocket(V5, Binary)");
    let after = counted(&stage, "proxied_to_kubelet");
    assert!(after > before);

    let kubectl = stage.environment().cluster.programs().join("kubectl");
    let forwarder = Forwarder::start(&kubectl, &stage, "true", "shell", &["7"]);
    let mut connection = forwarder.connect("7").unwrap();
    connection.write_all(b"x").unwrap();
    connection.read_exact(&mut [0]).unwrap();
    drop(forwarder);
    stage.agent().until_log("protocol=Tunnel");
    assert!(counted(&stage, "proxied_to_kubelet") > after);
    assert!(!stage.agent().log().contains("protocol=Spdy"));
}

fn where_the_gate_is_off_the_api_server_speaks_spdy(identity: Identity) {
    let mut stage = with_pod(identity, &[&format!("--feature-gates={FEATURE}=false")]);
    assert!(stage.node().unwrap()["status"]["declaredFeatures"].is_null());
    let before = counted(&stage, "translated_at_apiserver");
    exec(&stage);
    stage.agent().until_log("protocol=Spdy(V5)");
    assert!(counted(&stage, "translated_at_apiserver") > before);
    assert!(!stage.agent().log().contains("protocol=WebSocket"));

    // An agent that comes back with another opinion changes what the Node says.
    stage.kill_agent();
    let mut command = stage.command("mock");
    stage.start(&mut command);
    eventually("the Node declares the feature", || {
        let declared = stage.node().unwrap()["status"]["declaredFeatures"].clone();
        if declared == json!([FEATURE]) { Ok(()) } else { Err(declared.to_string()) }
    });
}
