//! The node of this example on an API server in process.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::json;
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{DeleteParams, PostParams};
use vk_apiserver::{ApiServer, ApiService, Identity, Options};

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// A client of its own, as after a connection of its own.
fn client(service: ApiService) -> Client {
    Client::new(service, "default")
}

/// The first answer that is what we wait for.
async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let looking = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

#[tokio::test]
async fn a_pod_runs_on_the_node_until_it_is_deleted() {
    let server = ApiServer::new(Options::default(), Timestamp::now);
    tokio::spawn(server.clone().background());
    let own = server.service(Identity::node("hello"));
    let agent = Agent::new(Arc::new(move || std::future::ready(Ok(client(own.clone()))))).unwrap();
    let running = agent.add_node(node("hello").unwrap()).await.unwrap();
    assert!(running.registered().await);

    let admin = client(server.service(Identity::admin()));
    let registered = Api::<Node>::all(admin.clone()).get("hello").await.unwrap();
    assert_eq!(registered.status.unwrap().capacity.unwrap()["pods"].0, "100");
    assert_eq!(registered.spec.unwrap().taints.unwrap()[0].value.as_deref(), Some("hello"));

    let pods: Api<Pod> = Api::namespaced(admin, "default");
    let pod = json!({
        "metadata": {"name": "greeter"},
        "spec": {"nodeName": "hello", "containers": [{"name": "main", "image": "any"}]},
    });
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let ready = |pod: Pod| -> Option<bool> {
        let status = pod.status?;
        (status.phase.as_deref() == Some("Running")).then_some(status.container_statuses?.first()?.ready)
    };
    let is_ready = eventually("the pod runs", async || ready(pods.get("greeter").await.unwrap())).await;
    assert!(is_ready);

    pods.delete("greeter", &DeleteParams::default()).await.unwrap();
    eventually("the pod is gone", async || pods.get_opt("greeter").await.unwrap().is_none().then_some(())).await;
    running.stop().await;
}

#[test]
fn the_readme_shows_this_provider() {
    let shown = include_str!("../../../README.md").split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    let (source, shown) = (include_str!("main.rs"), shown.expect("README.md has a block of Rust"));
    assert!(shown.lines().count() > 30, "{shown}");
    assert!(source.contains(shown), "README.md shows another provider than examples/hello-provider/src/main.rs");
    assert!(source.lines().count() < 100);
}
