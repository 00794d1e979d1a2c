//! A provider that runs pods and can do nothing else with them: whoever asks for more is told so.

use std::net::SocketAddr;
use std::sync::Arc;

use kube::Client;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use virtual_kubelet::core::node::NodeAddress;
use virtual_kubelet::kubelet_api::{Options, Settings};
use virtual_kubelet::{Agent, NodeSpec, RunningNode};
use vk_testkit::Backend;

use crate::stage::{Environment, Identity, Stage, WEB_SOCKETS_OF_COMMANDS, client_config, condition, sleeper};

/// Tells kubectl whether to try a WebSocket before SPDY.
const WEB_SOCKETS_OF_PORTS: &str = "KUBECTL_PORT_FORWARD_WEBSOCKETS";

/// An agent in this process.
async fn keep(stage: &Stage) -> RunningNode {
    let (cluster, backend) = (&stage.environment().cluster, Backend::new());
    let serving = cluster.serving_certificate(stage.name(), &[cluster.address()]).unwrap();
    let mut options = Options::new(SocketAddr::new(cluster.address(), 0));
    options.certificate = Some(serving.certificate);
    options.key = Some(serving.key);
    options.client_ca = Some(serving.client_ca);
    let mut node = NodeSpec::new(stage.name(), backend.provider(), backend.node_provider()).unwrap();
    node.facts.addresses = vec![NodeAddress { kind: "InternalIP".to_owned(), address: cluster.address().to_string() }];
    node.kubelet_api = Some(Settings::try_from(options).unwrap());
    let config = client_config(&stage.kubeconfig()).await;
    let clients = move || std::future::ready(Client::try_from(config.clone()));
    Agent::new(Arc::new(clients)).unwrap().add_node(node).await.unwrap()
}

struct Kept {
    stage: Stage,
    runtime: Runtime,
    node: Option<RunningNode>,
}

impl Kept {
    fn with_pod() -> Self {
        let stage = Stage::open(&Environment::read(), Identity::Node);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let node = Some(runtime.block_on(keep(&stage)));
        stage.until_node("the node is ready", |node| condition(node, "Ready") == "True");
        let spec = json!({ "automountServiceAccountToken": false, "containers": [sleeper("main")] });
        stage.create_pod("web", spec);
        stage.until_running("web");
        Self { stage, runtime, node }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            self.runtime.block_on(node.stop());
        }
    }
}

#[test]
fn kubectl_says_what_the_provider_cannot_do() {
    let kept = Kept::with_pod();
    for kubectl in kept.stage.kubectls() {
        for way in ["true", "false"] {
            for (arguments, words) in [
                (&["exec", "web", "--", "true"][..], "cannot run commands in containers"),
                (&["attach", "web"], "cannot attach to containers"),
                (&["port-forward", "pod/web", ":80"], "cannot forward ports"),
                (&["logs", "web"], "has no container logs"),
                (&["cp", "web:/etc/passwd", "/dev/null"], "cannot run commands in containers"),
            ] {
                let mut command = kubectl.command(arguments);
                command.env(WEB_SOCKETS_OF_COMMANDS, way).env(WEB_SOCKETS_OF_PORTS, way);
                let output = command.output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                let what = format!("{}, {way}, {arguments:?}: {said}", kubectl.version());
                assert!(!output.status.success(), "{what}");
                assert!(said.contains(&format!("the provider of this virtual node {words}")), "{what}");
            }
        }
    }
    // Nothing of it has harmed the node.
    assert_eq!(condition(&kept.stage.node().unwrap(), "Ready"), "True");
    assert_eq!(kept.stage.pod("web").unwrap().phase(), "Running");
}
