//! Where the provider's observations wait for the actor: the newest one of each pod.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::Notify;
use vk_core::{PodObservation, PodUid};
use vk_provider::ObservationReceiver;

/// Observations of more pods than this at once are dropped, and the back end is listed instead.
const MOST_PODS: usize = 100_000;

/// Takes observations without blocking and coalesces them by pod.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    observations: BTreeMap<PodUid, PodObservation>,
    list_wanted: bool,
}

/// What had arrived.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) observations: BTreeMap<PodUid, PodObservation>,
    /// The subscription has just begun, or something was dropped.
    pub(super) list_wanted: bool,
}

impl Mailbox {
    /// Waits until something arrives, and takes all of it.
    pub(super) async fn receive(&self) -> Delivery {
        loop {
            let arrived = self.arrived.notified();
            let taken = std::mem::take(&mut *self.waiting.lock());
            if taken.list_wanted || !taken.observations.is_empty() {
                return Delivery { observations: taken.observations, list_wanted: taken.list_wanted };
            }
            arrived.await;
        }
    }
}

impl ObservationReceiver for Mailbox {
    fn observe(&self, observation: PodObservation) {
        let mut waiting = self.waiting.lock();
        let is_full = waiting.observations.len() >= MOST_PODS;
        match waiting.observations.get_mut(&observation.uid) {
            Some(known) if known.revision > observation.revision => return,
            Some(known) => {
                // What the replaced snapshot had to say is said all the same.
                let mut events = std::mem::take(&mut known.events);
                events.retain(|event| !observation.events.contains(event));
                events.extend(observation.events.iter().cloned());
                *known = observation;
                known.events = events;
            }
            None if is_full => waiting.list_wanted = true,
            None => {
                waiting.observations.insert(observation.uid.clone(), observation);
            }
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    fn live(&self) {
        self.waiting.lock().list_wanted = true;
        self.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use vk_core::Stage;

    use super::*;

    fn observation(uid: &str, revision: u64) -> PodObservation {
        PodObservation::new(PodUid::from(uid), revision, Stage::Active)
    }

    #[tokio::test]
    async fn the_newest_snapshot_of_each_pod_is_delivered() {
        let mailbox = Mailbox::default();
        for (uid, revision) in [("a", 1), ("b", 1), ("a", 3), ("a", 2)] {
            mailbox.observe(observation(uid, revision));
        }
        let delivery = mailbox.receive().await;
        let revisions: Vec<_> = delivery.observations.values().map(|pod| (pod.uid.as_str(), pod.revision)).collect();
        assert_eq!(revisions, [("a", 3), ("b", 1)]);
        assert!(!delivery.list_wanted);
    }

    #[tokio::test]
    async fn a_subscription_asks_for_a_list() {
        let mailbox = Mailbox::default();
        mailbox.live();
        assert!(mailbox.receive().await.list_wanted);
    }
}
