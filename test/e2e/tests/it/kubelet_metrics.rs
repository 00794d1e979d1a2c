//! What the kubelet API tells of a node and its pods, as those see it who ask by way of the API server.

use serde_json::{Value, json};

use crate::stage::{IMAGE, Identity, Stage, eventually, script};

under_both_identities! {
    docker_pods_are_measured
    probes_are_counted
}

/// A shell that keeps a processor busy and holds 20 MB.
const BUSY: &str = "x=$(head -c 20000000 /dev/zero | tr '\\0' a); while :; do :; done";

/// vk#475, vk#987, interLink#325.
fn docker_pods_are_measured(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let mut busy = script("main", BUSY);
    busy["resources"] = json!({ "limits": { "cpu": "300m", "memory": "200Mi" } });
    let idle = json!({ "name": "side", "image": IMAGE, "command": ["sleep", "100000"] });
    stage.create_pod("busy", json!({ "terminationGracePeriodSeconds": 1, "containers": [busy, idle] }));
    let pod = stage.until_running("busy");

    let summary = eventually("figures of both containers, with rates", || {
        let summary: Value = serde_json::from_str(&stage.kubelet("/stats/summary")?).unwrap();
        let one = &summary["pods"][0];
        let busy = one["containers"].as_array().into_iter().flatten().find(|container| container["name"] == "main");
        let busy = busy.ok_or_else(|| summary.to_string())?;
        let rate = busy["cpu"]["usageNanoCores"].as_u64().unwrap_or_default();
        let memory = busy["memory"]["workingSetBytes"].as_u64().unwrap_or_default();
        if rate > 50_000_000 && memory > 20_000_000 { Ok(summary) } else { Err(summary.to_string()) }
    });
    assert_eq!(summary["node"]["nodeName"], stage.name());
    let one = &summary["pods"][0];
    assert_eq!(one["podRef"], json!({ "name": "busy", "namespace": stage.name(), "uid": pod.uid() }));
    assert_eq!(one["containers"].as_array().unwrap().len(), 2, "the sandbox is no container of the pod: {one}");
    let figure = |path: &str| one.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} of {one}"));
    let (used, sum) = (figure("/containers/0/memory/workingSetBytes"), figure("/memory/workingSetBytes"));
    assert!(sum > used, "{one}");
    assert!(one["network"]["interfaces"][0]["name"] == "eth0" && figure("/network/rxBytes") > 0, "{one}");
    let limited = one["containers"].as_array().unwrap().iter().find(|container| container["name"] == "main").unwrap();
    let available = limited["memory"]["availableBytes"].as_u64().unwrap();
    assert!(available < 200 << 20, "{limited}");
    assert!(summary["node"]["cpu"]["usageCoreNanoSeconds"].as_u64().unwrap() >= figure("/cpu/usageCoreNanoSeconds"));

    let resource = stage.kubelet("/metrics/resource").unwrap();
    let labels = format!("{{container=\"main\",namespace=\"{}\",pod=\"busy\"}} ", stage.name());
    for family in
        ["container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "container_start_time_seconds"]
    {
        assert!(resource.contains(&format!("\n{family}{labels}")), "{family}: {resource}");
    }
    assert!(resource.contains("\nresource_scrape_error 0\n"), "{resource}");
    let containers = stage.kubelet("/metrics/cadvisor").unwrap();
    assert!(containers.contains("container=\"main\",cpu=\"total\",id=\"docker://"), "{containers}");
    assert!(containers.contains(&format!("image=\"{IMAGE}\"")), "{containers}");

    for (path, part) in [
        ("/healthz", "ok"),
        ("/healthz/syncloop", "ok"),
        ("/healthz/log?verbose", "healthz check passed"),
        ("/metrics", "virtual_kubelet_api_requests_total"),
        ("/metrics", "process_cpu_seconds_total"),
        ("/configz", "\"kubeletconfig\""),
        ("/pods", "\"kind\":\"PodList\""),
        ("/runningpods/", &pod.uid()),
    ] {
        let said = stage.kubelet(path).unwrap();
        assert!(said.contains(part), "{path}: {said}");
    }
}

fn probes_are_counted(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let mut main = script("main", "sleep 100000");
    main["readinessProbe"] = json!({ "exec": { "command": ["true"] }, "periodSeconds": 1 });
    main["livenessProbe"] = json!({ "exec": { "command": ["false"] }, "periodSeconds": 1, "failureThreshold": 1000 });
    stage.create_pod("probed", json!({ "terminationGracePeriodSeconds": 1, "containers": [main] }));
    let pod = stage.until_running("probed");
    let sample = |probe: &str, result: &str| {
        format!(
            "prober_probe_total{{container=\"main\",namespace=\"{}\",pod=\"probed\",pod_uid=\"{}\",\
             probe_type=\"{probe}\",result=\"{result}\"}} ",
            stage.name(),
            pod.uid(),
        )
    };
    eventually("counts of both probes", || {
        let said = stage.kubelet("/metrics/probes")?;
        let counted = |probe, result| said.contains(&sample(probe, result));
        if counted("Readiness", "successful") && counted("Liveness", "failed") { Ok(()) } else { Err(said) }
    });
}
