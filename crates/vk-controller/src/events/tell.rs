//! What people should know about a node: in the log, and as Events of the Node.

use std::fmt::Display;

use vk_core::{BackendEvent, EventType};

use super::{EventRecorder, Involved};

/// Logs a notice about this node by its importance and, with a recorder, records it as an Event of the Node.
pub fn tell_of_node(
    recorder: Option<&EventRecorder>,
    node: &str,
    kind: EventType,
    reason: &str,
    notice: &impl Display,
) {
    // Some notices end with a command to be copied, so nothing may follow.
    match kind {
        EventType::Warning => tracing::warn!("node {node}: {notice}"),
        EventType::Normal => tracing::info!("node {node}: {notice}"),
    }
    if let Some(recorder) = recorder {
        let event = BackendEvent { kind, reason: reason.to_owned(), message: notice.to_string(), container: None };
        recorder.record(&Involved::node(node), event);
    }
}

/// The kind of an Event that is a warning or not.
pub fn warning_if(is_warning: bool) -> EventType {
    if is_warning { EventType::Warning } else { EventType::Normal }
}
