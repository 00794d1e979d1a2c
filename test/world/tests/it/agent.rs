//! The agent of the facade, with real time and threads: several nodes in one process, and parts used alone.

#![allow(clippy::unwrap_used, reason = "what a test does itself is expected to work")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use virtual_kubelet::controller::env::{Env, Random};
use virtual_kubelet::controller::node::{LeaseKeeper, NodeController, SharedClient};
use virtual_kubelet::core::PodUid;
use virtual_kubelet::core::node::lease::LeaseHolder;
use virtual_kubelet::core::node::{AgentFacts, Identity as NodeIdentity, KubeletVersion, NodeName};
use virtual_kubelet::kube::api::{Patch, PatchParams, PostParams};
use virtual_kubelet::kube::{Api, Client};
use virtual_kubelet::permissions::PERMISSIONS;
use virtual_kubelet::provider::BoxNodeProvider;
use virtual_kubelet::{Agent, NodeSpec, RunningNode, ScopedSpawner, SystemClock};
use vk_apiserver::{ApiServer, Identity, Options, PolicyRule, VirtualClock};
use vk_testkit::Backend;

const SERVICE_ACCOUNT: &str = "system:serviceaccount:vk:agent";

/// A bound against hanging, not a claim.
const PATIENCE: Duration = Duration::from_secs(60);

async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let attempts = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, attempts).await.is_ok(), "in vain: {what}");
}

/// An API server that lets an agent do what the shipped ClusterRole does, and no more.
fn server() -> ApiServer {
    let server = ApiServer::new(Options::default(), VirtualClock::starting_at(Timestamp::now()));
    let rule = |permission: &virtual_kubelet::permissions::Permission| {
        let resource = match permission.subresource {
            "" => permission.resource.to_owned(),
            subresource => format!("{}/{subresource}", permission.resource),
        };
        PolicyRule::resources(&[permission.verb], permission.group, &[&resource])
    };
    server.grant(SERVICE_ACCOUNT, PERMISSIONS.iter().map(rule).collect());
    tokio::spawn(server.clone().background());
    server
}

fn agent(server: &ApiServer) -> Agent {
    let server = server.clone();
    let connect = move || {
        let service = server.service(Identity::service_account("vk", "agent"));
        std::future::ready(Ok(Client::new(service, "default")))
    };
    Agent::new(Arc::new(connect)).unwrap()
}

fn admin(server: &ApiServer) -> Client {
    Client::new(server.service(Identity::admin()), "default")
}

/// One of several nodes, and what it runs its pods on.
struct Kept {
    name: String,
    backend: Backend,
    node: RunningNode,
}

impl Kept {
    async fn add(agent: &Agent, name: &str) -> Self {
        let backend = Backend::new();
        let mut spec = NodeSpec::new(name, backend.provider(), backend.node_provider()).unwrap();
        spec.instance = "the-agent".to_owned();
        let node = agent.add_node(spec).await.unwrap();
        assert!(node.registered().await);
        Self { name: name.to_owned(), backend, node }
    }
}

fn pod_on(node: &str, name: &str) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": false,
            "containers": [{"name": "app", "image": "app:1"}],
            "tolerations": [{"operator": "Exists"}],
        },
    }))
    .unwrap()
}

async fn create_pod(pods: &Api<Pod>, node: &str, name: &str) -> PodUid {
    let created = pods.create(&PostParams::default(), &pod_on(node, name)).await.unwrap();
    PodUid::from(created.metadata.uid.unwrap())
}

async fn phase(pods: &Api<Pod>, name: &str) -> String {
    let status = pods.get_opt(name).await.unwrap().and_then(|pod| pod.status).unwrap_or_default();
    status.phase.unwrap_or_default()
}

/// Who holds the lease of this node; empty once it was left to whoever comes next.
async fn instance(leases: &Api<Lease>, node: &str) -> String {
    let lease = leases.get_opt(node).await.unwrap().unwrap_or_default();
    lease.metadata.annotations.unwrap_or_default().remove("virtual-kubelet.io/instance").unwrap_or_default()
}

/// supernetes#26, vk#565: many nodes in one process had to be put together by hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn supernetes_26_one_agent_keeps_several_nodes_apart() {
    let server = server();
    let pods: Api<Pod> = Api::default_namespaced(admin(&server));
    let leases: Api<Lease> = Api::namespaced(admin(&server), "kube-node-lease");
    let agent = agent(&server);
    let (a, b, c) = (
        Kept::add(&agent, "virtual-a").await,
        Kept::add(&agent, "virtual-b").await,
        Kept::add(&agent, "virtual-c").await,
    );
    for (number, kept) in [&a, &b, &c].into_iter().enumerate() {
        let mut uids = Vec::new();
        for pod in 0..=number {
            uids.push(create_pod(&pods, &kept.name, &format!("{}-{pod}", kept.name)).await);
        }
        for pod in 0..=number {
            let name = format!("{}-{pod}", kept.name);
            eventually("it runs", || async { phase(&pods, &name).await == "Running" }).await;
        }
        uids.sort();
        assert_eq!(kept.backend.uids(), uids, "{} runs its own pods, and no others", kept.name);
        assert_eq!(instance(&leases, &kept.name).await, "the-agent");
    }

    let Kept { name, backend, node } = b;
    let ran = backend.uids();
    node.stop().await;
    assert_eq!(instance(&leases, &name).await, "", "its lease is left to whoever comes next");
    create_pod(&pods, &name, "late").await;
    for kept in [&a, &c] {
        let more = format!("{}-more", kept.name);
        create_pod(&pods, &kept.name, &more).await;
        eventually("the others go on", || async { phase(&pods, &more).await == "Running" }).await;
        assert_eq!(instance(&leases, &kept.name).await, "the-agent");
    }
    assert_eq!(backend.uids(), ran, "what ran runs on, and nothing new is begun");

    // Its name is free for the same agent again.
    let again = NodeSpec::new(&name, backend.provider(), backend.node_provider()).unwrap();
    let again = agent.add_node(again).await.unwrap();
    eventually("the late pod runs", || async { phase(&pods, "late").await == "Running" }).await;
    for node in [again, a.node, c.node] {
        node.stop().await;
    }
}

/// A node of this name that is there already stays with whoever keeps it, within one process, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_kept_until_it_is_stopped() {
    let server = server();
    let nodes: Api<Node> = Api::all(admin(&server));
    let agent = agent(&server);
    let kept = Kept::add(&agent, "virtual-a").await;
    drop(agent);
    let uid = |node: Option<Node>| node.and_then(|node| node.metadata.uid);
    let first = uid(nodes.get_opt(&kept.name).await.unwrap());
    nodes.delete(&kept.name, &Default::default()).await.unwrap();
    let is_back = || async {
        let now = uid(nodes.get_opt("virtual-a").await.unwrap());
        now.is_some() && now != first
    };
    eventually("a node outlives the agent that made it, and is kept", is_back).await;
    kept.node.stop().await;
    assert!(nodes.get_opt("virtual-a").await.unwrap().is_some());
}

/// vk#277: pods and their statuses are somebody else's, as with an external simulator; the node is kept all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vk_277_the_node_controller_alone_leaves_pods_to_others() {
    let server = server();
    let client = || Client::new(server.service(Identity::service_account("vk", "agent")), "default");
    let spawner = Arc::new(ScopedSpawner::new(tokio::runtime::Handle::current()));
    let env = Env::new(Arc::new(SystemClock), Random::seeded(1), spawner.clone());
    let shutdown = CancellationToken::new();
    let name = NodeName::parse("virtual-a").unwrap();
    let holder = LeaseHolder { node: name.clone(), instance: "alone".to_owned(), host: "here".to_owned() };
    let lease = LeaseKeeper::new(holder).start(&env, Arc::new(SharedClient(client())), shutdown.clone());
    let facts = AgentFacts::new(name, KubeletVersion::of_this_build(), NodeIdentity::ServiceAccount);
    let provider = BoxNodeProvider::new(Backend::new().node_provider());
    let node = NodeController::new(facts, provider).start(&env, client(), lease, &shutdown);
    assert!(node.registered().await);

    let pods: Api<Pod> = Api::default_namespaced(admin(&server));
    create_pod(&pods, "virtual-a", "web").await;
    let theirs: Value = json!({"status": {"phase": "Running", "message": "says somebody else"}});
    pods.patch_status("web", &PatchParams::default(), &Patch::Merge(theirs)).await.unwrap();
    let written = pods.get("web").await.unwrap().metadata.resource_version;
    let nodes: Api<Node> = Api::all(admin(&server));
    let unready = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "Theirs"}]}});
    nodes.patch_status("virtual-a", &PatchParams::default(), &Patch::Strategic(unready)).await.unwrap();
    let is_ready = || async {
        let status = nodes.get("virtual-a").await.unwrap().status.unwrap_or_default();
        status.conditions.into_iter().flatten().any(|it| it.type_ == "Ready" && it.status == "True")
    };
    eventually("the node is repaired", is_ready).await;
    assert_eq!(pods.get("web").await.unwrap().metadata.resource_version, written);
    shutdown.cancel();
    node.ended().await;
}
