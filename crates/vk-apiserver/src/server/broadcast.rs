//! A value that many wait on, and that wakes them in the order in which they began to wait.
//!
//! `tokio::sync::watch` wakes in random order, so that a simulation would not replay.

use parking_lot::Mutex;
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Broadcast<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T: Copy + PartialEq> Broadcast<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Notify::new() }
    }

    pub(crate) fn get(&self) -> T {
        *self.value.lock()
    }

    pub(crate) fn modify(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.value.lock());
        self.changed.notify_waiters();
    }

    pub(crate) fn set(&self, value: T) {
        self.modify(|known| *known = value);
    }

    /// Waits until the value is such.
    pub(crate) async fn wait_for(&self, such: impl Fn(T) -> bool) -> T {
        loop {
            // Registered before the value is read, so that no change falls in between.
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            let value = self.get();
            if such(value) {
                return value;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::stream::{FuturesUnordered, StreamExt as _};

    use super::*;

    /// `FuturesUnordered` gives its futures' results in the order in which they were woken.
    #[test]
    fn those_who_wait_are_woken_in_their_order() {
        for _ in 0..20 {
            let broadcast = Broadcast::new(0);
            let mut waiting: FuturesUnordered<_> =
                (0..10).map(|number| broadcast.wait_for(|value| value == 1).map(move |_| number)).collect();
            assert!(waiting.next().now_or_never().is_none(), "nobody is woken before the change");
            broadcast.set(1);
            let order: Option<Vec<i32>> = waiting.collect().now_or_never();
            assert_eq!(order, Some((0..10).collect()));
        }
    }
}
