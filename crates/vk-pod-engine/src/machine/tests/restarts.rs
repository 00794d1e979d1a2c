use std::time::Duration;

use vk_core::Stage;

use super::world::{World, one_container, with_sidecars};
use crate::machine::Event;

#[test]
fn a_crashing_container_backs_off_as_under_a_kubelet() {
    let mut world = World::settled(one_container("Always"));
    let mut waits = Vec::new();
    for _ in 0..8 {
        world.exit("app", 1);
        world.settle();
        let mut waited = 0;
        while world.word("app") != "Running" {
            assert_eq!(world.word("app"), "CrashLoopBackOff");
            world.pass(Duration::from_secs(1));
            waited += 1;
        }
        waits.push(waited);
    }
    assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
    let app = world.container("app");
    assert_eq!(app.restarts, 8);
    assert_eq!(app.last.unwrap().exit_code, 1);
}

#[test]
fn a_crash_loop_shows_how_the_last_run_ended_and_is_an_event() {
    let mut world = World::settled(one_container("Always"));
    world.exit("app", 1);
    world.settle();
    world.exit("app", 3);
    world.settle();
    let app = world.container("app");
    assert_eq!((app.restarts, app.last.unwrap().exit_code), (1, 3));
    assert!(world.reasons().contains(&"BackOff"));
}

#[test]
fn ten_minutes_of_running_end_the_back_off() {
    let mut world = World::settled(one_container("Always"));
    for _ in 0..2 {
        world.exit("app", 1);
        world.settle();
        world.pass(Duration::from_secs(15));
    }
    world.pass(Duration::from_secs(601));
    world.exit("app", 1);
    world.settle();
    assert_eq!(world.word("app"), "Running");
}

#[test]
fn on_failure_restarts_failures_only() {
    let mut world = World::settled(one_container("OnFailure"));
    world.exit("app", 1);
    world.settle();
    assert_eq!(world.container("app").restarts, 1);
    world.exit("app", 0);
    world.settle();
    assert_eq!(world.word("app"), "Completed");
    assert_eq!(world.stage(), Stage::Stopped);
}

#[test]
fn a_failed_init_container_ends_a_pod_that_never_restarts() {
    let mut world = World::settled(with_sidecars("Never"));
    world.exit("init", 1);
    world.settle();
    assert_eq!(world.stage(), Stage::Stopped);
    assert_eq!(world.starts, ["init/0"]);
}

#[test]
fn a_failed_init_container_is_restarted_before_anything_else_starts() {
    let mut world = World::settled(with_sidecars("Always"));
    world.exit("init", 1);
    world.settle();
    assert_eq!(world.starts, ["init/0", "init/1"]);
}

#[test]
fn only_the_newest_run_and_the_one_before_are_kept() {
    let mut world = World::settled(one_container("Always"));
    for _ in 0..4 {
        world.exit("app", 1);
        world.settle();
        world.pass(Duration::from_secs(300));
    }
    let kept: Vec<_> = world.model.containers.iter().map(|container| container.id.to_string()).collect();
    assert_eq!(kept, ["app-3", "app-4"]);
}

#[test]
fn the_restart_count_and_the_delay_survive_a_restart_of_the_agent() {
    let mut world = World::settled(one_container("Always"));
    for _ in 0..3 {
        world.exit("app", 1);
        world.settle();
        world.pass(Duration::from_secs(60));
    }
    world.crash();
    world.settle();
    assert_eq!(world.container("app").restarts, 3);
    world.adopt(one_container("Always"), std::collections::BTreeMap::new());
    world.settle();
    assert_eq!(world.starts.len(), 4);
    world.exit("app", 1);
    world.settle();
    assert_eq!(world.word("app"), "CrashLoopBackOff");
    world.pass(Duration::from_secs(39));
    assert_eq!(world.word("app"), "CrashLoopBackOff");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.container("app").restarts, 4);
}

#[test]
fn a_changed_image_replaces_the_container_whatever_the_policy() {
    let mut world = World::settled(one_container("Never"));
    let changed = super::world::plan(serde_json::json!({
        "restartPolicy": "Never", "containers": [{"name": "app", "image": "a:2"}],
    }));
    world.feed(Event::Replanned { plan: changed });
    world.settle();
    assert_eq!(world.signals, ["app Stop"]);
    assert_eq!(world.starts, ["app/0", "app/1"]);
    assert_eq!(world.container("app").image, "a:2");
}

#[test]
fn a_changed_image_runs_nothing_again_that_had_ended() {
    let two = |image: &str| {
        super::world::plan(serde_json::json!({
            "restartPolicy": "Never",
            "containers": [{"name": "app", "image": image}, {"name": "beside", "image": "a:1"}],
        }))
    };
    let mut world = World::settled(two("a:1"));
    world.exit("app", 0);
    world.settle();
    world.feed(Event::Replanned { plan: two("a:2") });
    world.settle();
    world.pass(Duration::from_secs(600));
    assert_eq!(world.starts, ["app/0", "beside/0"]);
    assert_eq!(world.word("app"), "Completed");
}
