//! What a cluster's controllers do, by those of the API server in process.

use std::pin::Pin;

use vk_apiserver::{Controllers, Options};
use vk_testkit::World;
use vk_testkit::interposer::Interposition;
use vk_testkit::world::simulate_on;

fn in_process(_name: &str, test: impl FnOnce(World) -> Pin<Box<dyn Future<Output = ()>>>) {
    let mut options = Options::default();
    options.controllers = Controllers::all();
    simulate_on(options, &Interposition::none(), 1, |world, _server| test(world));
}

vk_testkit::cluster_behaviours!(in_process);
