use vk_core::Stage;

use super::world::{World, one_container, plan, with_sidecars};
use crate::machine::{Call, VolumeState};
use serde_json::json;

#[test]
fn one_container_gets_a_sandbox_and_runs() {
    let mut world = World::created(one_container("Always"));
    assert!(matches!(world.stage(), Stage::Provisioning { .. }));
    assert_eq!(world.word("app"), "ContainerCreating");
    world.settle();
    assert_eq!(world.stage(), Stage::Active);
    assert_eq!(world.word("app"), "Running");
    assert_eq!(world.machine.observe().ips.len(), 1);
    assert_eq!(world.container("app").container_id, "model://app-0");
    assert_eq!(world.reasons(), ["Pulled", "Created", "Started"]);
}

#[test]
fn nothing_is_done_before_the_runtime_has_been_listed() {
    let world = World::created(one_container("Always"));
    assert!(matches!(world.pending[..], [(_, Call::List { .. })]));
}

#[test]
fn init_containers_run_in_order_and_sidecars_among_them() {
    let mut world = World::settled(with_sidecars("Always"));
    assert_eq!(world.running(), ["init"]);
    assert_eq!(world.word("app"), "PodInitializing");
    world.exit("init", 0);
    world.settle();
    assert_eq!(world.starts, ["init/0", "side1/0", "side2/0", "app/0", "app2/0"]);
    assert_eq!(world.word("init"), "Completed");
}

#[test]
fn app_containers_start_beside_each_other() {
    let mut world = World::settled(with_sidecars("Always"));
    world.exit("init", 0);
    // The images of both app containers are looked for before either has been started.
    while world.pending(|call| matches!(call, Call::FindImage { container, .. } if container == "app")).is_none() {
        world.answer(0);
    }
    assert!(world.pending(|call| matches!(call, Call::FindImage { container, .. } if container == "app2")).is_some());
}

#[test]
fn a_sidecar_that_ends_is_restarted_and_holds_nobody_up() {
    let mut world = World::settled(with_sidecars("Never"));
    world.exit("init", 0);
    world.settle();
    world.exit("side1", 0);
    world.settle();
    assert_eq!(world.container("side1").restarts, 1);
    assert_eq!(world.word("app"), "Running");
}

#[test]
fn a_container_waits_for_its_own_volumes_only() {
    let mut world = World::created(plan(json!({
        "volumes": [{"name": "v", "emptyDir": {}}],
        "containers": [
            {"name": "app", "image": "a:1", "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
            {"name": "app2", "image": "a:1"},
        ],
    })));
    world.settle();
    assert_eq!(world.running(), ["app2"]);
    world.volume("v", VolumeState::Failed { message: "configmap \"c\" not found".to_owned() });
    assert_eq!(world.word("app"), "ContainerCreating");
    world.volume("v", VolumeState::Ready);
    world.settle();
    assert_eq!(world.word("app"), "Running");
}
