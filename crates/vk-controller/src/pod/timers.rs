//! One alarm a pod.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use vk_core::PodUid;

/// The alarms of all pods, on the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Duration, PodUid)>,
    by_pod: BTreeMap<PodUid, Duration>,
}

impl Timers {
    /// Sets the pod's alarm, or takes it away.
    pub(super) fn set(&mut self, uid: &PodUid, at: Option<Duration>) {
        if self.by_pod.get(uid).copied() == at {
            return;
        }
        if let Some(old) = self.by_pod.remove(uid) {
            self.by_time.remove(&(old, uid.clone()));
        }
        if let Some(at) = at {
            self.by_pod.insert(uid.clone(), at);
            self.by_time.insert((at, uid.clone()));
        }
    }

    /// When the first alarm goes off.
    pub(super) fn next(&self) -> Option<Duration> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the pods whose alarm has gone off.
    pub(super) fn take_due(&mut self, now: Duration) -> Vec<PodUid> {
        let mut due = Vec::new();
        while let Some((at, uid)) = self.by_time.first().filter(|(at, _)| *at <= now).cloned() {
            self.by_time.remove(&(at, uid.clone()));
            self.by_pod.remove(&uid);
            due.push(uid);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pod_has_one_alarm() {
        let (a, b) = (PodUid::from("a"), PodUid::from("b"));
        let at = Duration::from_secs;
        let mut timers = Timers::default();
        timers.set(&a, Some(at(5)));
        timers.set(&b, Some(at(3)));
        timers.set(&a, Some(at(2)));
        assert_eq!(timers.next(), Some(at(2)));
        assert_eq!(timers.take_due(at(4)), [a.clone(), b]);
        assert_eq!(timers.next(), None);
        timers.set(&a, Some(at(9)));
        timers.set(&a, None);
        assert_eq!(timers.next(), None);
    }
}
