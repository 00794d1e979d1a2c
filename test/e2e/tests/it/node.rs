//! The Node as the cluster sees it.

use serde_json::Value;

use crate::stage::{Identity, Stage, condition, eventually, seconds_of, text};

under_both_identities! {
    a_node_looks_like_one_of_a_kubelet
    the_lease_is_renewed
    a_deleted_node_comes_back_and_its_pods_run_on
    what_others_change_is_repaired
}

fn a_node_looks_like_one_of_a_kubelet(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let name = stage.name();
    // The control plane gives every new node a taint, until it has seen that the node is ready.
    let node = stage.until_node("the node's own taint alone", |node| {
        node["spec"]["taints"].as_array().is_some_and(|taints| taints.len() == 1)
    });

    let labels = &node["metadata"]["labels"];
    for (label, value) in [
        ("type", "virtual-kubelet"),
        ("kubernetes.io/hostname", name),
        ("kubernetes.io/os", "linux"),
        ("node.kubernetes.io/exclude-from-external-load-balancers", "true"),
    ] {
        assert_eq!(labels[label], value, "{label}");
    }
    let taint = &node["spec"]["taints"][0];
    assert_eq!((&taint["key"], &taint["effect"]), (&"virtual-kubelet.io/provider".into(), &"NoSchedule".into()));
    assert_eq!(taint["value"], "docker");

    let status = &node["status"];
    for amounts in [&status["capacity"], &status["allocatable"]] {
        assert_eq!(amounts["pods"], "110");
        assert!(amounts["cpu"].is_string() && text(&amounts["memory"]).ends_with("Ki"), "{amounts}");
    }
    let address = stage.environment().cluster.address().to_string();
    let addresses = status["addresses"].as_array().unwrap();
    assert_eq!(
        (addresses.len(), &addresses[0]["type"], text(&addresses[0]["address"])),
        (1, &"InternalIP".into(), address.clone())
    );
    assert!(status["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64().is_some_and(|port| port > 0));
    for (kind, wanted) in [
        ("Ready", "True"),
        ("BackendReachable", "True"),
        ("MemoryPressure", "False"),
        ("DiskPressure", "False"),
        ("PIDPressure", "False"),
        ("NetworkUnavailable", "False"),
    ] {
        assert_eq!(condition(&node, kind), wanted, "{kind}");
    }

    let wide = stage.kubectl().ok(&["get", "nodes", name, "-o", "wide"]);
    for word in [" Ready ", " v1.36.", "-vk-", " docker://", &address] {
        assert!(wide.contains(word), "{word} in {wide}");
    }
    assert_eq!(status["nodeInfo"]["operatingSystem"], "linux");
    let described = stage.kubectl().ok(&["describe", "node", name]);
    for words in [
        "Taints:",
        "virtual-kubelet.io/provider=docker:NoSchedule",
        "KubeletReady",
        "RegisteredNode",
        "HolderIdentity:",
    ] {
        assert!(described.contains(words), "{words} in\n{described}");
    }
    // What NodeRestriction does not let a node say of itself is left out, and that is said.
    assert_eq!(labels["kubernetes.io/role"].is_null(), identity == Identity::Node);
    assert_eq!(described.contains("LabelsLeftOut"), identity == Identity::Node, "{described}");
}

fn the_lease_is_renewed(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let first = stage.lease();
    assert_eq!(first["spec"]["holderIdentity"], stage.name());
    assert_eq!(first["spec"]["leaseDurationSeconds"], 40);
    let owned = || {
        let node = stage.node().unwrap();
        stage.lease()["metadata"]["ownerReferences"][0]["uid"] == node["metadata"]["uid"]
    };
    eventually("a lease that goes with the node", || owned().then_some(()).ok_or_else(|| stage.lease().to_string()));
    let renewed = |lease: &Value| lease["spec"]["renewTime"].to_string();
    for _ in 0..2 {
        let before = renewed(&stage.lease());
        eventually("a renewal", || {
            let now = renewed(&stage.lease());
            (now != before).then_some(()).ok_or(now)
        });
    }
}

fn a_deleted_node_comes_back_and_its_pods_run_on(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    stage.create_pod("web", serde_json::json!({ "containers": [crate::stage::sleeper("main")] }));
    let pod = stage.until_running("web");
    let first = stage.node().unwrap()["metadata"]["uid"].clone();
    stage.kubectl().ok(&["delete", "node", stage.name()]);
    seconds_of("a deleted node is back after", || {
        stage.until_node("another node of the same name", |node| {
            node["metadata"]["uid"] != first && condition(node, "Ready") == "True"
        })
    });
    stage.until_event_of_node("RegisteredNodeAgain");
    let now = stage.until_running("web");
    assert_eq!((now.uid(), now.runs(), now.is_being_deleted()), (pod.uid(), pod.runs(), false));
    stage.create_pod("more", serde_json::json!({ "containers": [crate::stage::sleeper("main")] }));
    stage.until_running("more");
}

fn what_others_change_is_repaired(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let name = stage.name();
    stage.kubectl().ok(&["label", "node", name, "kubernetes.io/os=solaris", "theirs=1", "--overwrite"]);
    stage.kubectl().ok(&["annotate", "node", name, "theirs=2"]);
    let unready =
        r#"{"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]}}"#;
    stage.kubectl().ok(&["patch", "node", name, "--subresource=status", "--patch", unready]);
    let node = stage.until_node("a repaired node", |node| {
        node["metadata"]["labels"]["kubernetes.io/os"] == "linux" && condition(node, "Ready") == "True"
    });
    assert_eq!(node["metadata"]["labels"]["theirs"], "1");
    assert_eq!(node["metadata"]["annotations"]["theirs"], "2");
    // What people do with a node goes on to work.
    stage.kubectl().ok(&["cordon", name]);
    assert!(stage.kubectl().ok(&["get", "node", name]).contains("SchedulingDisabled"));
}
