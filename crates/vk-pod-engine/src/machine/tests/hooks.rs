//! Hooks: what comes before and after them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::world::{Fault, World, plan};
use crate::machine::Call;
use crate::plan::{PodPlan, ProbeKind};

fn hooked(lifecycle: &Value) -> Arc<PodPlan> {
    plan(json!({"containers": [{"name": "app", "image": "a:1", "lifecycle": lifecycle}]}))
}

fn hook() -> Value {
    json!({"exec": {"command": ["true"]}})
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn is_hook(call: &Call) -> bool {
    matches!(call, Call::RunHook { .. })
}

#[test]
fn the_first_hook_runs_once_after_the_start_and_probes_wait_for_it() {
    let container = json!({
        "name": "app", "image": "a:1", "lifecycle": {"postStart": hook()},
        "livenessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 1, "failureThreshold": 1},
    });
    let mut world = World::created(plan(json!({"containers": [container]})));
    world.model.unwell.insert(ProbeKind::Liveness);
    while !world.pending.iter().any(|(_, call)| is_hook(call)) {
        world.answer(0);
    }
    while let Some(other) = world.pending(|call| !is_hook(call)) {
        world.answer(other);
    }
    world.set_time(world.now.mono + seconds(60));
    world.feed(crate::machine::Event::Tick);
    assert_eq!((world.container("app").started, world.container("app").ready), (Some(false), Some(false)));
    assert_eq!(world.pending(|call| matches!(call, Call::Probe { .. })), None);
    world.model.unwell.clear();
    world.settle();
    world.pass(seconds(5));
    assert_eq!(world.container("app").started, Some(true));
    assert_eq!(
        (world.signals.as_slice(), world.starts.as_slice()),
        (&["app PostStart".to_owned()][..], &["app/0".to_owned()][..])
    );
}

#[test]
fn a_container_whose_first_hook_fails_is_ended_and_runs_again() {
    let mut world = World::created(hooked(&json!({"postStart": hook()})));
    world.model.broken_hooks = true;
    world.settle();
    assert_eq!(world.signals, ["app PostStart", "app Stop", "app PostStart", "app Stop"]);
    assert_eq!(world.starts, ["app/0", "app/1"]);
    assert_eq!(world.word("app"), "CrashLoopBackOff");
    let failed = world.events.iter().find(|event| event.reason == "FailedPostStartHook").unwrap();
    assert_eq!(failed.message, "PostStartHook failed: exit code 1");
}

#[test]
fn the_last_hook_comes_before_the_signal_whether_it_works_or_not() {
    for broken in [false, true] {
        let mut world = World::settled(hooked(&json!({"preStop": hook()})));
        world.model.broken_hooks = broken;
        world.terminate(30);
        world.settle();
        assert_eq!(world.signals, ["app PreStop", "app Stop"]);
        assert_eq!(world.reasons().contains(&"FailedPreStopHook"), broken);
    }
}

#[test]
fn a_hook_that_hangs_is_cut_short_by_the_deadline() {
    let mut world = World::settled(hooked(&json!({"preStop": hook()})));
    world.terminate(10);
    while let Some(other) = world.pending(|call| !is_hook(call)) {
        world.answer(other);
    }
    assert!(world.signals.is_empty());
    // Somebody is in a hurry.
    world.terminate(2);
    world.set_time(world.now.mono + seconds(2));
    world.feed(crate::machine::Event::Tick);
    assert_eq!(world.pending(is_hook), None, "it is given up");
    world.settle();
    assert_eq!(world.signals, ["app Kill"]);
}

#[test]
fn a_hook_whose_answer_is_lost_is_not_run_again() {
    let mut world = World::settled(hooked(&json!({"preStop": hook()})));
    world.terminate(30);
    let index = world.pending(is_hook).unwrap();
    world.fail(index, Fault::Applied);
    world.settle();
    assert_eq!(world.signals, ["app PreStop", "app Stop"]);
}

#[test]
fn a_pod_can_be_deleted_while_its_first_hook_runs() {
    let mut world = World::created(hooked(&json!({"postStart": hook()})));
    while !world.pending.iter().any(|(_, call)| is_hook(call)) {
        world.answer(0);
    }
    world.terminate(30);
    world.settle();
    assert_eq!(world.signals, ["app Stop"]);
    assert!(!world.reasons().contains(&"FailedPostStartHook"));
    assert_eq!(world.stage(), vk_core::Stage::Stopped);
}

#[test]
fn an_agent_that_comes_back_does_not_repeat_the_first_hook() {
    let mut world = World::settled(hooked(&json!({"postStart": hook()})));
    world.crash();
    world.settle();
    world.adopt(hooked(&json!({"postStart": hook()})), std::collections::BTreeMap::new());
    world.settle();
    assert_eq!(world.signals, ["app PostStart"]);
    assert_eq!(world.container("app").started, Some(true));
}
