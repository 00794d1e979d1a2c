//! The behaviours, on the API server in process.

use std::pin::Pin;

use vk_testkit::World;
use vk_testkit::world::simulate;

fn in_process(name: &str, test: impl FnOnce(World) -> Pin<Box<dyn Future<Output = ()>>>) {
    let seed = name.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    simulate(seed, |world, _server| test(world));
}

vk_testkit::behaviours!(in_process);
