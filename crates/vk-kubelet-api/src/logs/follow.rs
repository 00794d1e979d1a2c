//! `-f` for back ends that can only hand out the whole log: it is read again and again, and what is new is written.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use tokio::time::{sleep, timeout};
use vk_core::{ContainerState, Error, ErrorKind, Result};
use vk_provider::{LogReply, LogRequest, Logs};

use super::snapshot::{Cut, Pieces, line_end, split_time};
use crate::limits::Limits;
use crate::pod_source::{ContainerEntry, PodSource};

/// Follows one run of a container.
pub(crate) struct LogFollower {
    logs: Arc<dyn Logs>,
    pods: Arc<dyn PodSource>,
    request: LogRequest,
    started_at: Option<Timestamp>,
    interval: Duration,
    backend_timeout: Duration,
    /// Whole lines that have been written, or left out for good.
    seen: Bytes,
    ready: Pieces,
    /// What is wanted of the lines to come.
    cut: Cut,
    last_read: bool,
}

impl LogFollower {
    /// Begins with the log as it is now.
    pub(crate) fn new(
        logs: Arc<dyn Logs>,
        pods: Arc<dyn PodSource>,
        request: LogRequest,
        container: &ContainerEntry,
        limits: &Limits,
        snapshot: Bytes,
    ) -> Self {
        let cut = Cut::of(&request);
        let last_read = !runs(container);
        let seen = if last_read { snapshot } else { whole_lines(&snapshot) };
        Self {
            logs,
            pods,
            request,
            started_at: started_at(container),
            interval: limits.log_poll_interval,
            backend_timeout: limits.backend_timeout,
            ready: Pieces::new(seen.clone(), cut),
            seen,
            cut: Cut { tail_lines: None, ..cut },
            last_read,
        }
    }

    /// The log as it grows; it ends after the run has.
    pub(crate) fn into_stream(self) -> BoxStream<'static, Result<Bytes>> {
        stream::unfold(self, |mut follower| async { follower.next().await.map(|piece| (piece, follower)) }).boxed()
    }

    async fn next(&mut self) -> Option<Result<Bytes>> {
        loop {
            if let Some(piece) = self.ready.next() {
                return Some(Ok(piece));
            }
            if self.last_read {
                return None;
            }
            sleep(self.interval).await;
            // Asked before reading: what a run wrote last is there once the run has ended.
            let running = self.still_runs().await;
            match self.read().await {
                Ok(snapshot) => self.advance(snapshot, running),
                // It is gone together with its log.
                Err(_) if !running => return None,
                Err(error) if passing(&error) => tracing::debug!(%error, "a followed log could not be read for now"),
                Err(error) => {
                    self.last_read = true;
                    return Some(Err(error));
                }
            }
        }
    }

    fn advance(&mut self, snapshot: Bytes, running: bool) {
        self.last_read = !running;
        let now = if running { whole_lines(&snapshot) } else { snapshot };
        if let Some(fresh) = fresh(&self.seen, &now) {
            self.ready = Pieces::new(fresh, self.cut);
            self.seen = now;
        }
    }

    async fn read(&self) -> Result<Bytes> {
        let opened = timeout(self.backend_timeout, self.logs.open(self.request.clone())).await;
        match opened.map_err(|_| Error::unavailable("the back end did not answer in time"))?? {
            LogReply::Snapshot(bytes) => Ok(bytes),
            LogReply::Stream(_) => Err(Error::internal("the provider handed out a snapshot first and a stream then")),
        }
    }

    /// Whether the run that is followed goes on. Not knowing is no end.
    async fn still_runs(&self) -> bool {
        let target = &self.request.target;
        match timeout(self.backend_timeout, self.pods.find(target.key.clone())).await {
            Ok(Ok(Some(pod))) if pod.target.uid == target.uid => pod
                .container(&self.request.container)
                .is_some_and(|container| runs(container) && same_run(self.started_at, started_at(container))),
            Ok(Ok(_)) => false,
            Ok(Err(_)) | Err(_) => true,
        }
    }
}

fn runs(container: &ContainerEntry) -> bool {
    matches!(container.state, Some(ContainerState::Running { .. } | ContainerState::Unknown))
}

fn started_at(container: &ContainerEntry) -> Option<Timestamp> {
    match container.state {
        Some(ContainerState::Running { started_at }) => started_at,
        _ => None,
    }
}

/// A start that is not told yet is no other run.
fn same_run(followed: Option<Timestamp>, now: Option<Timestamp>) -> bool {
    followed.is_none() || now.is_none() || followed == now
}

fn passing(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Unavailable | ErrorKind::OutcomeUnknown | ErrorKind::Exhausted { .. })
}

fn whole_lines(bytes: &Bytes) -> Bytes {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    bytes.slice(..end)
}

/// What is in the log now and was not before; `None` if that is nothing, or if the log has gone back, which a stale read
/// looks like.
///
/// A back end may have dropped the beginning meanwhile. Then times decide: lines of the newest time that was seen are new
/// if they were not among those seen.
fn fresh(seen: &Bytes, now: &Bytes) -> Option<Bytes> {
    if now.starts_with(seen) && now.len() > seen.len() {
        return Some(now.slice(seen.len()..));
    }
    if seen.starts_with(now) {
        return None;
    }
    let Some(newest) = times(seen).into_iter().flatten().max() else { return Some(now.clone()) };
    let known: BTreeSet<&[u8]> =
        lines(seen).zip(times(seen)).filter(|(_, time)| *time == Some(newest)).map(|(line, _)| line).collect();
    let old = lines(now).zip(times(now)).take_while(|(line, time)| match time {
        Some(time) => *time < newest || (*time == newest && known.contains(line)),
        None => true,
    });
    let skipped: usize = old.map(|(line, _)| line.len()).sum();
    (skipped < now.len()).then(|| now.slice(skipped..))
}

fn lines(mut log: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (line, rest) = log.split_at(line_end(log));
        log = rest;
        (!line.is_empty()).then_some(line)
    })
}

/// The time of each line; a line without one shares that of the line before.
fn times(log: &[u8]) -> Vec<Option<Timestamp>> {
    let mut time = None;
    lines(log)
        .map(|line| {
            time = split_time(line).0.or(time);
            time
        })
        .collect()
}

#[cfg(test)]
mod tests;
