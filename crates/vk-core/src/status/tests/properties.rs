//! What holds for any sequence of observations, conclusions and foreign writes. That a second plan finds nothing left to
//! write is asserted by [`Scenario::write`], and that the server takes the patch by the server.

use std::net::IpAddr;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::scenario::Scenario;
use crate::error::Error;
use crate::identity::PodUid;
use crate::observation::{ContainerKind, ContainerObservation, ContainerState, PodObservation, Stage, Terminated};
use crate::status::{EndCause, Phase, Verdict};

const SPECS: [&str; 7] = [
    "Always a:app",
    "OnFailure a:app a:bus",
    "Never a:app a:bus e:debug",
    "Never i:setup a:app",
    "Always i:setup s:proxy a:app e:debug",
    "OnFailure s:proxy i:setup i:more a:app a:bus",
    "Never s:proxy a:app",
];

/// Every name that occurs in a spec, and one that does not.
const NAMES: [&str; 7] = ["app", "bus", "debug", "setup", "more", "proxy", "stray"];

const LISTS: [&str; 3] = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];

#[derive(Debug, Clone)]
enum Step {
    Ours(Verdict, Option<Box<PodObservation>>),
    Foreign(Foreign),
}

#[derive(Debug, Clone)]
enum Foreign {
    Phase(&'static str),
    ReadyFalse,
    Reason,
    Deleted,
    WipeContainers,
    Generation,
}

fn time() -> impl Strategy<Value = Option<Timestamp>> {
    let seconds = select(vec![-62_135_596_800_i64, 0, 1_700_000_000, 1_763_800_000, 253_402_207_200]);
    option::of(
        (seconds, 0..1_000_000_000_i32)
            .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap_or(Timestamp::MAX)),
    )
}

fn word() -> impl Strategy<Value = String> {
    select(vec!["", "Odd", "ContainerCreating", "ContainerStatusUnknown"]).prop_map(str::to_owned)
}

fn message() -> impl Strategy<Value = String> {
    let words = select(vec!["", "x", "grüße"]).prop_map(str::to_owned);
    prop_oneof![12 => words, 1 => Just("ü".repeat(9000))]
}

fn run() -> impl Strategy<Value = Terminated> {
    let exit_code = select(vec![0, 1, 42, 137, -1]);
    let signal = select(vec![None, Some(0), Some(9)]);
    (exit_code, signal, word(), message(), time(), time(), id()).prop_map(
        |(exit_code, signal, reason, message, started_at, finished_at, container_id)| Terminated {
            exit_code,
            signal,
            reason,
            message,
            started_at,
            finished_at,
            container_id,
        },
    )
}

fn id() -> impl Strategy<Value = String> {
    select(vec!["", "x://1", "x://2"]).prop_map(str::to_owned)
}

fn state() -> impl Strategy<Value = ContainerState> {
    prop_oneof![
        (word(), message()).prop_map(|(reason, message)| ContainerState::Waiting { reason, message }),
        time().prop_map(|started_at| ContainerState::Running { started_at }),
        run().prop_map(ContainerState::Terminated),
        Just(ContainerState::Unknown),
    ]
}

fn container(name: &'static str) -> impl Strategy<Value = ContainerObservation> {
    let counts = prop_oneof![0..4_u32, Just(u32::MAX)];
    (state(), option::of(run()), counts, any::<Option<bool>>(), any::<Option<bool>>(), word(), id()).prop_map(
        move |(state, last, restarts, ready, started, image, container_id)| ContainerObservation {
            last,
            restarts,
            ready,
            started,
            image,
            container_id,
            ..ContainerObservation::new(name, ContainerKind::App, state)
        },
    )
}

fn stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        3 => Just(Stage::Active),
        1 => (word(), message()).prop_map(|(reason, message)| Stage::Provisioning { reason, message }),
        1 => Just(Stage::CreateFailed(Error::unavailable("x"))),
        1 => Just(Stage::Stopping),
        1 => Just(Stage::Stopped),
        1 => (word(), message()).prop_map(|(reason, message)| Stage::Disrupted { reason, message }),
        1 => word().prop_map(|reason| Stage::Unreachable { since: Timestamp::UNIX_EPOCH, reason }),
    ]
}

fn observation() -> impl Strategy<Value = PodObservation> {
    let names = subsequence(NAMES.to_vec(), 0..=NAMES.len());
    let containers = names.prop_flat_map(|names| names.into_iter().map(container).collect::<Vec<_>>());
    let address = select(vec!["0.0.0.0", "10.0.0.1", "10.0.0.2", "fd00::1", "::ffff:10.0.0.9"]);
    let addresses = || vec(address.clone().prop_map(|ip| ip.parse::<IpAddr>().unwrap()), 0..3);
    (stage(), containers, addresses(), addresses()).prop_map(|(stage, containers, pod_ips, host_ips)| {
        let mut observation = PodObservation::new(PodUid::new("u-1"), 1, stage).with_containers(containers);
        observation.pod_ips = pod_ips;
        observation.host_ips = host_ips;
        observation
    })
}

fn cause() -> impl Strategy<Value = EndCause> {
    let told = || (word(), message());
    prop_oneof![
        Just(EndCause::Completed),
        Just(EndCause::Stopped),
        Just(EndCause::DeadlineExceeded),
        told().prop_map(|(reason, message)| EndCause::Disrupted { reason, message }),
        message().prop_map(|message| EndCause::Lost { message }),
        told().prop_map(|(reason, message)| EndCause::Rejected { reason, message }),
        told().prop_map(|(reason, message)| EndCause::CreateFailed { reason, message }),
    ]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        5 => Just(Verdict::Observed),
        2 => (word(), message()).prop_map(|(reason, message)| Verdict::Waiting { reason, message }),
        1 => cause().prop_map(Verdict::Ended),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let foreign = prop_oneof![
        select(vec!["Failed", "Succeeded", "Unknown", "Running"]).prop_map(Foreign::Phase),
        Just(Foreign::ReadyFalse),
        Just(Foreign::Reason),
        Just(Foreign::Deleted),
        Just(Foreign::WipeContainers),
        Just(Foreign::Generation),
    ];
    prop_oneof![
        8 => (verdict(), option::weighted(0.85, observation().prop_map(Box::new)))
            .prop_map(|(verdict, seen)| Step::Ours(verdict, seen)),
        1 => foreign.prop_map(Step::Foreign),
    ]
}

impl Foreign {
    fn write(&self, pod: &mut Value) {
        match self {
            Self::Phase(phase) => pod["status"]["phase"] = json!(phase),
            Self::Reason => pod["status"]["reason"] = json!("NodeLost"),
            Self::Deleted => pod["metadata"]["deletionTimestamp"] = json!("2026-11-22T11:00:00Z"),
            Self::Generation => pod["metadata"]["generation"] = json!(7),
            Self::WipeContainers => {
                for list in LISTS {
                    pod["status"].as_object_mut().unwrap().remove(list);
                }
            }
            Self::ReadyFalse => {
                let conditions = pod["status"]["conditions"].as_array_mut().unwrap();
                for condition in conditions.iter_mut().filter(|condition| condition["type"] == "Ready") {
                    condition["status"] = json!("False");
                }
            }
        }
    }
}

/// How far a phase is on its way.
fn rank(phase: Phase) -> u8 {
    match phase {
        Phase::Pending | Phase::Unknown => 0,
        Phase::Running => 1,
        Phase::Succeeded | Phase::Failed => 2,
    }
}

fn foreign_conditions(pod: &Value) -> Vec<Value> {
    let is_foreign = |condition: &&Value| {
        let kind = condition["type"].as_str().unwrap();
        kind == "PodScheduled" || kind.contains('/')
    };
    pod["status"]["conditions"].as_array().into_iter().flatten().filter(is_foreign).cloned().collect()
}

fn condition<'a>(pod: &'a Value, kind: &str) -> &'a Value {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    LISTS.into_iter().flat_map(|list| pod["status"][list].as_array().into_iter().flatten())
}

fn check(before: &Value, after: &Value, verdict: &Verdict, seen: Option<&PodObservation>, patch: Option<&Value>) {
    let phase_of = |pod: &Value| Phase::parse(pod["status"]["phase"].as_str().unwrap_or_default());
    let (old, new) = (phase_of(before), phase_of(after));
    assert!(rank(new) >= rank(old) && (!old.is_terminal() || new == old), "{old:?} to {new:?}");
    assert_eq!(foreign_conditions(before), foreign_conditions(after));
    for known in containers(before) {
        let status = containers(after).find(|status| status["name"] == known["name"]).unwrap();
        assert!(status["restartCount"].as_i64() >= known["restartCount"].as_i64(), "{known} to {status}");
    }
    for status in containers(after) {
        assert_eq!(status["state"].as_object().unwrap().len(), 1, "{status}");
    }
    if new.is_terminal() {
        assert_eq!(condition(after, "Ready")["status"], "False");
        assert_eq!(condition(after, "ContainersReady")["status"], "False");
    }
    let is_rejected = matches!(verdict, Verdict::Ended(EndCause::Rejected { .. }));
    if matches!(verdict, Verdict::Ended(_)) {
        assert!(new.is_terminal(), "{verdict:?}");
        let runs = containers(after).any(|status| status["state"].get("running").is_some());
        assert!(!runs || is_rejected, "a container runs on after the end");
    } else if new.is_terminal() && !old.is_terminal() {
        let may_run = |container: &&ContainerObservation| {
            containers(after).any(|status| status["name"] == container.name.as_str())
                && matches!(container.state, ContainerState::Running { .. } | ContainerState::Unknown)
        };
        let seen = seen.expect("a terminal phase without an observation");
        let is_told = matches!(seen.stage, Stage::Stopped | Stage::Disrupted { .. } | Stage::CreateFailed(_));
        assert!(is_told || !seen.containers.iter().any(|container| may_run(&container)), "a terminal phase too early");
    }
    if let Some(patch) = patch {
        check_smallest(before, after, patch);
    }
}

/// Nothing is sent that the API said already.
fn check_smallest(before: &Value, after: &Value, patch: &Value) {
    for (field, _) in patch["status"].as_object().into_iter().flatten() {
        assert_ne!(before["status"].get(field), after["status"].get(field), "{field} is sent without need");
    }
    for entry in patch["status"]["conditions"].as_array().into_iter().flatten() {
        let kind = entry["type"].as_str().unwrap();
        for field in entry.as_object().unwrap().keys().filter(|field| *field != "type" && *field != "$patch") {
            assert_ne!(condition(before, kind).get(field), condition(after, kind).get(field), "{kind}.{field}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_takes_a_pod_back_or_touches_what_is_foreign(spec in select(SPECS.to_vec()), steps in vec(step(), 1..7)) {
        let mut scenario = Scenario::new(spec);
        let gate = json!({"type": "example.com/gate", "status": "False", "message": "mine"});
        scenario.pod["status"]["conditions"].as_array_mut().unwrap().push(gate);
        for step in steps {
            let before = scenario.pod.clone();
            match step {
                Step::Foreign(foreign) => foreign.write(&mut scenario.pod),
                Step::Ours(verdict, seen) => {
                    let patch = scenario.write(&verdict, seen.as_deref());
                    check(&before, &scenario.pod, &verdict, seen.as_deref(), patch.as_ref());
                }
            }
        }
    }
}
