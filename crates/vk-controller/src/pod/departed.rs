//! Pods that are gone for good, while the watch may still show their past.

use std::collections::{BTreeSet, VecDeque};

use vk_core::PodUid;

/// More than a node can lose while its watch is behind; the oldest are dropped first.
const MOST: usize = 10_000;

/// UIDs that were proved gone, and let go, before the watch has come that far: what it still shows of them is history.
#[derive(Debug, Default)]
pub(super) struct Departed {
    uids: BTreeSet<PodUid>,
    by_age: VecDeque<PodUid>,
}

impl Departed {
    pub(super) fn insert(&mut self, uid: PodUid) {
        if !self.uids.insert(uid.clone()) {
            return;
        }
        self.by_age.push_back(uid);
        if self.by_age.len() > MOST
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.uids.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, uid: &PodUid) -> bool {
        self.uids.contains(uid)
    }

    /// The watch has shown the end of this one.
    pub(super) fn remove(&mut self, uid: &PodUid) {
        if self.uids.remove(uid) {
            self.by_age.retain(|known| known != uid);
        }
    }

    /// The watch has begun anew, after all of them.
    pub(super) fn clear(&mut self) {
        self.uids.clear();
        self.by_age.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: usize) -> PodUid {
        PodUid::from(number.to_string())
    }

    /// Each orphan that was collected stayed here until the next full list, which may never come.
    #[test]
    fn it_does_not_grow_without_end() {
        let mut departed = Departed::default();
        (0..MOST + 5).for_each(|number| departed.insert(uid(number)));
        (0..MOST + 5).for_each(|number| departed.insert(uid(number % 3 + MOST)));
        assert_eq!((departed.uids.len(), departed.by_age.len()), (MOST, MOST));
        assert!(!departed.contains(&uid(4)) && departed.contains(&uid(5)) && departed.contains(&uid(MOST + 4)));
    }

    #[test]
    fn what_the_watch_has_shown_is_not_kept() {
        let mut departed = Departed::default();
        (0..3).for_each(|number| departed.insert(uid(number)));
        departed.remove(&uid(1));
        assert_eq!((departed.uids.len(), departed.by_age.len()), (2, 2));
        departed.clear();
        assert!(!departed.contains(&uid(0)) && departed.by_age.is_empty());
    }
}
