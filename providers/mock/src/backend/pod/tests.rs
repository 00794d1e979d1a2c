use std::time::Duration;

use serde_json::json;
use vk_core::{ContainerObservation, ContainerState, ErrorKind};

use super::*;
use crate::fixtures::{later, pod, pod_with_spec, start};

fn accepted(pod: &ResolvedPod) -> Pod {
    Pod::accept(pod, Some(Ipv4Addr::new(198, 18, 0, 1)), start()).unwrap()
}

fn main_container(pod: &Pod) -> ContainerObservation {
    container(pod, "main")
}

fn container(pod: &Pod, name: &str) -> ContainerObservation {
    pod.observe().containers.into_iter().find(|container| container.name == name).unwrap()
}

fn exit_code(container: &ContainerObservation) -> Option<i32> {
    match &container.state {
        ContainerState::Terminated(terminated) => Some(terminated.exit_code),
        _ => None,
    }
}

fn is_running(container: &ContainerObservation) -> bool {
    matches!(container.state, ContainerState::Running { .. })
}

fn waiting_reason(container: &ContainerObservation) -> Option<&str> {
    match &container.state {
        ContainerState::Waiting { reason, .. } => Some(reason),
        _ => None,
    }
}

#[test]
fn an_unscripted_pod_runs_at_once_and_for_ever() {
    let pod = accepted(&pod("a", "Always", &[]));
    let seen = pod.observe();
    assert_eq!(seen.stage, Stage::Active);
    assert_eq!(seen.pod_ips, [IpAddr::from([198, 18, 0, 1])]);
    assert_eq!(main_container(&pod).state, ContainerState::Running { started_at: Some(start()) });
    assert_eq!(main_container(&pod).image, "busybox:1");
    assert_eq!(pod.next_due(), None);
}

#[test]
fn a_start_can_be_delayed() {
    let mut pod = accepted(&pod("a", "Always", &[("start-delay", "5s")]));
    assert!(matches!(pod.observe().stage, Stage::Provisioning { .. }));
    assert_eq!(waiting_reason(&main_container(&pod)), Some("ContainerCreating"));
    assert!(pod.observe().pod_ips.is_empty());
    assert_eq!(pod.advance(later(4)), Advanced::Unchanged);
    assert_eq!(pod.advance(later(7)), Advanced::Changed);
    // It started when it was due, not when somebody looked.
    assert_eq!(main_container(&pod).state, ContainerState::Running { started_at: Some(later(5)) });
}

#[test]
fn a_run_that_ends_well_is_not_repeated_under_on_failure() {
    let mut pod = accepted(&pod("a", "OnFailure", &[("run-for", "3s")]));
    pod.advance(later(3));
    assert_eq!(exit_code(&main_container(&pod)), Some(0));
    assert_eq!(pod.observe().stage, Stage::Stopped);
    assert_eq!(main_container(&pod).restarts, 0);
}

#[test]
fn under_never_a_failure_is_final_with_its_reason() {
    let script = [("run-for", "3s"), ("exit-code", "137"), ("exit-reason", "OOMKilled")];
    let mut pod = accepted(&pod("a", "Never", &script));
    pod.advance(later(60));
    let ContainerState::Terminated(terminated) = main_container(&pod).state else { panic!("still runs") };
    assert_eq!((terminated.exit_code, terminated.reason.as_str()), (137, "OOMKilled"));
    assert_eq!((terminated.started_at, terminated.finished_at), (Some(start()), Some(later(3))));
}

#[test]
fn crashes_are_restarted_with_the_kubelets_back_off() {
    let mut pod = accepted(&pod("a", "Always", &[("crash-loop", "forever")]));
    // The first restart is at once, the next after 10 s, 20 s, 40 s, …; each run takes 1 s.
    pod.advance(later(1));
    let restarted = main_container(&pod);
    assert!(is_running(&restarted));
    assert_eq!((restarted.restarts, restarted.last.map(|last| last.exit_code)), (1, Some(1)));
    pod.advance(later(2));
    assert_eq!(waiting_reason(&main_container(&pod)), Some("CrashLoopBackOff"));
    assert_eq!(main_container(&pod).last.unwrap().finished_at, Some(later(2)));
    pod.advance(later(11));
    assert_eq!(main_container(&pod).restarts, 1);
    pod.advance(later(12));
    assert_eq!((main_container(&pod).restarts, is_running(&main_container(&pod))), (2, true));
    pod.advance(later(13 + 20));
    assert_eq!(main_container(&pod).restarts, 3);
    let mut due = Vec::new();
    for _ in 0..16 {
        let at = pod.next_due().unwrap();
        pod.advance(at);
        due.push(at);
    }
    let gaps: Vec<_> = due.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).collect();
    assert_eq!(gaps, [40, 1, 80, 1, 160, 1, 300, 1, 300, 1, 300, 1, 300, 1, 300]);
}

#[test]
fn a_container_can_crash_a_few_times_and_then_last() {
    let mut pod = accepted(&pod("a", "Always", &[("crash-loop", "2")]));
    pod.advance(later(3600));
    let settled = main_container(&pod);
    assert_eq!((is_running(&settled), settled.restarts), (true, 2));
    assert_eq!(pod.next_due(), None);
}

#[test]
fn a_stop_within_the_grace_exits_with_zero() {
    let mut pod = accepted(&pod("a", "Always", &[("stop-delay", "4s")]));
    assert!(pod.terminate(Duration::from_secs(30), later(10)).unwrap());
    assert_eq!(pod.observe().stage, Stage::Stopping);
    assert!(is_running(&main_container(&pod)));
    pod.advance(later(14));
    assert_eq!(pod.observe().stage, Stage::Stopped);
    assert_eq!(exit_code(&main_container(&pod)), Some(0));
    assert_eq!(main_container(&pod).restarts, 0);
}

#[test]
fn a_stop_that_takes_too_long_is_killed_at_the_deadline() {
    for delay in ["forever", "31s", "30s"] {
        let mut pod = accepted(&pod("a", "Always", &[("stop-delay", delay)]));
        pod.terminate(Duration::from_secs(30), later(0)).unwrap();
        pod.advance(later(29));
        assert!(!pod.has_ended(), "{delay}");
        pod.advance(later(30));
        assert_eq!(exit_code(&main_container(&pod)), Some(137), "{delay}");
    }
}

#[test]
fn a_second_stop_can_only_bring_the_deadline_nearer() {
    let mut pod = accepted(&pod("a", "Always", &[("stop-delay", "forever")]));
    pod.terminate(Duration::from_secs(30), later(0)).unwrap();
    assert!(!pod.terminate(Duration::from_secs(60), later(1)).unwrap());
    assert_eq!(pod.next_due(), Some(later(30)));
    assert!(pod.terminate(Duration::from_secs(5), later(2)).unwrap());
    assert_eq!(pod.next_due(), Some(later(7)));
}

#[test]
fn a_stop_without_delay_is_over_at_once_and_repeatable() {
    let mut pod = accepted(&pod("a", "Always", &[]));
    assert!(pod.terminate(Duration::from_secs(30), later(1)).unwrap());
    assert_eq!(pod.observe().stage, Stage::Stopped);
    let revision = pod.revision;
    assert!(!pod.terminate(Duration::from_secs(1), later(2)).unwrap());
    assert_eq!(pod.revision, revision);
}

#[test]
fn a_pod_that_waits_is_stopped_without_ever_having_run() {
    for script in [[("start-delay", "1h")], [("crash-loop", "forever")]] {
        let mut pod = accepted(&pod("a", "Always", &script));
        pod.advance(later(5));
        pod.terminate(Duration::from_secs(30), later(5)).unwrap();
        assert!(pod.has_ended(), "{script:?}");
        assert_eq!(pod.next_due(), None, "{script:?}");
    }
}

#[test]
fn init_containers_run_in_order_and_sidecars_beside() {
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [
            {"name": "proxy", "image": "p", "restartPolicy": "Always"},
            {"name": "first", "image": "f"},
            {"name": "second", "image": "s"},
        ],
        "containers": [{"name": "main", "image": "m"}],
    });
    let mut pod = accepted(&pod_with_spec("a", spec, &[("run-for", "second=2s,main=3s")]));
    assert!(is_running(&container(&pod, "proxy")));
    assert_eq!(exit_code(&container(&pod, "first")), Some(0));
    assert!(is_running(&container(&pod, "second")));
    assert_eq!(waiting_reason(&main_container(&pod)), Some("PodInitializing"));
    pod.advance(later(2));
    assert!(is_running(&main_container(&pod)));
    pod.advance(later(5));
    assert_eq!(exit_code(&main_container(&pod)), Some(0));
    assert_eq!(exit_code(&container(&pod, "proxy")), Some(0));
    assert_eq!(pod.observe().stage, Stage::Stopped);
}

#[test]
fn an_init_container_that_fails_under_never_ends_the_pod() {
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [{"name": "setup", "image": "s"}],
        "containers": [{"name": "main", "image": "m"}],
    });
    let mut pod = accepted(&pod_with_spec("a", spec, &[("exit-code", "setup=2"), ("run-for", "setup=1s")]));
    pod.advance(later(1));
    assert_eq!(pod.observe().stage, Stage::Stopped);
    assert_eq!(exit_code(&container(&pod, "setup")), Some(2));
    assert!(waiting_reason(&main_container(&pod)).is_some());
}

#[test]
fn the_platform_can_disrupt_refuse_and_lose() {
    let mut disrupted = accepted(&pod("a", "Always", &[("disrupt-after", "10s")]));
    disrupted.advance(later(10));
    assert!(matches!(disrupted.observe().stage, Stage::Disrupted { .. }));
    assert_eq!(exit_code(&main_container(&disrupted)), Some(137));

    let mut refused = accepted(&pod("b", "Always", &[("start-delay", "1s"), ("provision-error", "exhausted-node")]));
    refused.advance(later(1));
    assert!(matches!(refused.observe().stage, Stage::CreateFailed(_)));

    let mut lost = accepted(&pod("c", "Always", &[("lose-after", "10s")]));
    assert_eq!(lost.advance(later(9)), Advanced::Unchanged);
    assert_eq!(lost.advance(later(10)), Advanced::Lost);
}

#[test]
fn contact_can_be_lost_and_come_back() {
    let script = [("unreachable-after", "10s"), ("unreachable-for", "20s"), ("run-for", "15s")];
    let mut pod = accepted(&pod("a", "Never", &script));
    pod.advance(later(16));
    assert!(matches!(pod.observe().stage, Stage::Unreachable { since, .. } if since == later(10)));
    assert!(is_running(&main_container(&pod)), "what happens meanwhile is not seen");
    let error = pod.terminate(Duration::from_secs(1), later(17)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    pod.advance(later(30));
    assert_eq!(exit_code(&main_container(&pod)), Some(0));
    assert!(pod.has_ended());
}

#[test]
fn a_changed_image_restarts_its_container() {
    let mut running = accepted(&pod("a", "Always", &[]));
    let spec = json!({"restartPolicy": "Always", "containers": [{"name": "main", "image": "busybox:2"}]});
    running.update(&pod_with_spec("a", spec, &[]), true, false, later(5)).unwrap();
    let seen = main_container(&running);
    assert_eq!((seen.image.as_str(), seen.restarts), ("busybox:2", 1));
    assert_eq!(seen.state, ContainerState::Running { started_at: Some(later(5)) });
}

#[test]
fn annotations_can_be_changed_while_the_pod_runs() {
    let mut running = accepted(&pod("a", "Always", &[]));
    let refused = running.update(&pod("a", "Always", &[("lose-after", "x")]), false, true, later(5));
    assert!(matches!(refused.unwrap_err().kind, ErrorKind::Invalid { .. }));
    running.update(&pod("a", "Always", &[("lose-after", "8s")]), false, true, later(5)).unwrap();
    assert_eq!(running.next_due(), Some(later(8)));
}

#[test]
fn each_change_raises_the_revision() {
    let mut pod = accepted(&pod("a", "Always", &[("start-delay", "1s"), ("crash-loop", "3")]));
    let mut revision = pod.observe().revision;
    while let Some(at) = pod.next_due() {
        assert_eq!(pod.advance(at), Advanced::Changed);
        assert!(pod.observe().revision > revision);
        revision = pod.observe().revision;
    }
}
