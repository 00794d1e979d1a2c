//! From observations to `PodStatus`, and from there to the smallest patch that brings the API to say so.
//!
//! [`plan`] is the only place where a phase, a condition or a container status comes into being, for every provider. It is
//! level-triggered (invariant 6): whatever the API says now is compared with what it should say, so that a foreign change
//! is repaired by the next plan, and nothing is written twice. What it should say follows the kubelet of Kubernetes 1.36.

mod addresses;
mod conditions;
mod container_lists;
mod container_state;
mod container_status;
mod ended;
mod input;
mod patch;
mod phase;
mod pod_view;
mod reported_container;
mod resources;
mod restart;
mod told_runs;
mod unreported_container;

pub use ended::{ExpectedContainer, ended};
pub use input::{EndCause, Phase, StatusInput, StatusPlan, Verdict};
use k8s_openapi::api::core::v1::{Pod, PodSpec, PodStatus};
pub use restart::ContainerRestart;
pub use told_runs::ToldRuns;

use addresses::Addresses;
use conditions::Conditions;
use container_lists::ContainerStatuses;
use container_state::{MESSAGE_LIMIT, text, time};
use patch::{OwnedStatus, annotations_patch, body, status_patch};
use phase::phase_of;
use pod_view::PodView;

#[cfg(test)]
mod tests;

/// What to write to the `status` subresource of `pod`, which is the pod as the API shows it.
///
/// The patch touches the fields that a kubelet owns and nothing else, and is bound to the pod's UID and version. Neither the
/// phase nor a restart count ever goes back.
pub fn plan(pod: &Pod, input: &StatusInput<'_>) -> StatusPlan {
    let (no_spec, no_status) = (PodSpec::default(), PodStatus::default());
    let api = pod.status.as_ref().unwrap_or(&no_status);
    let view = PodView::new(pod, pod.spec.as_ref().unwrap_or(&no_spec), api, input);
    let (phase, wanted) = match view.end() {
        Some(EndCause::Rejected { .. }) => rejected(&view),
        _ => computed(&view),
    };
    let (status, cosmetic) = status_patch(OwnedStatus::in_api(api), wanted.in_one_spelling());
    let annotations = annotations_patch(&pod.metadata, input.annotations);
    if status.is_empty() && annotations.is_empty() {
        return StatusPlan::Unchanged { phase };
    }
    let cosmetic = cosmetic && annotations.is_empty();
    StatusPlan::Patch { body: body(&pod.metadata, status, annotations), phase, cosmetic }
}

fn computed(view: &PodView<'_>) -> (Phase, OwnedStatus) {
    let containers = ContainerStatuses::of(view);
    let phase = phase_of(view, &containers);
    let conditions = Conditions::of(view, phase, Some(&containers));
    (phase, OwnedStatus { addresses: Addresses::of(view), containers, conditions, ..base(view, phase) })
}

/// A pod that was refused at admission has neither containers nor addresses; what others have written there stays.
fn rejected(view: &PodView<'_>) -> (Phase, OwnedStatus) {
    let phase = if view.api_phase().is_terminal() { view.api_phase() } else { Phase::Failed };
    let known = OwnedStatus::in_api(view.api);
    let conditions = Conditions::of(view, phase, None);
    (phase, OwnedStatus { addresses: known.addresses, containers: known.containers, conditions, ..base(view, phase) })
}

/// The fields that do not depend on containers.
fn base(view: &PodView<'_>, phase: Phase) -> OwnedStatus {
    let (reason, message) = if phase == view.api_phase() {
        (view.api.reason.clone(), view.api.message.clone())
    } else {
        view.end().map(|cause| wording(cause, phase)).unwrap_or_default()
    };
    OwnedStatus {
        phase: Some(phase.as_str().to_owned()),
        reason,
        message,
        start_time: view.api.start_time.clone().or_else(|| time(view.input.start_time)),
        observed_generation: view.observed_generation().max(view.api.observed_generation),
        ..OwnedStatus::default()
    }
}

/// `status.reason` and `status.message` of a pod that has come to its end.
fn wording(cause: &EndCause, phase: Phase) -> (Option<String>, Option<String>) {
    let of = |reason: &str, message: &str| (text(reason, MESSAGE_LIMIT), text(message, MESSAGE_LIMIT));
    match cause {
        EndCause::Completed | EndCause::Stopped => (None, None),
        EndCause::Lost { .. } if phase == Phase::Succeeded => (None, None),
        EndCause::DeadlineExceeded => {
            of("DeadlineExceeded", "The pod ran for longer than spec.activeDeadlineSeconds allows")
        }
        EndCause::Lost { message } => of("Lost", message),
        EndCause::Rejected { reason, message } => of(reason, &format!("Pod was rejected: {message}")),
        EndCause::Disrupted { reason, message } | EndCause::CreateFailed { reason, message } => of(reason, message),
    }
}
