use std::collections::BTreeMap;
use std::time::Duration;

use vk_core::{ContainerState, Stage};

use super::world::{World, one_container, with_sidecars};
use crate::machine::Event;
use crate::plan::{Evidence, Health};

fn evidence(name: &str, attempt: u32) -> BTreeMap<String, Evidence> {
    BTreeMap::from([(name.to_owned(), Evidence { attempt, ended: None, previous: None, health: Health::default() })])
}

#[test]
fn nothing_is_started_before_adoption() {
    let mut world = World::settled(one_container("Always"));
    world.exit("app", 1);
    world.crash();
    world.settle();
    world.pass(Duration::from_secs(600));
    assert_eq!(world.starts, ["app/0"]);
    world.adopt(one_container("Always"), BTreeMap::new());
    world.settle();
    assert_eq!(world.starts, ["app/0", "app/1"]);
}

#[test]
fn a_lost_container_is_a_new_attempt_where_the_policy_restarts() {
    let mut world = World::settled(one_container("OnFailure"));
    world.lose("app");
    world.settle();
    let app = world.container("app");
    assert_eq!(app.restarts, 1);
    let last = app.last.unwrap();
    assert_eq!((last.exit_code, last.reason.as_str()), (137, "ContainerStatusUnknown"));
}

#[test]
fn a_list_that_was_overtaken_by_a_newer_one_changes_nothing() {
    let mut world = World::settled(one_container("Never"));
    let (mark, pod) = (world.machine.mark(), world.listed());
    world.exit("app", 4);
    world.settle();
    assert_eq!(world.stage(), Stage::Stopped);
    world.feed(Event::Listed { mark, pod });
    assert_eq!(world.stage(), Stage::Stopped);
    assert_eq!(world.word("app"), "Error");
}

#[test]
fn a_lost_container_ends_a_pod_that_never_restarts() {
    let mut world = World::settled(one_container("Never"));
    world.lose("app");
    world.settle();
    assert_eq!(world.starts, ["app/0"]);
    assert_eq!(world.word("app"), "ContainerStatusUnknown");
    assert_eq!(world.stage(), Stage::Stopped);
}

#[test]
fn what_the_api_remembers_counts_when_the_runtime_has_forgotten() {
    for (policy, starts) in [("Never", vec![]), ("OnFailure", vec!["app/3"]), ("Always", vec!["app/3"])] {
        let mut world = World::unadopted();
        world.adopt(one_container(policy), evidence("app", 2));
        world.settle();
        world.pass(Duration::from_secs(60));
        assert_eq!(world.starts, starts, "{policy}");
        let state = world.container("app").state;
        assert_eq!(policy == "Never", matches!(state, ContainerState::Terminated(_)), "{policy}");
    }
}

#[test]
fn a_lost_sandbox_takes_the_pod_to_a_new_one_init_containers_included() {
    let mut world = World::settled(with_sidecars("Always"));
    world.exit("init", 0);
    world.settle();
    world.kill_sandbox();
    world.settle();
    assert_eq!(world.running(), ["init"]);
    world.exit("init", 0);
    world.settle();
    assert_eq!(world.starts[5..], ["init/1", "side1/1", "side2/1", "app/1", "app2/1"]);
    assert_eq!(world.model.sandboxes.len(), 1, "the dead sandbox was removed");
}

#[test]
fn a_lost_sandbox_ends_a_pod_that_never_restarts() {
    let mut world = World::settled(one_container("Never"));
    world.kill_sandbox();
    world.settle();
    assert_eq!(world.starts, ["app/0"]);
    assert_eq!(world.stage(), Stage::Stopped);
}

#[test]
fn containers_that_succeeded_do_not_run_again_in_a_new_sandbox() {
    let mut world = World::settled(with_sidecars("OnFailure"));
    world.exit("init", 0);
    world.settle();
    world.exit("app", 0);
    world.settle();
    world.kill_sandbox();
    world.settle();
    world.exit("init", 0);
    world.settle();
    assert_eq!(world.word("app"), "Completed");
    assert_eq!(world.container("app2").restarts, 1);
}

#[test]
fn an_agent_that_dies_anywhere_on_the_way_up_starts_each_container_once() {
    for step in 0..40 {
        let mut world = World::created(with_sidecars("Never"));
        let mut exited = false;
        for _ in 0..step {
            if world.pending.is_empty() && !exited {
                world.exit("init", 0);
                exited = true;
            }
            if !world.pending.is_empty() {
                world.answer(0);
            }
        }
        world.crash();
        world.settle();
        world.adopt(with_sidecars("Never"), BTreeMap::new());
        world.settle();
        if world.running().contains(&"init".to_owned()) {
            world.exit("init", 0);
            world.settle();
        }
        assert_eq!(world.starts, ["init/0", "side1/0", "side2/0", "app/0", "app2/0"], "died at step {step}");
    }
}

#[test]
fn a_machine_that_begins_anew_starts_nothing_twice_and_forgets_no_order() {
    let mut world = World::settled(one_container("Always"));
    world.machine = world.machine.begin_anew(world.now);
    world.pending.clear();
    world.pass(Duration::from_secs(11));
    world.settle();
    assert_eq!((world.starts.len(), world.word("app").as_str()), (1, "Running"));
    world.terminate(30);
    world.pending.clear();
    world.machine = world.machine.begin_anew(world.now);
    world.pass(Duration::from_secs(60));
    world.settle();
    assert_eq!((world.stage(), world.running().len()), (Stage::Stopped, 0));
}

#[test]
fn a_machine_that_begins_anew_hears_no_answers_to_earlier_calls() {
    let mut world = World::created(one_container("Never"));
    let earlier = world.pending.clone();
    world.machine = world.machine.begin_anew(world.now);
    world.pending.clear();
    world.pass(Duration::from_secs(11));
    assert!(world.pending.iter().all(|(id, _)| earlier.iter().all(|(before, _)| before != id)));
}
