//! Events that wait to be written. The same event waits once, and is counted.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::Notify;
use vk_core::BackendEvent;

use super::involved::Involved;

/// So many different events may wait; a server that is away for hours costs no more memory than that.
const MOST_WAITING: usize = 20_000;

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In order of arrival.
    order: BTreeMap<u64, (Involved, BackendEvent)>,
    counts: BTreeMap<(Involved, BackendEvent), (u64, u32)>,
    next: u64,
}

impl Queue {
    pub(super) fn push(&self, involved: &Involved, event: BackendEvent) {
        self.put_back(involved, event, 1);
    }

    /// To the end of the queue, for `times` occurrences.
    pub(super) fn put_back(&self, involved: &Involved, event: BackendEvent, times: u32) {
        let mut waiting = self.waiting.lock();
        let key = (involved.clone(), event);
        if let Some((_, count)) = waiting.counts.get_mut(&key) {
            *count = count.saturating_add(times);
        } else if waiting.counts.len() < MOST_WAITING {
            let number = waiting.next;
            waiting.next += 1;
            waiting.order.insert(number, key.clone());
            waiting.counts.insert(key, (number, times));
        } else {
            tracing::error!(reason = %key.1.reason, "too many Events wait to be written: this one is dropped");
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// The event that waits longest, and how often it has happened.
    pub(super) fn pop(&self) -> Option<(Involved, BackendEvent, u32)> {
        let mut waiting = self.waiting.lock();
        let (_, key) = waiting.order.pop_first()?;
        let (_, count) = waiting.counts.remove(&key)?;
        Some((key.0, key.1, count))
    }

    pub(super) async fn arrival(&self) {
        self.arrived.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use vk_core::{EventType, PodKey, PodUid};

    use super::*;

    #[test]
    fn a_burst_is_kept_in_order_and_repetitions_are_counted() {
        let queue = Queue::default();
        let pod = Involved::pod(&PodKey::new("default", "web"), &PodUid::from("u1"));
        let event = |reason: &str| BackendEvent {
            kind: EventType::Normal,
            reason: reason.into(),
            message: String::new(),
            container: None,
        };
        for reason in ["B", "A", "B"] {
            queue.push(&pod, event(reason));
        }
        let popped: Vec<_> =
            std::iter::from_fn(|| queue.pop()).map(|(_, event, count)| (event.reason, count)).collect();
        assert_eq!(popped, [("B".to_owned(), 2), ("A".to_owned(), 1)]);
    }
}
