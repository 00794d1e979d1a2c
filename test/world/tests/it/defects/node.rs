//! The node's heartbeat stopped for reasons that had nothing to do with the node.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use virtual_kubelet::ScopedSpawner;
use virtual_kubelet::controller::env::{Env, Random};
use virtual_kubelet::controller::node::{LeaseKeeper, NodeController, SharedClient};
use virtual_kubelet::core::Result;
use virtual_kubelet::core::node::lease::LeaseHolder;
use virtual_kubelet::core::node::{AgentFacts, Identity, KubeletVersion, NodeName, NodeShape};
use virtual_kubelet::provider::{BoxNodeProvider, NodeProvider, NodeSink};
use vk_testkit::Ring;

use super::cluster::{SOON, node_ready, simulate};

/// A node whose provider reports a new shape whenever the test says so.
struct Reporting(watch::Receiver<NodeShape>);

impl NodeProvider for Reporting {
    async fn shape(&self) -> Result<NodeShape> {
        Ok(self.0.borrow().clone())
    }

    async fn watch(&self, sink: NodeSink) -> Result<()> {
        let mut shapes = self.0.clone();
        while shapes.changed().await.is_ok() {
            let shape = shapes.borrow_and_update().clone();
            sink.report(shape);
        }
        std::future::pending().await
    }
}

/// vk#788: each notification of a changed node put the next heartbeat off by a minute, and the node became NotReady.
#[test]
fn vk_788_notifications_of_the_provider_put_no_heartbeat_off() {
    simulate(80, |world, cluster| async move {
        let spawner = Arc::new(ScopedSpawner::new(Handle::current()));
        let env = Env::new(cluster.wall_clock(), Random::seeded(1), spawner.clone());
        let clients = cluster.agent(world.node_name());
        let name = NodeName::parse(world.node_name()).unwrap();
        let holder = LeaseHolder { node: name.clone(), instance: "one".into(), host: "test".into() };
        let shutdown = CancellationToken::new();
        let connection = Arc::new(SharedClient((clients.make)()));
        let lease = LeaseKeeper::new(holder).start(&env, connection, shutdown.clone());
        let (reports, shapes) = watch::channel(NodeShape::default());
        let facts = AgentFacts::new(name, KubeletVersion::of_this_build(), Identity::Node);
        let provider = BoxNodeProvider::new(Reporting(shapes));
        let _node = NodeController::new(facts, provider).start(&env, (clients.make)(), lease, &shutdown);
        world.eventually(SOON, "the node is ready", || async { node_ready(&world).await == "True" }).await;

        for number in 0..120 {
            reports.send_modify(|shape| {
                shape.labels.insert("turn".to_owned(), number.to_string());
            });
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert_eq!(node_ready(&world).await, "True");
        }
        let renewals = cluster.agent_requests().into_iter().filter(|it| it.resource == "leases" && it.verb == "patch");
        let renewals: Vec<_> = renewals.map(|it| it.at).collect();
        let longest = renewals.windows(2).map(|pair| pair[1].duration_since(pair[0])).max().unwrap();
        assert!(longest.as_secs() < 40, "a lease lasts 40 s, and was once not renewed for {longest}");
    });
}
