use std::time::Duration;

use serde_json::json;

use super::world::{Fault, World, one_container, plan};
use crate::machine::{Call, CreateFailure, Event, Outcome};

fn with_policy(policy: &str) -> std::sync::Arc<crate::plan::PodPlan> {
    plan(json!({"containers": [{"name": "app", "image": "a:1", "imagePullPolicy": policy}]}))
}

fn without_images(policy: &str) -> World {
    let mut world = World::created(with_policy(policy));
    world.model.images = Some(Vec::new());
    world.settle();
    world
}

#[test]
fn a_missing_image_is_an_error_first_and_a_back_off_then() {
    let mut world = without_images("IfNotPresent");
    assert_eq!(world.word("app"), "ErrImagePull");
    assert_eq!(world.reasons(), ["Pulling", "Failed", "Failed"]);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.word("app"), "ImagePullBackOff");
    assert_eq!(world.reasons()[3..], ["BackOff", "Failed"]);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.word("app"), "ErrImagePull", "it was tried again after ten seconds");
    world.pass(Duration::from_secs(19));
    assert_eq!(world.word("app"), "ImagePullBackOff");
    world.model.images = None;
    world.pass(Duration::from_secs(1));
    assert_eq!(world.word("app"), "Running");
}

#[test]
fn an_image_that_is_there_is_not_pulled_unless_always() {
    let pulls = |world: &World| world.reasons().iter().filter(|reason| **reason == "Pulling").count();
    assert_eq!(pulls(&World::settled(with_policy("IfNotPresent"))), 0);
    assert_eq!(pulls(&World::settled(with_policy("Never"))), 0);
    assert_eq!(pulls(&World::settled(with_policy("Always"))), 1);
}

#[test]
fn never_pull_says_so_and_runs_once_the_image_is_there() {
    let mut world = without_images("Never");
    assert_eq!(world.word("app"), "ErrImageNeverPull");
    world.model.images = None;
    world.pass(Duration::from_secs(30));
    assert_eq!(world.word("app"), "Running");
}

#[test]
fn a_missing_reference_holds_its_container_until_it_changes() {
    let mut world = World::created(one_container("Always"));
    while world.pending(|call| matches!(call, Call::Create { .. })).is_none() {
        world.answer(0);
    }
    let (id, _) = world.pending.remove(0);
    let error = vk_core::Error::unresolved("secret \"s\"", "secret \"s\" not found");
    world.feed(Event::Done { id, outcome: Outcome::Created(Err(CreateFailure::Config(error))) });
    assert_eq!(world.word("app"), "CreateContainerConfigError");
    assert_eq!(world.events.last().unwrap().message, "Error: secret \"s\" not found");
    world.settle();
    assert_eq!(world.word("app"), "CreateContainerConfigError");
    world.feed(Event::ReferencesChanged);
    world.settle();
    assert_eq!(world.word("app"), "Running");
}

#[test]
fn a_container_that_cannot_be_started_counts_as_a_failed_run() {
    let mut world = World::created(one_container("Never"));
    while world.pending(|call| matches!(call, Call::Start { .. })).is_none() {
        world.answer(0);
    }
    world.fail(0, Fault::Refused);
    let ended = match world.container("app").state {
        vk_core::ContainerState::Terminated(ended) => ended,
        other => panic!("{other:?}"),
    };
    assert_eq!((ended.exit_code, ended.reason.as_str()), (128, "StartError"));
}

#[test]
fn a_runtime_that_does_not_answer_is_asked_before_anything_is_repeated() {
    for fault in [Fault::Unavailable, Fault::Applied] {
        for step in 0..12 {
            let mut world = World::created(one_container("Never"));
            for _ in 0..step {
                if !world.pending.is_empty() {
                    world.answer(0);
                }
            }
            if world.pending.is_empty() {
                continue;
            }
            world.fail(0, fault);
            world.settle();
            world.pass(Duration::from_secs(10));
            assert_eq!(world.starts, ["app/0"], "{fault:?} at step {step}");
            assert_eq!(world.word("app"), "Running", "{fault:?} at step {step}");
        }
    }
}
