//! `kubectl get --raw /api/v1/nodes/NODE/proxy/…`: the node's own paths, by way of the API server.

use serde_json::{Value, json};

use crate::stage::{Identity, Stage, eventually, script};

#[test]
fn the_nodes_paths_are_reached_through_the_api_server() {
    let stage = Stage::with_docker_node(Identity::ServiceAccount);
    stage.create_pod("talk", json!({ "containers": [script("main", "echo said; exec sleep 1000")] }));
    stage.until_running("talk");
    let name = stage.name().to_owned();
    for kubectl in stage.kubectls() {
        let get = |path: &str| kubectl.run(&["get", "--raw", &format!("/api/v1/nodes/{name}/proxy/{path}")]);
        assert_eq!(get("healthz").unwrap(), "ok");
        assert_eq!(get("healthz/ping").unwrap(), "ok");
        assert!(get("healthz?verbose").unwrap().starts_with("[+]ping ok\n"));
        for path in ["pods", "pods/"] {
            let pods: Value = serde_json::from_str(&get(path).unwrap()).unwrap();
            assert_eq!((&pods["kind"], &pods["items"][0]["metadata"]["name"]), (&json!("PodList"), &json!("talk")));
        }
        eventually("the log", || {
            let log = get(&format!("containerLogs/{name}/talk/main"))?;
            if log == "said\n" { Ok(()) } else { Err(log) }
        });
        let running: Value = serde_json::from_str(&get("runningpods/").unwrap()).unwrap();
        assert_eq!(running["items"][0]["metadata"]["name"], "talk");
        let config: Value = serde_json::from_str(&get("configz").unwrap()).unwrap();
        assert!(config["kubeletconfig"].is_object(), "{config}");
        let summary: Value = serde_json::from_str(&get("stats/summary").unwrap()).unwrap();
        assert_eq!(summary["node"]["nodeName"], json!(name));
        for path in ["metrics", "metrics/resource", "metrics/cadvisor"] {
            assert!(get(path).unwrap().contains("# TYPE "), "{path}");
        }
        assert!(!get("metrics/probes").unwrap().contains("talk"), "it has none");
        for path in ["", "no-such-path", "healthz/no-such-check"] {
            let refused = get(path).unwrap_err();
            assert!(refused.contains("NotFound"), "{path}: {refused}");
        }
        let refused = get(&format!("containerLogs/{name}/none/main")).unwrap_err();
        assert!(refused.contains("NotFound"), "{refused}");
        // What needs an upgrade says so, and no more happens.
        let refused = get(&format!("exec/{name}/talk/main?command=true&output=1")).unwrap_err();
        assert!(refused.contains("BadRequest") || refused.contains("Bad Request"), "{refused}");
    }
}
