//! Panics of our own. One in the decisions about a pod sets that pod aside; one in a part of the controller ends it, visibly.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::mpsc;
use vk_core::backoff::Backoff;

/// A part of the pod controller panicked: it has ended, and the node is kept by nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pod controller has ended by a defect of its own: {part} panicked: {message}")]
pub struct PodControllerDefect {
    /// Which part.
    pub part: &'static str,
    /// What the panic said.
    pub message: String,
}

/// What a panic said.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Runs a part; a panic is reported instead of being lost with its task.
pub(super) async fn reported(
    part: &'static str,
    work: impl Future<Output = ()>,
    defects: mpsc::Sender<PodControllerDefect>,
) {
    if let Err(defect) = contained(part, work).await {
        // One is enough: whoever comes later finds the channel full.
        let _told = defects.try_send(defect);
    }
}

/// Runs a part; a panic is its error.
pub(super) async fn contained<T>(part: &'static str, work: impl Future<Output = T>) -> Result<T, PodControllerDefect> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.map_err(|panic| PodControllerDefect { part, message: panic_message(&*panic) })
}

/// How a pod is kept whose decisions panicked: set aside for a while, and then begun anew from what the API server and the
/// back end show, as after a restart of the agent.
#[derive(Debug)]
pub(super) struct Quarantine {
    backoff: Backoff,
    until: Option<Duration>,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self { backoff: Backoff::new(Duration::from_secs(2), Duration::from_secs(300)), until: None }
    }
}

impl Quarantine {
    /// Sets the pod aside; until when.
    pub(super) fn begin(&mut self, now: Duration, random: u64) -> Duration {
        let delay = self.backoff.ceiling() / 2 + self.backoff.next_delay(random) / 2;
        let until = now.saturating_add(delay);
        self.until = Some(until);
        until
    }

    /// The pod is begun anew. Another panic sets it aside for longer.
    pub(super) fn end(&mut self) {
        self.until = None;
    }

    /// Whether the pod is set aside.
    pub(super) fn is_active(&self) -> bool {
        self.until.is_some()
    }

    /// Whether it has been for long enough.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_of_a_part_is_reported_with_its_words() {
        let (defects, mut reports) = mpsc::channel(1);
        let work = || async { std::panic::panic_any("broken".to_owned()) };
        reported("pod watch", work(), defects.clone()).await;
        reported("back-end list", work(), defects).await;
        let defect = reports.recv().await.unwrap();
        assert_eq!(defect, PodControllerDefect { part: "pod watch", message: "broken".to_owned() });
        assert!(defect.to_string().contains("pod watch panicked: broken"));
        assert_eq!(reports.recv().await, None);
    }

    #[test]
    fn a_pod_is_set_aside_for_longer_and_longer() {
        let mut quarantine = Quarantine::default();
        let mut longest = Duration::ZERO;
        for _ in 0..100 {
            let until = quarantine.begin(Duration::from_secs(10), u64::MAX);
            assert!(
                quarantine.is_active() && !quarantine.is_over(Duration::from_secs(10)) && quarantine.is_over(until)
            );
            longest = longest.max(until);
            quarantine.end();
            assert!(!quarantine.is_active());
        }
        assert_eq!(longest, Duration::from_secs(310));
    }
}
