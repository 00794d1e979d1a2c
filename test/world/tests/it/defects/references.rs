//! What the agent reads of the cluster, and what it fails to give to its pods.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde_json::json;
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::PostParams;
use vk_testkit::backend::Nature;

use super::cluster::{IN_THE_END, running_pod, simulate};

/// vk#1298, vk#1311, vk#210: every Secret, ConfigMap and Service of the cluster was watched and kept by every node.
#[test]
fn vk_1298_only_what_pods_name_is_read() {
    simulate(60, |world, cluster| async move {
        for name in ["login", "of-others"] {
            let secret: Secret = serde_json::from_value(json!({"metadata": {"name": name}, "data": {}})).unwrap();
            Api::namespaced(world.admin(), "default").create(&PostParams::default(), &secret).await.unwrap();
            let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": name}, "data": {}})).unwrap();
            Api::namespaced(world.admin(), "default").create(&PostParams::default(), &map).await.unwrap();
        }
        world.backend().set_nature(Nature { inline: true, ..Nature::default() });
        let _agent = world.start_agent().await;
        let env_from = json!([{"secretRef": {"name": "login"}}, {"configMapRef": {"name": "login"}}]);
        let containers = json!([{"name": "app", "image": "app:1", "envFrom": env_from}]);
        running_pod(&world, "web", json!({"containers": containers})).await;
        tokio::time::sleep(IN_THE_END).await;

        let read = |resource: &'static str| {
            let requests = cluster.agent_requests().into_iter();
            requests.filter(move |it| it.resource == resource && matches!(it.verb.as_str(), "get" | "list" | "watch"))
        };
        for resource in ["secrets", "configmaps"] {
            let names: Vec<_> = read(resource).map(|it| (it.namespace, it.name)).collect();
            assert!(!names.is_empty(), "{resource} are read");
            let ours = |(namespace, name): &(String, String)| namespace == "default" && name == "login";
            assert!(names.iter().all(ours), "{resource}: {names:?}");
        }
        let services: Vec<_> = read("services").map(|it| it.namespace).collect();
        assert!(!services.is_empty() && services.iter().all(|namespace| namespace == "default"), "{services:?}");
        let refused: Vec<_> = cluster.agent_requests().into_iter().filter(|it| it.code == 403).collect();
        assert!(refused.is_empty(), "the identity of a node suffices: {refused:#?}");
    });
}

/// vk#1012, vk#1066: since Kubernetes 1.24 there is no token Secret, and pods had no way to talk to the API.
#[test]
fn vk_1012_the_token_of_a_pod_is_bound_to_it() {
    simulate(61, |world, cluster| async move {
        world.backend().set_nature(Nature { inline: true, ..Nature::default() });
        let _agent = world.start_agent().await;
        let uid = running_pod(&world, "web", json!({"automountServiceAccountToken": true})).await;
        let requests = cluster.agent_requests().into_iter();
        let tokens = requests.filter(|it| it.resource == "serviceaccounts" && it.subresource == "token");
        let asked: Vec<_> = tokens.map(|it| (it.name, it.asked_uid, it.code)).collect();
        assert!(!asked.is_empty(), "a token was asked for");
        let bound = ("default".to_owned(), uid.as_str().to_owned(), 201);
        assert!(asked.iter().all(|token| *token == bound), "{asked:?}");
    });
}
