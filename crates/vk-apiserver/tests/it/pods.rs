//! Pods: creation, defaults, status patches, what may change and what may not.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::support::*;

fn value(pod: &Pod) -> Value {
    serde_json::to_value(pod).unwrap()
}

#[test]
fn a_created_pod_has_identity_defaults_and_its_token_volume() {
    run(|| async {
        let server = server();
        let pod = value(&create_pod(&admin(&server), "p", "n").await);
        assert_eq!(pod["metadata"]["creationTimestamp"], "2026-11-22T14:00:00Z");
        assert_eq!(pod["metadata"]["generation"], 1);
        assert_eq!(pod["metadata"]["uid"].as_str().unwrap().len(), 36);
        assert_eq!(pod["status"], json!({"phase": "Pending", "qosClass": "BestEffort"}));
        assert_eq!(pod["spec"]["serviceAccountName"], "default");
        let volume = &pod["spec"]["volumes"][0];
        assert!(volume["name"].as_str().unwrap().starts_with("kube-api-access-"));
        assert_eq!(volume["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"], 3607);
        assert_eq!(pod["spec"]["containers"][0]["volumeMounts"][0]["name"], volume["name"]);
        assert_eq!(pod["spec"]["tolerations"].as_array().unwrap().len(), 2);
        assert_eq!(pod["spec"]["priority"], 0);
    });
}

#[test]
fn no_token_volume_where_the_pod_or_its_account_says_so() {
    run(|| async {
        let server = server();
        let spec = json!({"automountServiceAccountToken": false, "containers": [{"name": "c", "image": "i"}]});
        let pod = pods(&admin(&server)).create(&PostParams::default(), &pod_from("p", spec)).await.unwrap();
        assert_eq!(value(&pod)["spec"].get("volumes"), None);
        let missing = json!({"serviceAccountName": "none", "containers": [{"name": "c", "image": "i"}]});
        let refused = pods(&admin(&server)).create(&PostParams::default(), &pod_from("q", missing)).await;
        assert_eq!(refusal(refused), pair(403, "Forbidden"));
    });
}

#[test]
fn creation_refuses_bad_names_duplicates_missing_namespaces_and_wrong_shapes() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        create_pod(&client, "p", "n").await;
        let create = |name: &str| {
            let (client, pod) = (client.clone(), pod(name, "n"));
            async move { pods(&client).create(&PostParams::default(), &pod).await }
        };
        assert_eq!(refusal(create("p").await), pair(409, "AlreadyExists"));
        assert_eq!(refusal(create("Bad_Name").await), pair(422, "Invalid"));
        let elsewhere: Api<Pod> = Api::namespaced(client.clone(), "nowhere");
        let refused = elsewhere.create(&PostParams::default(), &pod("p", "n")).await;
        assert_eq!(message(refused), "namespaces \"nowhere\" not found");
        for (body, code) in [("{", 400), (r#"{"spec": 1}"#, 400), (r#"{"kind": "Node"}"#, 400), ("{}", 422)] {
            let request = http::Request::post("/api/v1/namespaces/default/pods")
                .header("content-type", "application/json")
                .body(body.as_bytes().to_vec())
                .unwrap();
            assert_eq!(refusal(client.request::<Pod>(request).await).0, code, "{body}");
        }
    });
}

#[test]
fn names_are_generated_and_differ() {
    run(|| async {
        let server = server();
        let mut wanted = pod("", "n");
        wanted.metadata.name = None;
        wanted.metadata.generate_name = Some("web-".into());
        let api = pods(&admin(&server));
        let first = api.create(&PostParams::default(), &wanted).await.unwrap().metadata.name.unwrap();
        let second = api.create(&PostParams::default(), &wanted).await.unwrap().metadata.name.unwrap();
        assert!(first.starts_with("web-") && first.len() == 9, "{first}");
        assert_ne!(first, second);
    });
}

#[test]
fn a_body_over_three_mebibytes_is_413() {
    run(|| async {
        let server = server();
        let data = [("k".to_owned(), "x".repeat(3 * 1024 * 1024 + 1))].into();
        let large = ConfigMap {
            metadata: kube::api::ObjectMeta { name: Some("c".into()), ..Default::default() },
            data: Some(data),
            ..Default::default()
        };
        let refused = Api::<ConfigMap>::default_namespaced(admin(&server)).create(&PostParams::default(), &large).await;
        assert_eq!(refusal(refused), pair(413, "RequestEntityTooLarge"));
    });
}

#[test]
fn a_status_patch_merges_conditions_and_leaves_the_spec_alone() {
    run(|| async {
        let server = server();
        create_pod(&admin(&server), "p", "n").await;
        let kubelet = node(&server, "n");
        let patch = |conditions: Value| json!({"status": {"conditions": conditions}, "spec": {"nodeName": "other"}});
        patch_status(&kubelet, "p", patch(json!([{"type": "Ready", "status": "False"}]))).await.unwrap();
        let after =
            patch_status(&kubelet, "p", patch(json!([{"type": "Initialized", "status": "True"}]))).await.unwrap();
        let after = value(&after);
        assert_eq!(after["spec"]["nodeName"], "n");
        assert_eq!(after["metadata"]["generation"], 1);
        let kinds: Vec<&Value> =
            after["status"]["conditions"].as_array().unwrap().iter().map(|condition| &condition["type"]).collect();
        assert_eq!(kinds, ["Initialized", "Ready"]);
    });
}

#[test]
fn phases_and_restart_counts_may_go_backwards() {
    run(|| async {
        let server = server();
        create_pod(&admin(&server), "p", "n").await;
        let kubelet = node(&server, "n");
        let status = |phase: &str, restarts: i32| {
            json!({"status": {"phase": phase, "containerStatuses": [
                {"name": "c", "ready": false, "restartCount": restarts, "image": "i", "imageID": "", "state": {"running": {}}}]}})
        };
        patch_status(&kubelet, "p", status("Failed", 5)).await.unwrap();
        let after = patch_status(&kubelet, "p", status("Running", 1)).await.unwrap();
        assert_eq!(after.status.unwrap().phase.as_deref(), Some("Running"));
    });
}

#[test]
fn a_wrong_uid_is_422_and_a_stale_version_409() {
    run(|| async {
        let server = server();
        let created = create_pod(&admin(&server), "p", "n").await;
        let kubelet = node(&server, "n");
        let with = |metadata: Value| json!({"metadata": metadata, "status": {"phase": "Running"}});
        let wrong = patch_status(&kubelet, "p", with(json!({"uid": "other"}))).await;
        assert!(message(wrong).contains("metadata.uid: Invalid value: \"other\": field is immutable"));
        let stale = json!({"uid": "other", "resourceVersion": created.metadata.resource_version});
        patch_status(&kubelet, "p", with(json!({}))).await.unwrap();
        assert_eq!(refusal(patch_status(&kubelet, "p", with(stale)).await), pair(409, "Conflict"));
        assert_eq!(refusal(patch_status(&kubelet, "gone", with(json!({}))).await), pair(404, "NotFound"));
    });
}

#[test]
fn a_status_must_not_change_the_qos_class_or_revive_what_ended() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let spec = json!({"nodeName": "n", "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]});
        pods(&client).create(&PostParams::default(), &pod_from("p", spec)).await.unwrap();
        let kubelet = node(&server, "n");
        let qos = patch_status(&kubelet, "p", json!({"status": {"qosClass": "Guaranteed"}})).await;
        assert_eq!(refusal(qos), pair(422, "Invalid"));
        let state = |state: Value| {
            json!({"status": {"containerStatuses": [
                {"name": "c", "ready": false, "restartCount": 0, "image": "i", "imageID": "", "state": state}]}})
        };
        patch_status(&kubelet, "p", state(json!({"terminated": {"exitCode": 0}}))).await.unwrap();
        let revived = patch_status(&kubelet, "p", state(json!({"waiting": {}}))).await;
        assert_eq!(refusal(revived), pair(422, "Invalid"));
    });
}

#[test]
fn a_second_pod_ip_without_replace_is_ignored_or_refused() {
    run(|| async {
        let server = server();
        create_pod(&admin(&server), "p", "n").await;
        let kubelet = node(&server, "n");
        let first = json!({"status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}});
        patch_status(&kubelet, "p", first).await.unwrap();
        let ignored = patch_status(&kubelet, "p", json!({"status": {"podIPs": [{"ip": "10.0.0.2"}]}})).await.unwrap();
        assert_eq!(value(&ignored)["status"]["podIPs"], json!([{"ip": "10.0.0.1"}]));
        let both = json!({"status": {"podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.2"}]}});
        assert_eq!(refusal(patch_status(&kubelet, "p", both).await), pair(422, "Invalid"));
        let replace = json!({"status": {"podIP": "10.0.0.2", "podIPs": [{"$patch": "replace"}, {"ip": "10.0.0.2"}]}});
        let replaced = patch_status(&kubelet, "p", replace).await.unwrap();
        assert_eq!(value(&replaced)["status"]["podIPs"], json!([{"ip": "10.0.0.2"}]));
    });
}

#[test]
fn an_image_change_is_a_new_generation_and_other_spec_changes_are_refused() {
    run(|| async {
        let server = server();
        let api = pods(&admin(&server));
        create_pod(&admin(&server), "p", "n").await;
        let patch = |spec: Value| Patch::Strategic(json!({"spec": spec}));
        let image = patch(json!({"containers": [{"name": "c", "image": "i:2"}]}));
        let changed = api.patch("p", &PatchParams::default(), &image).await.unwrap();
        assert_eq!(changed.metadata.generation, Some(2));
        let same = api.patch("p", &PatchParams::default(), &image).await.unwrap();
        assert_eq!(same.metadata.resource_version, changed.metadata.resource_version, "a no-op writes nothing");
        let refused = api.patch("p", &PatchParams::default(), &patch(json!({"hostNetwork": true}))).await;
        assert_eq!(refusal(refused), pair(422, "Invalid"));
    });
}

#[test]
fn json_and_merge_patches_work_and_server_side_apply_says_that_it_does_not() {
    run(|| async {
        let server = server();
        let api = pods(&admin(&server));
        create_pod(&admin(&server), "p", "n").await;
        let merge = Patch::Merge(json!({"metadata": {"labels": {"a": "1"}}}));
        api.patch("p", &PatchParams::default(), &merge).await.unwrap();
        let operations = json!([{"op": "replace", "path": "/metadata/labels/a", "value": "2"}]);
        let json_patch = Patch::Json::<Pod>(serde_json::from_value(operations).unwrap());
        let patched = api.patch("p", &PatchParams::default(), &json_patch).await.unwrap();
        assert_eq!(patched.metadata.labels.unwrap()["a"], "2");
        let applied = api.patch("p", &PatchParams::apply("me"), &Patch::Apply(pod("p", "n"))).await;
        assert_eq!(refusal(applied), pair(405, "MethodNotAllowed"));
    });
}

#[test]
fn binding_gives_a_node_once() {
    run(|| async {
        let server = server();
        let client = admin(&server);
        let spec = json!({"containers": [{"name": "c", "image": "i"}]});
        pods(&client).create(&PostParams::default(), &pod_from("p", spec)).await.unwrap();
        let bind = |node: &str| {
            let body = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Node", "name": node}});
            http::Request::post("/api/v1/namespaces/default/pods/p/binding")
                .body(body.to_string().into_bytes())
                .unwrap()
        };
        client.request::<Value>(bind("n")).await.unwrap();
        assert_eq!(refusal(client.request::<Value>(bind("m")).await), pair(409, "Conflict"));
        let bound = value(&pods(&client).get("p").await.unwrap());
        assert_eq!(bound["spec"]["nodeName"], "n");
        assert_eq!(bound["status"]["conditions"][0]["type"], "PodScheduled");
    });
}
