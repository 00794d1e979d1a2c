use std::collections::VecDeque;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use proptest::prelude::*;
use vk_core::{ContainerKind, PodKey, PodUid, RawPod, Target};

use super::*;
use crate::pod_source::{PodEntry, RunningPod};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn fresh_text(seen: &str, now: &str) -> Option<String> {
    fresh(&bytes(seen), &bytes(now)).map(|fresh| String::from_utf8(fresh.to_vec()).unwrap())
}

const A: &str = "2026-11-22T10:00:00Z a\n";
const B: &str = "2026-11-22T10:00:01Z b\n";
const B2: &str = "2026-11-22T10:00:01Z b too\n";
const C: &str = "2026-11-22T10:00:02Z c\n";

#[test]
fn what_was_appended_is_new() {
    assert_eq!(fresh_text("", A), Some(A.into()));
    assert_eq!(fresh_text(A, &[A, B].concat()), Some(B.into()));
    assert_eq!(fresh_text(A, A), None);
}

#[test]
fn a_stale_read_takes_nothing_back() {
    assert_eq!(fresh_text(&[A, B].concat(), A), None);
    assert_eq!(fresh_text(A, ""), None);
}

#[test]
fn after_the_beginning_was_dropped_times_tell_what_is_new() {
    assert_eq!(fresh_text(&[A, B].concat(), &[B, C].concat()), Some(C.into()));
    assert_eq!(fresh_text(&[A, B].concat(), &[B, B2, C].concat()), Some([B2, C].concat()));
    assert_eq!(fresh_text(&[A, B].concat(), C), Some(C.into()));
}

proptest! {
    #[test]
    fn a_growing_log_is_written_once_whatever_the_reads_catch(
        count in 0..30usize,
        dropped in prop::collection::vec(0..30usize, 1..6),
        caught in prop::collection::vec(0..30usize, 1..6),
    ) {
        let line = |at: usize| format!("{} line {at}\n", Timestamp::from_second(1_790_000_000 + at as i64 / 2).unwrap());
        // Reads may be stale, but a beginning that was dropped does not come back.
        let mut dropped = dropped;
        dropped.sort_unstable();
        let mut seen = Bytes::new();
        let mut written = String::new();
        let mut shown = 0;
        for (end, start) in caught.iter().zip(&dropped) {
            let end = (*end).min(count);
            // Lines that were never shown are not dropped.
            let start = (*start).min(shown);
            let now = bytes(&(start..end).map(line).collect::<String>());
            if let Some(fresh) = fresh(&seen, &now) {
                written.push_str(std::str::from_utf8(&fresh).unwrap());
                seen = now;
                shown = shown.max(end);
            }
        }
        prop_assert_eq!(written, (0..shown).map(line).collect::<String>());
    }
}

/// A back end whose log is, at each read, the next of these; and the state of the container at each of those moments.
struct Script {
    reads: Mutex<VecDeque<Result<&'static str>>>,
    states: Mutex<VecDeque<ContainerEntry>>,
}

impl Logs for Script {
    fn open(&self, _request: LogRequest) -> BoxFuture<'_, Result<LogReply>> {
        let read = self.reads.lock().pop_front().unwrap();
        async move { Ok(LogReply::Snapshot(read?.into())) }.boxed()
    }
}

fn target() -> Target {
    Target::new(PodUid::from("uid"), PodKey::new("ns", "web"))
}

impl PodSource for Script {
    fn find(&self, _key: PodKey) -> BoxFuture<'_, Result<Option<PodEntry>>> {
        let container = self.states.lock().pop_front();
        async move { Ok(container.map(|container| PodEntry::new(target(), vec![container]))) }.boxed()
    }

    fn list(&self) -> BoxStream<'static, Result<RawPod>> {
        stream::empty().boxed()
    }

    fn running(&self) -> BoxFuture<'_, Result<Vec<RunningPod>>> {
        async { Ok(Vec::new()) }.boxed()
    }
}

fn container(state: ContainerState) -> ContainerEntry {
    ContainerEntry::new("app", ContainerKind::App).with_status(state, None)
}

fn running() -> ContainerEntry {
    running_since(None)
}

fn running_since(started_at: Option<i64>) -> ContainerEntry {
    let started_at = started_at.map(|second| Timestamp::from_second(second).unwrap());
    container(ContainerState::Running { started_at })
}

fn ended() -> ContainerEntry {
    container(ContainerState::Terminated(vk_core::Terminated::with_exit_code(0)))
}

async fn followed(
    first: (&'static str, ContainerEntry),
    then: Vec<(Result<&'static str>, ContainerEntry)>,
    tail_lines: Option<u64>,
) -> Vec<Result<String>> {
    let (reads, states) = then.into_iter().unzip();
    let script = Arc::new(Script { reads: Mutex::new(reads), states: Mutex::new(states) });
    let mut request = LogRequest::new(target(), "app");
    request.tail_lines = tail_lines;
    let limits = Limits::default();
    let follower = LogFollower::new(script.clone(), script, request, &first.1, &limits, first.0.into());
    let pieces = follower.into_stream().map(|piece| piece.map(|piece| String::from_utf8(piece.to_vec()).unwrap()));
    pieces.collect().await
}

#[tokio::test(start_paused = true)]
async fn lines_come_as_they_are_written_and_the_last_ones_too() {
    let written = followed(
        ("2026-11-22T10:00:00Z a\n2026-11-22T10:00:01Z hal", running()),
        vec![
            (Ok("2026-11-22T10:00:00Z a\n2026-11-22T10:00:01Z half a line\n"), running()),
            (Ok("2026-11-22T10:00:00Z a\n2026-11-22T10:00:01Z half a line\n"), running()),
            (Ok("2026-11-22T10:00:00Z a\n2026-11-22T10:00:01Z half a line\n2026-11-22T10:00:02Z end"), ended()),
        ],
        None,
    );
    let written: Vec<_> = written.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(written, ["a\n", "half a line\n", "end"]);
}

#[tokio::test(start_paused = true)]
async fn the_tail_counts_only_what_was_there_first() {
    let written = followed(
        ("2026-11-22T10:00:00Z a\n2026-11-22T10:00:01Z b\n", running()),
        vec![(
            Ok("2026-11-22T10:00:00Z a\n2026-11-22T10:00:01Z b\n2026-11-22T10:00:02Z c\n2026-11-22T10:00:02Z d\n"),
            ended(),
        )],
        Some(0),
    );
    assert_eq!(written.await, [Ok("c\nd\n".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn an_ended_container_is_not_followed() {
    assert_eq!(followed(("2026-11-22T10:00:00Z a", ended()), vec![], None).await, [Ok("a".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn another_run_ends_the_log_of_this_one() {
    let then = vec![(Ok("2026-11-22T10:00:00Z a\n"), running_since(Some(2)))];
    assert_eq!(
        followed(("2026-11-22T10:00:00Z a\n", running_since(Some(1))), then, None).await,
        [Ok("a\n".to_owned())]
    );
}

#[tokio::test(start_paused = true)]
async fn a_back_end_that_is_away_for_a_while_ends_nothing() {
    let then = vec![
        (Err(Error::unavailable("restarting")), running()),
        (Ok("2026-11-22T10:00:00Z a\n2026-11-22T10:00:01Z b\n"), ended()),
    ];
    assert_eq!(
        followed(("2026-11-22T10:00:00Z a\n", running()), then, None).await,
        [Ok("a\n".into()), Ok("b\n".into())]
    );
    let defect = Error::internal("defect");
    let then = vec![(Err(defect.clone()), running())];
    assert_eq!(followed(("2026-11-22T10:00:00Z a\n", running()), then, None).await, [Ok("a\n".into()), Err(defect)]);
}
