//! What a kubelet's identity may and may not do.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Namespace, Node, Pod, Secret, Service};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchParams};
use serde_json::{Value, json};
use std::time::Duration;
use vk_apiserver::Options;

use crate::support::*;

fn node_with(value: Value) -> Node {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_kubelet_registers_itself_with_its_status() {
    run(|| async {
        let server = server();
        let api: Api<Node> = Api::all(node(&server, "n"));
        assert!(api.get_opt("n").await.unwrap().is_none(), "its own node is 404 before it exists");
        let wanted = node_with(json!({
            "metadata": {"name": "n", "labels": {"kubernetes.io/os": "linux", "node.kubernetes.io/exclude-from-external-load-balancers": "true"}},
            "spec": {"taints": [{"key": "virtual-kubelet.io/provider", "value": "mock", "effect": "NoSchedule"}]},
            "status": {"capacity": {"pods": "10"}},
        }));
        let created = serde_json::to_value(api.create(&PostParams::default(), &wanted).await.unwrap()).unwrap();
        assert_eq!(created["status"]["allocatable"]["pods"], "10");
        let taints: Vec<&Value> =
            created["spec"]["taints"].as_array().unwrap().iter().map(|taint| &taint["key"]).collect();
        assert_eq!(taints, ["virtual-kubelet.io/provider", "node.kubernetes.io/not-ready"]);
        let status = Patch::Strategic(json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}));
        api.patch_status("n", &PatchParams::default(), &status).await.unwrap();
    });
}

#[test]
fn labels_taints_other_nodes_and_deletion_are_refused() {
    run(|| async {
        let server = server();
        let api: Api<Node> = Api::all(node(&server, "n"));
        let create = |value: Value| {
            let api = api.clone();
            async move { api.create(&PostParams::default(), &node_with(value)).await }
        };
        let role = json!({"metadata": {"name": "n", "labels": {"kubernetes.io/role": "agent"}}});
        assert_eq!(refusal(create(role).await), pair(403, "Forbidden"));
        assert_eq!(refusal(create(json!({"metadata": {"name": "other"}})).await), pair(403, "Forbidden"));
        create(json!({"metadata": {"name": "n"}})).await.unwrap();
        let taints = json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}});
        let patched = api.patch("n", &PatchParams::default(), &Patch::Merge(taints.clone())).await;
        assert_eq!(refusal(patched), pair(403, "Forbidden"));
        let through_status = api.patch_status("n", &PatchParams::default(), &Patch::Merge(taints)).await;
        assert_eq!(refusal(through_status), pair(403, "Forbidden"));
        let cordon = Patch::Merge(json!({"spec": {"unschedulable": true}}));
        api.patch("n", &PatchParams::default(), &cordon).await.unwrap();
        let unsorted = Patch::Merge(json!({"status": {"declaredFeatures": ["B", "A"]}}));
        assert_eq!(refusal(api.patch_status("n", &PatchParams::default(), &unsorted).await), pair(422, "Invalid"));
        assert_eq!(refusal(api.delete("n", &DeleteParams::default()).await), pair(403, "Forbidden"));
        assert_eq!(refusal(api.get("other").await), pair(403, "Forbidden"));
    });
}

#[test]
fn a_deleted_pod_is_403_and_its_absence_is_proved_by_a_list() {
    run(|| async {
        let server = server();
        let kubelet = node(&server, "n");
        create_pod(&admin(&server), "p", "n").await;
        pods(&kubelet).get("p").await.unwrap();
        pods(&admin(&server)).delete("p", &grace(0)).await.unwrap();
        assert_eq!(refusal(pods(&kubelet).get("p").await), pair(403, "Forbidden"));
        create_pod(&admin(&server), "p", "other").await;
        assert_eq!(refusal(pods(&kubelet).get("p").await), pair(403, "Forbidden"));
        assert_eq!(
            refusal(patch_status(&kubelet, "p", json!({"status": {"phase": "Running"}})).await),
            pair(403, "Forbidden")
        );
        let proof = ListParams::default().fields("metadata.name=p,spec.nodeName=n");
        assert_eq!(Api::<Pod>::all(kubelet.clone()).list(&proof).await.unwrap().items.len(), 0);
        assert_eq!(refusal(Api::<Pod>::all(kubelet).list(&ListParams::default()).await), pair(403, "Forbidden"));
    });
}

#[test]
fn pods_are_not_patched_and_their_labels_not_through_status_but_annotations_are() {
    run(|| async {
        let server = server();
        let kubelet = node(&server, "n");
        create_pod(&admin(&server), "p", "n").await;
        let metadata = |field: &str| json!({"metadata": {field: {"example.com/handle": "1"}}});
        let main = pods(&kubelet).patch("p", &PatchParams::default(), &Patch::Merge(metadata("annotations"))).await;
        assert_eq!(refusal(main), pair(403, "Forbidden"));
        assert_eq!(refusal(patch_status(&kubelet, "p", metadata("labels")).await), pair(403, "Forbidden"));
        let annotated = patch_status(&kubelet, "p", metadata("annotations")).await.unwrap();
        assert_eq!(annotated.metadata.annotations.unwrap()["example.com/handle"], "1");
    });
}

#[test]
fn only_references_of_bound_pods_are_readable_and_only_by_name() {
    run(|| async {
        let server = server();
        let (client, kubelet) = (admin(&server), node(&server, "n"));
        for name in ["used", "unused"] {
            let config: ConfigMap = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
            Api::default_namespaced(client.clone()).create(&PostParams::default(), &config).await.unwrap();
        }
        let spec = json!({"nodeName": "n", "containers": [
            {"name": "c", "image": "i", "envFrom": [{"configMapRef": {"name": "used"}}, {"secretRef": {"name": "later"}}]}]});
        pods(&client).create(&PostParams::default(), &pod_from("p", spec)).await.unwrap();
        let configs: Api<ConfigMap> = Api::default_namespaced(kubelet.clone());
        configs.get("used").await.unwrap();
        configs.get("kube-root-ca.crt").await.unwrap();
        assert_eq!(refusal(configs.get("unused").await), pair(403, "Forbidden"));
        assert_eq!(refusal(configs.list(&ListParams::default()).await), pair(403, "Forbidden"));
        configs.list(&ListParams::default().fields("metadata.name=used")).await.unwrap();
        configs.watch(&WatchParams::default().fields("metadata.name=used"), "0").await.map(drop).unwrap();
        let secrets: Api<Secret> = Api::default_namespaced(kubelet.clone());
        assert_eq!(refusal(secrets.get("later").await), pair(404, "NotFound"), "referenced and missing is 404");
        Api::<Service>::all(kubelet.clone()).list(&ListParams::default()).await.unwrap();
        let events: Api<Event> = Api::default_namespaced(kubelet.clone());
        assert_eq!(refusal(events.list(&ListParams::default()).await), pair(403, "Forbidden"));
        assert_eq!(refusal(Api::<Namespace>::all(kubelet).get("default").await), pair(403, "Forbidden"));
    });
}

#[test]
fn a_kubelet_has_one_lease() {
    run(|| async {
        let server = server();
        let leases: Api<Lease> = Api::namespaced(node(&server, "n"), "kube-node-lease");
        let lease = |name: &str, version: Option<String>| -> Lease {
            serde_json::from_value(
                json!({"metadata": {"name": name, "resourceVersion": version}, "spec": {"leaseDurationSeconds": 40}}),
            )
            .unwrap()
        };
        let created = leases.create(&PostParams::default(), &lease("n", None)).await.unwrap();
        let version = created.metadata.resource_version;
        let mut renewed = lease("n", version.clone());
        renewed.spec.get_or_insert_default().holder_identity = Some("n".into());
        leases.replace("n", &PostParams::default(), &renewed).await.unwrap();
        let stale = leases.replace("n", &PostParams::default(), &lease("n", version)).await;
        assert_eq!(refusal(stale), pair(409, "Conflict"));
        let blind = leases.replace("n", &PostParams::default(), &lease("n", None)).await;
        assert_eq!(refusal(blind), pair(422, "Invalid"));
        assert_eq!(refusal(leases.create(&PostParams::default(), &lease("other", None)).await), pair(403, "Forbidden"));
        assert_eq!(refusal(leases.get("other").await), pair(403, "Forbidden"));
    });
}

#[test]
fn the_graph_lags_and_is_empty_after_a_restart() {
    run(|| async {
        let mut options = Options::default();
        options.graph_lag = Duration::from_secs(1);
        let server = server_with(options);
        let kubelet = node(&server, "n");
        create_pod(&admin(&server), "p", "n").await;
        assert_eq!(refusal(pods(&kubelet).get("p").await), pair(403, "Forbidden"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        pods(&kubelet).get("p").await.unwrap();
        server.restart();
        assert_eq!(refusal(pods(&kubelet).get("p").await), pair(403, "Forbidden"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        pods(&kubelet).get("p").await.unwrap();
    });
}
