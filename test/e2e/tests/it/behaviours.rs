//! What every agent must do, on the real control plane: the same functions that run on the API server in process.

mod connection;
mod real_ring;

use std::pin::Pin;

use tokio::runtime::Builder;
use vk_testkit::World;

use crate::stage::Environment;
use real_ring::RealRing;

fn on_the_real_control_plane(name: &str, test: impl FnOnce(World) -> Pin<Box<dyn Future<Output = ()>>>) {
    let cluster = Environment::read().cluster;
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ring = RealRing::open(&cluster, name).await;
        let remains = ring.remains();
        test(World::new(Box::new(ring), 1)).await;
        remains.remove().await;
    });
}

vk_testkit::behaviours!(on_the_real_control_plane);

/// What scheduler and controller-manager do, without any agent.
mod of_the_cluster {
    vk_testkit::cluster_behaviours!(super::on_the_real_control_plane);
}
