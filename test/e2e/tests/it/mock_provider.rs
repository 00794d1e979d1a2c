//! The provider `mock`: pods that are only told of.

use serde_json::json;

use crate::stage::{Environment, Identity, Stage, condition, sleeper};

under_both_identities! {
    mock_pods_run_at_once_and_outlive_the_agent
}

fn mock_pods_run_at_once_and_outlive_the_agent(identity: Identity) {
    let mut stage = Stage::open(&Environment::read(), identity);
    // As the Go project's file is written.
    let config =
        json!({ stage.name(): { "cpu": "2", "memory": "32Gi", "pods": "128", "others": { "example.com/gpu": "4" } } });
    let config = stage.write("mock.json", &config.to_string());
    let start = |stage: &mut Stage| {
        let mut command = stage.command("mock");
        command.arg(format!("--provider-config={}", config.display()));
        stage.start(&mut command);
        stage.until_ready();
    };
    start(&mut stage);
    let node = stage.node().unwrap();
    let capacity = &node["status"]["capacity"];
    assert_eq!(
        (&capacity["cpu"], &capacity["pods"], &capacity["example.com/gpu"]),
        (&json!("2"), &json!("128"), &json!("4"))
    );
    stage.create_pod("steady", json!({ "containers": [sleeper("main")] }));
    let before = stage.until_running("steady");
    let script = json!({ "mock.virtual-kubelet.io/run-for": "3s", "mock.virtual-kubelet.io/exit-code": "4" });
    stage.kubectl().create(&json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "scripted", "annotations": script },
        "spec": stage.scheduled_here(json!({ "restartPolicy": "Never", "containers": [sleeper("main")] })),
    }));
    // Its run may be over before anybody looks.
    stage.until_pod("scripted", "has started", |pod| pod.phase() != "Pending");
    stage.kill_agent();
    start(&mut stage);
    assert_eq!(stage.until_phase("scripted", "Failed").terminated("main")["exitCode"], 4);
    assert_eq!(stage.until_running("steady").runs(), before.runs());
    assert_eq!(condition(&stage.node().unwrap(), "Ready"), "True");
    stage.until_event("steady", "Started", "Started container main");
    stage.kubectl().ok(&["delete", "pod", "steady"]);
    stage.until_gone("steady");
    stage.until_event("steady", "Killing", "Stopping container main");
}
