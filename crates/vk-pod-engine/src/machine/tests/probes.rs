//! Probes: who is asked when, and what follows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::world::{World, plan};
use crate::machine::{Call, Event};
use crate::plan::{Evidence, Health, PodPlan, ProbeKind};

fn probed(restart: &str, probes: Value) -> Arc<PodPlan> {
    let mut container = json!({"name": "app", "image": "a:1"});
    container.as_object_mut().unwrap().extend(probes.as_object().unwrap().clone());
    plan(json!({"restartPolicy": restart, "containers": [container]}))
}

fn every_second() -> Value {
    json!({"tcpSocket": {"port": 80}, "periodSeconds": 1, "failureThreshold": 3})
}

fn health(world: &World) -> (Option<bool>, Option<bool>) {
    let seen = world.container("app");
    (seen.started, seen.ready)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn without_probes_nothing_is_claimed_and_nobody_asked() {
    let mut world = World::settled(probed("Always", json!({})));
    world.pass(seconds(60));
    assert_eq!(health(&world), (None, None));
    assert!(world.events.iter().all(|event| event.reason != "Unhealthy"));
}

#[test]
fn a_container_is_ready_once_it_says_so_and_no_longer_when_it_says_no() {
    let mut world = World::created(probed("Always", json!({"readinessProbe": every_second()})));
    world.model.unwell.insert(ProbeKind::Readiness);
    world.settle();
    assert_eq!(health(&world), (None, Some(false)));
    world.model.unwell.clear();
    world.pass(seconds(1));
    assert_eq!(health(&world), (None, Some(true)));
    world.model.unwell.insert(ProbeKind::Readiness);
    world.pass(seconds(2));
    assert_eq!(health(&world), (None, Some(true)), "two failures do not count yet");
    world.pass(seconds(1));
    assert_eq!(health(&world), (None, Some(false)));
    assert_eq!(world.starts, ["app/0"], "it goes on all the same");
    assert!(world.events.iter().any(|event| event.message == "Readiness probe failed: unwell"));
}

#[test]
fn thresholds_count_answers_in_a_row() {
    let probe = json!({"tcpSocket": {"port": 80}, "periodSeconds": 1, "successThreshold": 2, "failureThreshold": 2});
    let mut world = World::settled(probed("Always", json!({"readinessProbe": probe})));
    assert_eq!(health(&world), (None, Some(false)));
    for (is_well, expected) in [(true, true), (false, true), (true, true), (false, true), (false, false), (true, false)]
    {
        world.model.unwell = if is_well { [].into() } else { [ProbeKind::Readiness].into() };
        world.pass(seconds(1));
        assert_eq!(health(&world), (None, Some(expected)));
    }
}

#[test]
fn a_container_that_is_not_alive_is_stopped_within_the_probes_grace_and_runs_again() {
    let mut probe = every_second();
    probe["terminationGracePeriodSeconds"] = json!(5);
    let mut world = World::settled(probed("Always", json!({"livenessProbe": probe})));
    world.model.deaf = true;
    world.model.unwell.insert(ProbeKind::Liveness);
    world.pass(seconds(3));
    assert_eq!(world.signals, ["app Stop"]);
    let killing = world.events.iter().find(|event| event.reason == "Killing").unwrap();
    assert_eq!(killing.message, "Container app failed liveness probe, will be restarted");
    world.model.unwell.clear();
    world.pass(seconds(5));
    assert_eq!(world.signals, ["app Stop", "app Kill"]);
    assert_eq!(world.starts, ["app/0", "app/1"]);
    world.pass(seconds(60));
    assert_eq!(world.starts, ["app/0", "app/1"], "the new run is judged by its own answers");
}

#[test]
fn a_pod_that_never_restarts_ends_when_it_is_not_alive() {
    let mut world = World::settled(probed("Never", json!({"livenessProbe": every_second()})));
    world.model.unwell.insert(ProbeKind::Liveness);
    world.pass(seconds(30));
    assert_eq!(world.starts, ["app/0"]);
    assert_eq!(world.stage(), vk_core::Stage::Stopped);
}

#[test]
fn the_others_wait_for_the_startup_probe() {
    let all = json!({
        "startupProbe": every_second(), "livenessProbe": every_second(), "readinessProbe": every_second(),
    });
    let mut world = World::created(probed("Always", all));
    world.model.unwell.insert(ProbeKind::Startup);
    world.settle();
    assert_eq!(health(&world), (Some(false), Some(false)));
    world.pass(seconds(1));
    assert_eq!(health(&world), (Some(false), Some(false)));
    world.model.unwell.clear();
    world.pass(seconds(1));
    assert_eq!(health(&world), (Some(true), Some(true)));
    world.model.unwell.insert(ProbeKind::Startup);
    world.pass(seconds(60));
    assert_eq!(world.starts, ["app/0"], "it is not asked again");

    let mut world = World::created(probed("Always", json!({"startupProbe": every_second()})));
    world.model.unwell.insert(ProbeKind::Startup);
    world.settle();
    world.pass(seconds(3));
    assert_eq!(world.starts, ["app/0", "app/1"], "it never came up");
}

#[test]
fn the_first_question_waits_for_the_initial_delay() {
    let mut probe = every_second();
    probe["initialDelaySeconds"] = json!(10);
    let mut world = World::settled(probed("Always", json!({"readinessProbe": probe})));
    world.pass(seconds(9));
    assert_eq!(health(&world), (None, Some(false)));
    world.pass(seconds(1));
    assert_eq!(health(&world), (None, Some(true)));
}

#[test]
fn no_answer_is_no_failure() {
    let mut world = World::settled(probed("Always", json!({"livenessProbe": every_second()})));
    for _ in 0..10 {
        world.set_time(world.now.mono + seconds(1));
        world.feed(Event::Tick);
        let probe = world.pending(|call| matches!(call, Call::Probe { .. })).unwrap();
        world.fail(probe, super::world::Fault::Unavailable);
        world.settle();
    }
    assert_eq!(world.starts, ["app/0"]);
}

#[test]
fn a_probe_that_hangs_is_not_asked_twice_at_once() {
    let mut world = World::settled(probed("Always", json!({"livenessProbe": every_second()})));
    for _ in 0..10 {
        world.set_time(world.now.mono + seconds(1));
        world.feed(Event::Tick);
    }
    let probes = world.pending.iter().filter(|(_, call)| matches!(call, Call::Probe { .. })).count();
    assert_eq!(probes, 1);
}

#[test]
fn what_was_found_out_before_the_agent_came_back_still_holds() {
    let all = json!({"startupProbe": every_second(), "readinessProbe": every_second()});
    let mut world = World::settled(probed("Always", all.clone()));
    world.pass(seconds(2));
    assert_eq!(health(&world), (Some(true), Some(true)));
    world.crash();
    world.settle();
    world.model.unwell = [ProbeKind::Startup, ProbeKind::Readiness].into();
    let known = Evidence { attempt: 0, ended: None, previous: None, health: Health { started: true, ready: true } };
    world.adopt(probed("Always", all), BTreeMap::from([("app".to_owned(), known)]));
    assert_eq!(health(&world), (Some(true), Some(true)), "not before somebody says otherwise");
    world.settle();
    world.pass(seconds(3));
    assert_eq!(health(&world), (Some(true), Some(false)));
    assert_eq!(world.starts, ["app/0"]);
}

#[test]
fn nobody_is_asked_while_the_pod_is_stopped() {
    let mut world = World::settled(probed("Always", json!({"livenessProbe": every_second()})));
    world.model.deaf = true;
    world.model.unwell.insert(ProbeKind::Liveness);
    world.terminate(30);
    world.settle();
    world.pass(seconds(20));
    assert!(world.events.iter().all(|event| event.reason != "Unhealthy"));
    assert_eq!(world.signals, ["app Stop"]);
}

#[test]
fn a_new_run_is_asked_anew() {
    let mut probe = every_second();
    probe["initialDelaySeconds"] = json!(5);
    let mut world = World::settled(probed("Always", json!({"readinessProbe": probe})));
    world.pass(seconds(5));
    assert_eq!(health(&world), (None, Some(true)));
    world.exit("app", 1);
    world.settle();
    assert_eq!(world.starts, ["app/0", "app/1"]);
    assert_eq!(health(&world), (None, Some(false)), "what the old run answered says nothing about the new one");
    world.pass(seconds(5));
    assert_eq!(health(&world), (None, Some(true)));
}

#[test]
fn nobody_is_asked_while_the_container_is_stopped() {
    let mut world = World::settled(probed("Always", json!({"livenessProbe": every_second()})));
    world.model.deaf = true;
    world.model.unwell.insert(ProbeKind::Liveness);
    world.pass(seconds(20));
    assert_eq!(world.signals, ["app Stop"]);
    let told = world.events.iter().filter(|event| event.reason == "Unhealthy").count();
    assert_eq!(told, 3);
}

#[test]
fn an_answer_that_comes_after_the_order_to_stop_is_nobodys_concern() {
    let mut side = json!({"name": "side", "image": "a:1", "restartPolicy": "Always", "livenessProbe": every_second()});
    side["livenessProbe"]["failureThreshold"] = json!(1);
    let plan = plan(json!({"initContainers": [side], "containers": [{"name": "app", "image": "a:1"}]}));
    let mut world = World::settled(plan);
    world.model.unwell.insert(ProbeKind::Liveness);
    world.set_time(world.now.mono + seconds(1));
    world.feed(Event::Tick);
    let asked = world.pending(|call| matches!(call, Call::Probe { .. })).unwrap();
    // The sidecar runs on until the app has ended.
    world.model.deaf = true;
    world.terminate(30);
    world.answer(asked);
    world.settle();
    assert_eq!(world.signals, ["app Stop"]);
    assert!(world.events.iter().all(|event| event.reason != "Unhealthy"));
}

#[test]
fn a_sidecar_is_waited_for_until_it_has_come_up() {
    let mut side = json!({"name": "side", "image": "a:1", "restartPolicy": "Always"});
    side["startupProbe"] = every_second();
    let plan = plan(json!({"initContainers": [side], "containers": [{"name": "app", "image": "a:1"}]}));
    let mut world = World::created(plan);
    world.model.unwell.insert(ProbeKind::Startup);
    world.settle();
    assert_eq!(world.starts, ["side/0"]);
    world.model.unwell.clear();
    world.pass(seconds(1));
    assert_eq!(world.starts, ["side/0", "app/0"]);
}
