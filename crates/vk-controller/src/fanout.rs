//! A value that many follow, and that reaches them in the order in which they came.

use std::fmt;

use parking_lot::Mutex;
use tokio::sync::watch;

/// One channel for each follower. A `watch` channel with several receivers wakes them in random order, and a simulation would
/// not replay.
pub(crate) struct Fanout<T> {
    shared: Mutex<Shared<T>>,
}

struct Shared<T> {
    newest: T,
    followers: Vec<watch::Sender<T>>,
    closed: bool,
}

impl<T: Clone> Shared<T> {
    fn follow(&mut self) -> watch::Receiver<T> {
        let (follower, receiver) = watch::channel(self.newest.clone());
        // Where nothing is ever published, those who have left would be kept for ever.
        if self.followers.len() == self.followers.capacity() {
            self.followers.retain(|follower| !follower.is_closed());
        }
        self.followers.push(follower);
        receiver
    }
}

impl<T: Clone> Fanout<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { shared: Mutex::new(Shared { newest: value, followers: Vec::new(), closed: false }) }
    }

    /// The value now and after each change, for as long as the receiver is held.
    pub(crate) fn subscribe(&self) -> watch::Receiver<T> {
        let mut shared = self.shared.lock();
        if shared.closed { watch::channel(shared.newest.clone()).1 } else { shared.follow() }
    }

    /// The same, unless nothing will come any more.
    pub(crate) fn subscribe_if_open(&self) -> Option<watch::Receiver<T>> {
        let mut shared = self.shared.lock();
        (!shared.closed).then(|| shared.follow())
    }

    pub(crate) fn publish(&self, value: T) {
        let mut shared = self.shared.lock();
        shared.newest = value;
        let newest = shared.newest.clone();
        shared.followers.retain(|follower| follower.send(newest.clone()).is_ok());
    }

    /// The same, unless it is the value already.
    pub(crate) fn publish_change(&self, value: T)
    where
        T: PartialEq,
    {
        if self.shared.lock().newest != value {
            self.publish(value);
        }
    }

    pub(crate) fn newest(&self) -> T {
        self.shared.lock().newest.clone()
    }

    /// Nothing will come any more: every follower is told that its channel has ended.
    pub(crate) fn close(&self) {
        let mut shared = self.shared.lock();
        shared.closed = true;
        shared.followers.clear();
    }

    /// Closes it if nobody follows, and says so: whoever comes later finds it closed.
    pub(crate) fn close_if_unused(&self) -> bool {
        let mut shared = self.shared.lock();
        shared.closed |= shared.followers.iter().all(watch::Sender::is_closed);
        shared.closed
    }
}

impl<T> fmt::Debug for Fanout<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fanout")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_late_follower_sees_the_newest_value_and_then_each_change() {
        let fanout = Fanout::new(0);
        fanout.publish(1);
        let mut follower = fanout.subscribe();
        assert_eq!(*follower.borrow_and_update(), 1);
        fanout.publish_change(1);
        assert!(!follower.has_changed().unwrap());
        fanout.publish_change(2);
        assert!(follower.changed().await.is_ok());
        assert_eq!((*follower.borrow(), fanout.newest()), (2, 2));
        assert!(!fanout.close_if_unused());
        fanout.close();
        assert!(follower.changed().await.is_err() && fanout.subscribe().changed().await.is_err());
        assert!(fanout.close_if_unused());
    }

    #[tokio::test]
    async fn those_who_have_left_are_let_go_though_nothing_is_published() {
        let fanout = Fanout::new(0);
        let mut staying = fanout.subscribe();
        for _ in 0..1000 {
            drop(fanout.subscribe());
            drop(fanout.subscribe_if_open());
        }
        assert!(fanout.shared.lock().followers.len() < 10);
        fanout.publish(1);
        assert!(staying.changed().await.is_ok());
    }

    #[tokio::test]
    async fn nobody_follows_what_was_closed_because_nobody_followed() {
        let fanout = Fanout::new(0);
        drop(fanout.subscribe_if_open());
        assert!(fanout.close_if_unused());
        assert!(fanout.subscribe_if_open().is_none());
    }
}
