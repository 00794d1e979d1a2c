//! The kubelet's words for what happens to a pod, so that people and tools find what they know.

use vk_core::{BackendEvent, Error, ErrorKind, EventType};

use super::event::Pulled;
use crate::runtime::PodIdentity;

fn event(kind: EventType, container: Option<&str>, reason: &str, message: &str) -> BackendEvent {
    BackendEvent {
        kind,
        reason: reason.to_owned(),
        message: message.to_owned(),
        container: container.map(str::to_owned),
    }
}

pub(super) fn normal(container: &str, reason: &str, message: &str) -> BackendEvent {
    event(EventType::Normal, Some(container), reason, message)
}

pub(super) fn warning(container: Option<&str>, reason: &str, message: &str) -> BackendEvent {
    event(EventType::Warning, container, reason, message)
}

pub(super) fn pulled(container: &str, image: &str, pulled: &Pulled) -> BackendEvent {
    let (took, waited) = pulled.took;
    let size = pulled.image.size.map_or_else(String::new, |size| format!(" Image size: {size} bytes."));
    let message = format!("Successfully pulled image {image:?} in {took:.1?} ({waited:.1?} including waiting).{size}");
    normal(container, "Pulled", &message)
}

pub(super) fn present(container: &str, image: &str) -> BackendEvent {
    normal(container, "Pulled", &format!("Container image {image:?} already present on machine"))
}

pub(super) fn back_off_restart(container: &str, pod: &PodIdentity) -> BackendEvent {
    let message = format!("Back-off restarting failed container {container} in pod {pod}");
    warning(Some(container), "BackOff", &message)
}

/// Whether the runtime gave no answer: nothing is known then, and nothing is blamed on the pod.
pub(super) fn is_unanswered(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::Unavailable | ErrorKind::OutcomeUnknown | ErrorKind::Cancelled | ErrorKind::Unauthenticated
    )
}
