//! Termination messages: what a container has written for people, or the end of its log.

use std::time::Duration;

use futures::TryStreamExt;
use vk_core::{PodUid, Result};
use vk_provider::LogReply;

use super::calls::timed;
use crate::logs::ContainerLogRequest;
use crate::runtime::{ContainerRuntime, RunState, RuntimeContainer, RuntimePod};
use crate::volume::TerminationLogKey;

const READ_TIME: Duration = Duration::from_secs(10);
/// The kubelet's bounds of a message that comes from the log.
const LOG_LINES: u64 = 80;
const LOG_BYTES: usize = 2048;

/// Puts the messages of ended containers in the place of what the runtime has to say.
pub(super) async fn read<R: ContainerRuntime>(runtime: &R, pod: &mut RuntimePod) {
    for container in &mut pod.containers {
        let found = message(runtime, &pod.pod.uid, container).await;
        if let (Some(found), RunState::Exited(ended)) = (found, &mut container.state) {
            ended.message = found;
        }
    }
}

async fn message<R: ContainerRuntime>(runtime: &R, uid: &PodUid, container: &RuntimeContainer) -> Option<String> {
    let RunState::Exited(ended) = &container.state else { return None };
    if let Some(store) = &runtime.features().volumes {
        let key = TerminationLogKey { pod: uid.clone(), container: container.name.clone(), attempt: container.attempt };
        match store.read_termination_log(key).await {
            Ok(Some(message)) => return Some(message),
            Ok(None) => {}
            Err(error) => tracing::debug!(container = container.name, %error, "no termination message"),
        }
    }
    if !container.message_from_log || ended.exit_code == 0 || !ended.message.is_empty() {
        return None;
    }
    match timed(READ_TIME, end_of_log(runtime, container)).await {
        Ok(message) => Some(message),
        Err(error) => {
            tracing::debug!(container = container.name, %error, "no log for a termination message");
            None
        }
    }
}

async fn end_of_log<R: ContainerRuntime>(runtime: &R, container: &RuntimeContainer) -> Result<String> {
    let log = match runtime.logs(&container.id, ContainerLogRequest::tail(LOG_LINES)).await? {
        LogReply::Snapshot(bytes) => bytes.to_vec(),
        LogReply::Stream(stream) => {
            let last_of = |mut kept: Vec<u8>, piece: bytes::Bytes| async move {
                kept.extend_from_slice(&piece);
                Ok(last(kept, LOG_BYTES))
            };
            stream.try_fold(Vec::new(), last_of).await?
        }
    };
    Ok(String::from_utf8_lossy(&last(log, LOG_BYTES)).into_owned())
}

fn last(mut bytes: Vec<u8>, count: usize) -> Vec<u8> {
    bytes.split_off(bytes.len().saturating_sub(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_what_is_kept() {
        assert_eq!(last(b"abcdef".to_vec(), 2), b"ef");
        assert_eq!(last(b"a".to_vec(), 2), b"a");
    }
}
