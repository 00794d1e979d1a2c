//! The conditions that a kubelet owns, in its words: users wait for their types, and tools read their reasons.

use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::container_lists::ContainerStatuses;
use super::container_state::{MESSAGE_LIMIT, is_waiting, text, time};
use super::input::{EndCause, Phase, Verdict};
use super::pod_view::PodView;
use super::resources::{POD_RESIZE_PENDING, resize_pending};
use crate::observation::{ContainerKind, ContainerObservation, ContainerState, Stage};

const READY_TO_START: &str = "PodReadyToStartContainers";
const INITIALIZED: &str = "Initialized";
const CONTAINERS_READY: &str = "ContainersReady";
const READY: &str = "Ready";
const DISRUPTION_TARGET: &str = "DisruptionTarget";

/// The conditions to be written, and those of ours to be taken away. `PodScheduled` is the scheduler's, `DisruptionTarget`
/// belongs to whoever set it first; neither is touched once it is there.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Conditions {
    pub(super) present: Vec<PodCondition>,
    pub(super) absent: Vec<&'static str>,
}

impl Conditions {
    pub(super) fn of(view: &PodView<'_>, phase: Phase, statuses: Option<&ContainerStatuses>) -> Self {
        let mut conditions = Self::default();
        match statuses {
            Some(statuses) => conditions.set_all(view, phase, statuses),
            // Refused at admission: nothing is known of any container.
            None => conditions.present.extend([not_ready(CONTAINERS_READY, phase), not_ready(READY, phase)]),
        }
        conditions.present.extend(disruption(view, phase));
        for condition in &mut conditions.present {
            condition.observed_generation = view.observed_generation();
            condition.message = condition.message.take().and_then(|message| text(&message, MESSAGE_LIMIT));
            condition.last_transition_time = last_transition(view, condition);
        }
        conditions
    }

    fn set_all(&mut self, view: &PodView<'_>, phase: Phase, statuses: &ContainerStatuses) {
        let containers_ready = containers_ready(view, phase, statuses);
        self.present.push(ready_to_start(view, phase));
        self.present.push(initialized(view, phase, statuses));
        let ready = ready(view, phase, &containers_ready, &self.present);
        self.present.push(containers_ready);
        self.present.push(ready);
        let all: Vec<&ContainerStatus> = statuses.iter().collect();
        match resize_pending(view, &all).filter(|_| !phase.is_terminal()) {
            // Whether it is refused, the back end has still to say.
            Some(_) if view.awaits_an_answer() => {}
            Some(pending) => self.present.push(pending),
            None => self.absent.push(POD_RESIZE_PENDING),
        }
    }
}

fn condition(kind: &str, holds: bool) -> PodCondition {
    let status = if holds { "True" } else { "False" };
    PodCondition { type_: kind.to_owned(), status: status.to_owned(), ..PodCondition::default() }
}

fn failed(kind: &str, reason: &str, message: String) -> PodCondition {
    let message = (!message.is_empty()).then_some(message);
    PodCondition { reason: Some(reason.to_owned()), message, ..condition(kind, false) }
}

/// What readiness is once the pod has come to its end.
fn not_ready(kind: &str, phase: Phase) -> PodCondition {
    failed(kind, if phase == Phase::Succeeded { "PodCompleted" } else { "PodFailed" }, String::new())
}

fn api_condition<'a>(view: &PodView<'a>, kind: &str) -> Option<&'a PodCondition> {
    view.api.conditions.iter().flatten().find(|condition| condition.type_ == kind)
}

fn holds(condition: Option<&PodCondition>) -> bool {
    condition.is_some_and(|condition| condition.status == "True")
}

/// The time stays as long as the status does, whatever becomes of reason and message.
fn last_transition(view: &PodView<'_>, condition: &PodCondition) -> Option<Time> {
    match api_condition(view, &condition.type_) {
        Some(known) if known.status == condition.status => known.last_transition_time.clone(),
        _ => time(Some(view.input.now)),
    }
}

/// KEP-3085: whether the pod's sandbox is there, with its network. Back ends do not speak of sandboxes, so an address or a
/// container that has run is the sign; while the pod is active, its sandbox stays.
fn ready_to_start(view: &PodView<'_>, phase: Phase) -> PodCondition {
    let known = holds(api_condition(view, READY_TO_START));
    let has_sandbox = match view.input.observation {
        _ if phase.is_terminal() || view.end().is_some() => false,
        None if matches!(view.input.verdict, Verdict::Recreating { .. }) => false,
        None => known,
        Some(observation) => {
            let has_run = observation.containers.iter().any(has_run);
            match observation.stage {
                Stage::Provisioning { .. } => has_run,
                Stage::Active | Stage::Stopping => {
                    known || has_run || !observation.pod_ips.is_empty() || view.uses_host_network()
                }
                Stage::Unreachable { .. } => known || has_run,
                Stage::Stopped | Stage::Disrupted { .. } | Stage::CreateFailed(_) => false,
            }
        }
    };
    condition(READY_TO_START, has_sandbox)
}

fn has_run(container: &ContainerObservation) -> bool {
    matches!(container.state, ContainerState::Running { .. } | ContainerState::Terminated(_))
        || container.last.is_some()
}

fn initialized(view: &PodView<'_>, phase: Phase, statuses: &ContainerStatuses) -> PodCondition {
    if phase == Phase::Succeeded {
        return PodCondition { reason: Some("PodCompleted".to_owned()), ..condition(INITIALIZED, true) };
    }
    let incomplete = names(view, statuses, |kind, status| match kind {
        ContainerKind::Init => !status.ready,
        ContainerKind::Sidecar => status.started != Some(true),
        ContainerKind::App | ContainerKind::Ephemeral => false,
    });
    // Once initialized, a pod stays so while its sidecars are restarted.
    let has_been = statuses.app.iter().any(|status| !is_waiting(status)) || holds(api_condition(view, INITIALIZED));
    if incomplete.is_empty() || has_been {
        return condition(INITIALIZED, true);
    }
    let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
    failed(INITIALIZED, "ContainersNotInitialized", message)
}

fn containers_ready(view: &PodView<'_>, phase: Phase, statuses: &ContainerStatuses) -> PodCondition {
    if phase.is_terminal() {
        return not_ready(CONTAINERS_READY, phase);
    }
    let unready = names(view, statuses, |kind, status| {
        matches!(kind, ContainerKind::Sidecar | ContainerKind::App) && !status.ready
    });
    if unready.is_empty() {
        return condition(CONTAINERS_READY, true);
    }
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    failed(CONTAINERS_READY, "ContainersNotReady", message)
}

/// Containers ready, and every readiness gate open (KEP-580).
fn ready(view: &PodView<'_>, phase: Phase, containers_ready: &PodCondition, ours: &[PodCondition]) -> PodCondition {
    if phase.is_terminal() {
        return not_ready(READY, phase);
    }
    if let Some(Stage::Unreachable { since, reason }) = view.stage() {
        return failed(READY, reason, format!("the back end lost contact with the pod at {since}"));
    }
    if containers_ready.status != "True" {
        return PodCondition { type_: READY.to_owned(), ..containers_ready.clone() };
    }
    let closed: Vec<String> = view
        .spec
        .readiness_gates
        .iter()
        .flatten()
        .filter_map(|gate| {
            let kind = gate.condition_type.as_str();
            let computed = ours.iter().find(|condition| condition.type_ == kind);
            match computed.or_else(|| api_condition(view, kind)) {
                None => Some(format!("corresponding condition of pod readiness gate \"{kind}\" does not exist.")),
                Some(gate) if gate.status == "True" => None,
                Some(gate) => {
                    Some(format!("the status of pod readiness gate \"{kind}\" is not \"True\", but {}", gate.status))
                }
            }
        })
        .collect();
    if closed.is_empty() { condition(READY, true) } else { failed(READY, "ReadinessGatesNotReady", closed.join(", ")) }
}

/// KEP-3329: tells a Job that the pod's end was not its own doing. Written with the terminal phase, unless somebody else
/// has said so before.
fn disruption(view: &PodView<'_>, phase: Phase) -> Option<PodCondition> {
    let message = match view.input.verdict {
        Verdict::Ended(EndCause::Disrupted { reason, message }) => format!("{reason}: {message}"),
        Verdict::Ended(EndCause::Lost { message }) => message.clone(),
        _ => return None,
    };
    let is_transition = phase == Phase::Failed && !view.api_phase().is_terminal();
    (is_transition && !holds(api_condition(view, DISRUPTION_TARGET))).then(|| PodCondition {
        // The reason of a kubelet that evicts; another one would be taken for stale and reset by the control plane.
        reason: Some("TerminationByKubelet".to_owned()),
        message: Some(message),
        ..condition(DISRUPTION_TARGET, true)
    })
}

/// Names of the containers of which this holds, in the order of the spec.
fn names<'a>(
    view: &PodView<'a>,
    statuses: &ContainerStatuses,
    matches: impl Fn(ContainerKind, &ContainerStatus) -> bool,
) -> Vec<&'a str> {
    let is_matching = |container: &&super::pod_view::SpecContainer<'a>| {
        statuses.get(container.name).is_some_and(|status| matches(container.kind, status))
    };
    view.containers.iter().filter(is_matching).map(|container| container.name).collect()
}
