//! The newest state of one object, told to everybody who follows it.

use parking_lot::Mutex;
use tokio::sync::watch;
use vk_core::Result;
use vk_core::resolve::Data;

/// The newest state of an object; `None` until it is known.
pub(super) type State = Option<Result<Option<Data>>>;

/// One channel for each follower, served in the order in which they came: a channel with several receivers would wake them
/// in random order, and a simulation would not replay.
#[derive(Default)]
pub(super) struct Publication {
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    newest: State,
    followers: Vec<watch::Sender<State>>,
}

impl Publication {
    /// The state now and after each change, for as long as the receiver is held.
    pub(super) fn subscribe(&self) -> watch::Receiver<State> {
        let mut shared = self.shared.lock();
        let (follower, receiver) = watch::channel(shared.newest.clone());
        shared.followers.push(follower);
        receiver
    }

    pub(super) fn publish(&self, state: Result<Option<Data>>) {
        let mut shared = self.shared.lock();
        shared.newest = Some(state);
        let newest = shared.newest.clone();
        shared.followers.retain(|follower| follower.send(newest.clone()).is_ok());
    }

    pub(super) fn is_known(&self) -> bool {
        self.shared.lock().newest.is_some()
    }

    /// Whether nobody follows.
    pub(super) fn is_unused(&self) -> bool {
        self.shared.lock().followers.iter().all(watch::Sender::is_closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_late_follower_sees_the_newest_state_and_then_each_change() {
        let publication = Publication::default();
        publication.publish(Ok(None));
        let mut follower = publication.subscribe();
        assert!(matches!(&*follower.borrow_and_update(), Some(Ok(None))));
        publication.publish(Err(vk_core::Error::unavailable("x")));
        assert!(follower.changed().await.is_ok());
        assert!(!publication.is_unused());
        drop(follower);
        assert!(publication.is_unused());
    }
}
