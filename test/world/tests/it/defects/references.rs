//! What the agent reads of the cluster, and what it fails to give to its pods.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::timeout;
use virtual_kubelet::ScopedSpawner;
use virtual_kubelet::controller::env::{Env, Random};
use virtual_kubelet::controller::pod::PodEntry;
use virtual_kubelet::controller::references::References;
use virtual_kubelet::core::resolve::references;
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{Patch, PatchParams, PostParams};
use virtual_kubelet::provider::DataRef;
use vk_testkit::backend::Nature;
use vk_testkit::{AgentInstance, Ring, World};

use super::cluster::{Cluster, IN_THE_END, running_pod, simulate};

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
        let agent = world.start_agent().await;
        let env_from = json!([{"secretRef": {"name": "login"}}, {"configMapRef": {"name": "login"}}]);
        let containers = json!([{"name": "app", "image": "app:1", "envFrom": env_from}]);
        running_pod(&world, "web", json!({"containers": containers})).await;
        follow_the_secret(&world, &cluster, &agent).await;

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

/// Follows `login` for the pod `web`, as a provider does that keeps the files of a volume up to date.
async fn follow_the_secret(world: &World, cluster: &Cluster, agent: &AgentInstance) {
    let spawner = Arc::new(ScopedSpawner::new(Handle::current()));
    let env = Env::new(cluster.wall_clock(), Random::seeded(1), spawner.clone());
    let references = References::new((cluster.agent(world.node_name()).make)(), 10, env);
    let pod = agent.directory().find(world.key("web")).await.unwrap().unwrap();
    let reference = references_of(&pod).into_iter().find(|reference| matches!(reference, DataRef::Secret { .. }));
    let mut changes = references.for_pod(&pod.snapshot).changes(reference.unwrap());
    let mut next = async || timeout(IN_THE_END, changes.next()).await.expect("an answer in time").unwrap().unwrap();
    assert!(next().await.is_some());
    let edit = json!({"stringData": {"user": "ann"}});
    let secrets: Api<Secret> = Api::namespaced(world.admin(), "default");
    secrets.patch("login", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
    assert!(next().await.is_some());
}

fn references_of(pod: &PodEntry) -> Vec<DataRef> {
    let decoded = pod.snapshot.raw.decode().unwrap();
    references(&decoded).all().into_keys().cloned().collect()
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
