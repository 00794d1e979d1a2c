use std::time::Duration;

use vk_core::Stage;

use super::world::{World, one_container, with_sidecars};
use crate::machine::{Call, Event};

fn initialized() -> World {
    let mut world = World::settled(with_sidecars("Always"));
    world.exit("init", 0);
    world.settle();
    world
}

#[test]
fn app_containers_are_stopped_first_then_sidecars_backwards_then_the_sandbox() {
    let mut world = initialized();
    world.terminate(30);
    world.settle();
    assert_eq!(world.signals, ["app Stop", "app2 Stop", "side2 Stop", "side1 Stop"]);
    assert!(!world.model.sandboxes[0].running);
    assert_eq!(world.stage(), Stage::Stopped);
    assert_eq!(world.word("app"), "Error");
}

#[test]
fn whoever_ignores_the_signal_is_killed_at_the_deadline() {
    let mut world = World::settled(one_container("Always"));
    world.model.deaf = true;
    world.terminate(30);
    world.pass(Duration::from_secs(29));
    assert_eq!(world.signals, ["app Stop"]);
    assert_eq!(world.stage(), Stage::Stopping);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.signals, ["app Stop", "app Kill"]);
    assert_eq!(world.stage(), Stage::Stopped);
}

#[test]
fn a_later_stop_can_only_shorten_the_deadline() {
    let mut world = World::settled(one_container("Always"));
    world.model.deaf = true;
    world.terminate(30);
    world.settle();
    world.terminate(5);
    world.terminate(300);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.signals, ["app Stop", "app Kill"]);
}

#[test]
fn after_the_deadline_sidecars_wait_for_nobody() {
    let mut world = initialized();
    world.model.deaf = true;
    world.terminate(10);
    world.pass(Duration::from_secs(10));
    assert_eq!(world.stage(), Stage::Stopped);
    assert!(!world.signals.contains(&"side1 Stop".to_owned()));
}

#[test]
fn a_pod_that_is_being_stopped_starts_nothing() {
    let mut world = World::created(one_container("Always"));
    for _ in 0..20 {
        let mut stopped = world.clone();
        stopped.terminate(30);
        stopped.settle();
        stopped.pass(Duration::from_secs(60));
        assert_eq!(stopped.stage(), Stage::Stopped);
        assert!(stopped.running().is_empty());
        if world.pending.is_empty() {
            return;
        }
        world.answer(0);
    }
    panic!("the pod never came to rest");
}

#[test]
fn a_pull_is_given_up_when_the_pod_is_stopped() {
    let mut world = World::created(super::world::plan(serde_json::json!({
        "containers": [{"name": "app", "image": "a"}],
    })));
    while world.pending(|call| matches!(call, Call::PullImage { .. })).is_none() {
        world.answer(0);
    }
    world.terminate(30);
    assert!(world.pending(|call| matches!(call, Call::PullImage { .. })).is_none());
    world.settle();
    assert_eq!(world.stage(), Stage::Stopped);
}

#[test]
fn an_answer_that_comes_in_spite_of_being_cancelled_starts_nothing() {
    let mut world = World::created(one_container("Always"));
    world.ignores_cancel = true;
    while world.pending(|call| matches!(call, Call::FindImage { .. })).is_none() {
        world.answer(0);
    }
    world.terminate(30);
    world.settle();
    assert_eq!(world.stage(), Stage::Stopped);
    assert!(world.model.containers.is_empty(), "nothing was even created");
}

#[test]
fn a_completed_pod_stops_its_sidecars_and_keeps_its_containers() {
    let mut world = World::settled(with_sidecars("Never"));
    world.exit("init", 0);
    world.settle();
    world.exit("app", 0);
    world.exit("app2", 3);
    world.settle();
    assert_eq!(world.stage(), Stage::Stopped);
    assert_eq!(world.signals, ["side2 Stop", "side1 Stop"]);
    assert_eq!(world.model.containers.len(), 5);
    world.pass(Duration::from_secs(1000));
    assert_eq!(world.starts.len(), 5);
}

#[test]
fn removal_leaves_nothing_and_proves_it() {
    let mut world = initialized();
    world.terminate(1);
    world.settle();
    world.feed(Event::Remove);
    assert!(!world.forgotten);
    world.settle();
    assert!(world.forgotten);
    assert!(world.listed().is_empty());
}

/// A list of the runtime is all that an agent has which comes after one that was killed.
#[test]
fn the_sandbox_stays_until_the_files_are_gone() {
    let mut world = World::settled(one_container("Always"));
    world.feed(Event::Remove);
    while world.pending(|call| matches!(call, Call::ReleaseVolumes)).is_none() {
        world.answer(0);
    }
    assert!(world.model.containers.is_empty());
    assert!(!world.model.sandboxes.is_empty());
    world.settle();
    assert!(world.forgotten && world.listed().is_empty());
}

#[test]
fn what_a_runtime_hides_while_it_removes_it_is_waited_for() {
    let mut world = World::settled(one_container("Always"));
    world.feed(Event::Remove);
    let removal = |call: &Call| matches!(call, Call::RemoveSandbox { .. });
    while world.pending(removal).is_none() {
        world.answer(0);
    }
    world.model.sandboxes.clear();
    world.feed(Event::Hinted);
    while let Some(index) = world.pending(|call| !removal(call)) {
        world.answer(index);
    }
    assert!(!world.forgotten);
    world.settle();
    assert!(world.forgotten);
}

#[test]
fn removal_without_a_stop_works_too_even_in_the_middle_of_a_start() {
    let mut world = World::created(one_container("Always"));
    for _ in 0..20 {
        let mut removed = world.clone();
        removed.feed(Event::Remove);
        removed.settle();
        assert!(removed.forgotten && removed.listed().is_empty());
        if world.pending.is_empty() {
            return;
        }
        world.answer(0);
    }
}

#[test]
fn a_pod_that_was_never_adopted_can_be_stopped_and_removed() {
    let mut world = initialized();
    world.crash();
    world.settle();
    world.terminate(30);
    world.settle();
    assert_eq!(world.signals, ["app Stop", "app2 Stop", "side2 Stop", "side1 Stop"]);
    assert_eq!(world.stage(), Stage::Stopped);
    world.feed(Event::Remove);
    world.settle();
    assert!(world.forgotten);
}

#[test]
fn adoption_does_not_revive_a_pod_that_is_being_stopped() {
    let mut world = World::settled(one_container("Always"));
    world.crash();
    world.settle();
    world.terminate(30);
    world.adopt(one_container("Always"), std::collections::BTreeMap::new());
    world.settle();
    world.pass(Duration::from_secs(600));
    assert_eq!(world.starts, ["app/0"]);
    assert_eq!(world.stage(), Stage::Stopped);
}
