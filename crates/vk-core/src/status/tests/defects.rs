//! Defects of the Go project and its providers in what they told (`docs/defects.md`).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::scenario::Scenario;
use crate::identity::PodUid;
use crate::observation::{ContainerKind, ContainerObservation, ContainerState, PodObservation, Stage, Terminated};
use crate::status::Verdict;

fn observation(stage: Stage, containers: Vec<ContainerObservation>) -> PodObservation {
    PodObservation::new(PodUid::new("u-1"), 1, stage).with_containers(containers)
}

/// vk#938: a provider that reported times before the beginning of time, or texts without end, had every status refused, and
/// the pod was never heard of again. What a provider may say wrongly, the API server must be able to take.
#[test]
fn vk_938_a_malformed_observation_makes_a_status_that_is_taken() {
    let odd_times = [
        None,
        Some(Timestamp::MIN),
        Some(Timestamp::MAX),
        Some(Timestamp::UNIX_EPOCH),
        "0001-01-01T00:00:00Z".parse().ok(),
        "2026-11-22T09:00:00.123456789Z".parse().ok(),
    ];
    for started in odd_times {
        for finished in odd_times {
            let mut scenario = Scenario::new("Never a:app");
            let mut run = Terminated::with_exit_code(-1);
            (run.started_at, run.finished_at) = (started, finished);
            run.reason = String::new();
            run.message = "ü".repeat(100_000);
            run.signal = Some(0);
            let ended = ContainerObservation::new("app", ContainerKind::App, ContainerState::Terminated(run));
            let nobody = ContainerObservation::new("nobody", ContainerKind::App, ContainerState::Unknown);
            let patch = scenario.write(&Verdict::Observed, Some(&observation(Stage::Stopped, vec![ended, nobody])));
            let patch = patch.expect("it is told");
            times_of(&patch).iter().for_each(|time| assert_is_rfc_3339(time));
            assert_eq!(
                patch["status"]["containerStatuses"].as_array().unwrap().len(),
                1,
                "what the spec does not have"
            );
            assert!(patch.to_string().len() < 40_000);
        }
    }
}

/// Every string in the value under a key that ends in `At` or `Time`.
fn times_of(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.iter().filter(|(key, _)| key.ends_with("At") || key.ends_with("Time"));
            let own: Vec<&str> = own.filter_map(|(_, time)| time.as_str()).collect();
            own.into_iter().chain(fields.values().flat_map(times_of)).collect()
        }
        Value::Array(list) => list.iter().flat_map(times_of).collect(),
        _ => Vec::new(),
    }
}

/// Go's decoder of `metav1.Time`: `2006-01-02T15:04:05Z07:00`, years of four digits.
fn assert_is_rfc_3339(time: &str) {
    let shape: String = time.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z", "{time}");
}

/// vk#1399: Kubernetes 1.35 refuses an update without a version, and an update without a UID reaches whoever has the name.
#[test]
fn vk_1399_every_patch_names_version_and_uid() {
    let mut scenario = Scenario::new("Always a:app");
    let running = ContainerObservation::new("app", ContainerKind::App, ContainerState::Running { started_at: None });
    let patch = scenario.write(&Verdict::Observed, Some(&observation(Stage::Active, vec![running]))).unwrap();
    let metadata = &patch["metadata"];
    assert_eq!((&metadata["uid"], &metadata["resourceVersion"]), (&json!("u-1"), &json!("100")));
}

/// interLink#472, #477, azure-aci#33: pods were Ready before their containers were, and requests went astray.
#[test]
fn interlink_477_a_pod_is_ready_when_all_of_its_containers_are() {
    let mut scenario = Scenario::new("Always a:web a:log");
    let container = |name: &str, ready| {
        let state = ContainerState::Running { started_at: None };
        let mut container = ContainerObservation::new(name, ContainerKind::App, state);
        container.ready = Some(ready);
        container
    };
    for (web, log) in [(true, false), (false, true), (false, false), (true, true), (true, false)] {
        let containers = vec![container("web", web), container("log", log)];
        scenario.write(&Verdict::Observed, Some(&observation(Stage::Active, containers)));
        let ready = scenario.pod["status"]["conditions"].as_array().unwrap().iter().find(|it| it["type"] == "Ready");
        assert_eq!(ready.unwrap()["status"], if web && log { "True" } else { "False" }, "{web} {log}");
    }
}

/// vk#745, saladcloud#137: a pod that ran went back to Pending when an update failed, or never left it.
#[test]
fn vk_745_a_pod_that_has_run_is_never_pending_again() {
    // One of which everything is known, and one of which the API knows nothing but that it ran.
    let mut told = Scenario::new("Always a:app");
    told.steps("active app=run");
    let mut bare = Scenario::new("Always a:app");
    bare.steps("api:Running");
    for mut scenario in [told, bare] {
        never_pending(&mut scenario);
    }
}

fn never_pending(scenario: &mut Scenario) {
    assert_eq!(scenario.phase().as_str(), "Running");
    for step in ["waiting:ProviderFailed", "provisioning:Updating", "active app=wait:ProviderFailed", "active"] {
        scenario.steps(step);
        assert_eq!(scenario.phase().as_str(), "Running", "{step}");
    }
}
