use std::time::Duration;

use super::*;
use crate::clock::{parse_rfc3339, rfc3339_seconds};
use crate::resource::find;

fn now() -> Now {
    Now { wall: parse_rfc3339("2026-11-22T14:00:00Z").unwrap(), elapsed: Duration::ZERO }
}

fn later(seconds: i64) -> Now {
    let now = now();
    Now { wall: now.wall.saturating_add(SignedDuration::from_secs(seconds)).unwrap(), ..now }
}

fn pod(metadata: Value) -> Object {
    let mut pod = Object::from_value(json!({
        "kind": "Pod", "metadata": {"name": "p", "uid": "u", "generation": 1},
        "spec": {"nodeName": "n", "terminationGracePeriodSeconds": 30}, "status": {"phase": "Running"},
    }))
    .unwrap();
    for (field, value) in metadata.as_object().unwrap() {
        pod.set(&format!("/metadata/{field}"), value.clone());
    }
    pod
}

fn grace(seconds: i64) -> DeleteOptions {
    DeleteOptions { grace_period_seconds: Some(seconds), ..DeleteOptions::default() }
}

fn planned(pod: &Object, options: &DeleteOptions, now: Now) -> Step {
    plan(find("", "pods").unwrap(), pod, options, now)
}

fn kept(step: Step) -> (Option<i64>, String, i64) {
    match step {
        Step::Keep(object) => (
            object.deletion_grace(),
            object.deletion_timestamp().map(rfc3339_seconds).unwrap_or_default(),
            object.generation(),
        ),
        other => panic!("not kept: {other:?}"),
    }
}

#[test]
fn the_first_delete_starts_the_grace_of_the_spec_and_is_a_new_generation() {
    let step = planned(&pod(json!({})), &DeleteOptions::default(), now());
    assert_eq!(kept(step), (Some(30), "2026-11-22T14:00:30Z".into(), 2));
}

#[test]
fn a_later_delete_only_shortens() {
    let Step::Keep(deleting) = planned(&pod(json!({})), &DeleteOptions::default(), now()) else { panic!() };
    assert_eq!(planned(&deleting, &grace(60), later(1)), Step::Leave);
    assert_eq!(planned(&deleting, &DeleteOptions::default(), later(1)), Step::Leave);
    assert_eq!(kept(planned(&deleting, &grace(10), later(1))), (Some(10), "2026-11-22T14:00:10Z".into(), 2));
    // Ten seconds are long over: one second is left, and the agent still ends it.
    assert_eq!(kept(planned(&deleting, &grace(10), later(20))), (Some(1), "2026-11-22T14:00:20Z".into(), 2));
    assert!(matches!(planned(&deleting, &grace(0), later(1)), Step::Remove(_)));
}

#[test]
fn grace_zero_waits_for_finalizers_with_grace_zero_recorded() {
    let held = pod(json!({"finalizers": ["a/b"]}));
    let Step::Keep(released) = planned(&held, &grace(0), now()) else { panic!() };
    assert_eq!(released.deletion_grace(), Some(0));
    assert_eq!(planned(&released, &grace(0), later(5)), Step::Keep(released.clone()));
}

#[test]
fn finished_and_unscheduled_pods_go_at_once() {
    let mut finished = pod(json!({}));
    finished.set("/status/phase", "Failed");
    assert!(matches!(planned(&finished, &DeleteOptions::default(), now()), Step::Remove(_)));
    let mut unscheduled = pod(json!({}));
    unscheduled.remove("/spec/nodeName");
    assert!(matches!(planned(&unscheduled, &DeleteOptions::default(), now()), Step::Remove(_)));
}

#[test]
fn preconditions_name_what_differs() {
    let pods = find("", "pods").unwrap();
    let wanted = Preconditions { uid: Some("other".into()), resource_version: None };
    let error = check_preconditions(pods, &pod(json!({})), Some(&wanted)).unwrap_err();
    assert_eq!((error.code.as_u16(), error.reason), (409, "Conflict"));
    assert!(check_preconditions(pods, &pod(json!({})), Some(&Preconditions::default())).is_ok());
}

#[test]
fn foreground_deletion_is_a_finalizer() {
    let options = DeleteOptions { propagation_policy: Some("Foreground".into()), ..grace(0) };
    let Step::Keep(held) = planned(&pod(json!({})), &options, now()) else { panic!() };
    assert_eq!(held.finalizers(), [FOREGROUND]);
}
