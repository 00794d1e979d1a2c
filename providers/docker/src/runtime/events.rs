//! Docker's events, as hints at what may have changed.

use std::collections::HashMap;

use bollard::Docker;
use bollard::query_parameters::EventsOptionsBuilder;
use futures::TryStreamExt;
use jiff::Timestamp;
use vk_core::{Error, Result};
use vk_pod_engine::HintSink;

use crate::connection::read_error;
use crate::labels::{Owner, uid_of};

/// What changes a container's state; the rest (`exec_create`, `attach`, …) is noise.
const EVENTS: [&str; 8] = ["create", "start", "die", "kill", "oom", "stop", "destroy", "pause"];

/// Follows events until the stream breaks.
pub(super) async fn follow(docker: &Docker, owner: &Owner, hints: &HintSink) -> Result<()> {
    // Nothing tells when the subscription stands, so it starts in the past: Docker repeats what it still remembers.
    let info = docker.info().await.map_err(read_error)?;
    let begun: Option<Timestamp> = info.system_time.and_then(|time| time.parse().ok());
    let since = begun.map(|time| time.as_second().to_string()).unwrap_or_default();
    let mut filters: HashMap<String, Vec<String>> = owner.filter(None);
    filters.insert("type".to_owned(), vec!["container".to_owned()]);
    filters.insert("event".to_owned(), EVENTS.iter().map(|event| (*event).to_owned()).collect());
    let options = EventsOptionsBuilder::default().since(&since).filters(&filters).build();
    let mut events = docker.events(Some(options));
    hints.live();
    while let Some(event) = events.try_next().await.map_err(read_error)? {
        let attributes = event.actor.and_then(|actor| actor.attributes).unwrap_or_default();
        if let Some(uid) = uid_of(&attributes) {
            hints.pod(uid.into());
        }
    }
    Err(Error::unavailable("Docker ended the stream of events"))
}
