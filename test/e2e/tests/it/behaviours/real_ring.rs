//! The cluster that `cargo xtask e2e` has started, as a ring for the behaviours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use k8s_openapi::api::core::v1::{Namespace, Node, Pod, ServiceAccount};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client, Config};
use serde_json::json;
use test_cluster::Cluster;
use virtual_kubelet::SystemClock;
use virtual_kubelet::controller::env::WallClock;
use vk_testkit::Ring;
use vk_testkit::world::AgentClients;

use super::connection::Connection;
use crate::stage::client_config;

/// A namespace and a node of a test's own on the real API server.
pub(super) struct RealRing {
    admin: Client,
    /// With the node's identity.
    node: Config,
    name: String,
}

impl RealRing {
    /// Makes the namespace; the agent registers the node.
    pub(super) async fn open(cluster: &Cluster, test: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let slug: String = test.replace('_', "-").chars().take(45).collect();
        let name = format!("b-{}-{}", slug.trim_end_matches('-'), COUNT.fetch_add(1, Ordering::Relaxed));
        let admin = Client::try_from(client_config(&cluster.admin_kubeconfig()).await).unwrap();
        let node = client_config(&cluster.node_kubeconfig(&name).unwrap()).await;

        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
        Api::all(admin.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        // Until its default ServiceAccount is there, a namespace takes no pods.
        let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), &name);
        while accounts.get_opt("default").await.unwrap().is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Self { admin, node, name }
    }

    /// What has to be removed at the end.
    pub(super) fn remains(&self) -> Remains {
        Remains { admin: self.admin.clone(), name: self.name.clone() }
    }
}

impl Ring for RealRing {
    fn admin(&self) -> Client {
        self.admin.clone()
    }

    fn agent(&self, node_name: &str) -> AgentClients {
        assert_eq!(node_name, self.name, "the ring has one node");
        let connection = Connection::new(self.node.clone());
        let cut = connection.clone();
        AgentClients { make: Arc::new(move || connection.client()), cut: Arc::new(move || cut.cut()) }
    }

    fn wall_clock(&self) -> Arc<dyn WallClock> {
        Arc::new(SystemClock)
    }

    fn namespace(&self) -> &str {
        &self.name
    }

    fn node_name(&self) -> &str {
        &self.name
    }
}

/// What a ring leaves on the API server.
pub(super) struct Remains {
    admin: Client,
    name: String,
}

impl Remains {
    /// Nobody keeps these pods any more, so they go by force.
    pub(super) async fn remove(self) {
        let pods: Api<Pod> = Api::namespaced(self.admin.clone(), &self.name);
        let by_force = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        pods.delete_collection(&by_force, &ListParams::default()).await.unwrap();
        let namespaces: Api<Namespace> = Api::all(self.admin.clone());
        namespaces.delete(&self.name, &DeleteParams::default()).await.unwrap();
        let nodes: Api<Node> = Api::all(self.admin.clone());
        // A test of an agent that never registers leaves none.
        if nodes.get_opt(&self.name).await.unwrap().is_some() {
            nodes.delete(&self.name, &DeleteParams::default()).await.unwrap();
        }
    }
}
