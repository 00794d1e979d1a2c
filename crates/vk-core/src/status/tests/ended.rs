//! When an observation is the end by itself.

use k8s_openapi::api::core::v1::{Container, ContainerRestartRule, ContainerRestartRuleOnExitCodes};

use crate::error::Error;
use crate::identity::PodUid;
use crate::observation::ContainerKind::{self, App, Ephemeral, Init, Sidecar};
use crate::observation::{ContainerObservation, ContainerState, PodObservation, Stage, Terminated};
use crate::record::RestartPolicy::{self, Always, Never, OnFailure};
use crate::status::{ContainerRestart, ended};

fn exit(code: i32) -> ContainerState {
    ContainerState::Terminated(Terminated::with_exit_code(code))
}

fn run() -> ContainerState {
    ContainerState::Running { started_at: None }
}

fn wait() -> ContainerState {
    ContainerState::waiting("CrashLoopBackOff", "")
}

fn observation(stage: Stage, containers: &[(&str, ContainerKind, Option<ContainerState>)]) -> PodObservation {
    let known = containers
        .iter()
        .filter_map(|(name, kind, state)| state.clone().map(|state| ContainerObservation::new(*name, *kind, state)));
    PodObservation::new(PodUid::new("u"), 1, stage).with_containers(known.collect())
}

/// Of an active pod with these containers; those without a state are not reported.
fn is_over(policy: RestartPolicy, containers: &[(&str, ContainerKind, Option<ContainerState>)]) -> bool {
    let expected = containers.iter().map(|(name, kind, _)| (*name, *kind));
    ended(policy, &observation(Stage::Active, containers), expected)
}

#[test]
fn the_back_ends_word_is_enough() {
    let containers = [("app", App, Some(run()))];
    let expected = || [("app", App)];
    let disrupted = Stage::Disrupted { reason: "Spot".into(), message: String::new() };
    for stage in [Stage::Stopped, disrupted, Stage::CreateFailed(Error::unavailable("x"))] {
        assert!(ended(Always, &observation(stage.clone(), &containers), expected()), "{stage:?}");
    }
    let containers = [("app", App, Some(exit(0)))];
    let provisioning = Stage::Provisioning { reason: "Moving".into(), message: String::new() };
    let unreachable = Stage::Unreachable { since: jiff::Timestamp::UNIX_EPOCH, reason: "Lost".into() };
    for stage in [Stage::Stopping, provisioning, unreachable] {
        assert!(!ended(Never, &observation(stage.clone(), &containers), expected()), "{stage:?}");
    }
}

#[test]
fn regular_containers_end_a_pod_unless_they_are_restarted() {
    for (policy, code, over) in [
        (Always, 0, false),
        (Always, 1, false),
        (OnFailure, 0, true),
        (OnFailure, 1, false),
        (Never, 0, true),
        (Never, 1, true),
    ] {
        assert_eq!(is_over(policy, &[("app", App, Some(exit(code)))]), over, "{policy:?} {code}");
    }
    for state in [Some(run()), Some(wait()), Some(ContainerState::Unknown), None] {
        assert!(!is_over(Never, &[("app", App, Some(exit(0))), ("bus", App, state.clone())]), "{state:?}");
    }
}

#[test]
fn a_pod_without_containers_has_not_ended() {
    assert!(!is_over(Never, &[]));
    assert!(!is_over(Never, &[("setup", Init, Some(exit(0)))]));
}

#[test]
fn everything_has_to_stop_before_a_pod_has_ended() {
    for (kind, state, over) in [
        (Sidecar, Some(run()), false),
        (Sidecar, Some(wait()), false),
        (Sidecar, Some(ContainerState::Unknown), false),
        (Sidecar, Some(exit(137)), true),
        (Sidecar, None, true),
        (Ephemeral, Some(run()), false),
        (Ephemeral, Some(wait()), true),
        (Ephemeral, None, true),
    ] {
        assert_eq!(
            is_over(Never, &[("other", kind, state.clone()), ("app", App, Some(exit(0)))]),
            over,
            "{kind:?} {state:?}"
        );
    }
}

#[test]
fn a_failed_init_container_ends_what_it_held_back() {
    let pod = |setup, more, app| [("setup", Init, Some(setup)), ("more", Init, more), ("app", App, app)];
    assert!(is_over(Never, &pod(exit(1), None, None)));
    assert!(is_over(Never, &pod(exit(1), Some(wait()), Some(wait()))));
    assert!(!is_over(OnFailure, &pod(exit(1), None, None)));
    assert!(!is_over(Never, &pod(exit(0), None, None)));
    assert!(!is_over(Never, &pod(wait(), None, None)));
    assert!(!is_over(Never, &pod(exit(1), None, Some(run()))));
    assert!(!is_over(Never, &[("proxy", Sidecar, Some(run())), ("setup", Init, Some(exit(1))), ("app", App, None)]));
}

#[test]
fn init_containers_may_be_gone_by_then() {
    assert!(is_over(Never, &[("setup", Init, None), ("proxy", Sidecar, None), ("app", App, Some(exit(0)))]));
    assert!(!is_over(Never, &[("setup", Init, Some(run())), ("app", App, Some(exit(0)))]));
}

#[test]
fn a_containers_own_rules_count() {
    let on_codes = ContainerRestartRuleOnExitCodes { operator: "In".into(), values: Some(vec![42]) };
    let restart = ContainerRestart::of(&Container {
        restart_policy: Some("Never".into()),
        restart_policy_rules: Some(vec![ContainerRestartRule { action: "Restart".into(), exit_codes: Some(on_codes) }]),
        ..Container::default()
    });
    for (code, over) in [(42, false), (1, true), (0, true)] {
        let observed = observation(Stage::Active, &[("app", App, Some(exit(code)))]);
        assert_eq!(ended(Always, &observed, [("app", App, &restart)]), over, "{code}");
    }
}
