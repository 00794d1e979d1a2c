//! A watch whose version the server no longer remembers has to list anew.

use std::time::Duration;

use kube::runtime::watcher;
use vk_core::backoff::Backoff;

use crate::env::Env;

/// Whether the watch asked for a version that has expired. kube-apiserver says so in the stream, as its first event; others,
/// and what stands between, may refuse the watch with 410, which kube's watcher would repeat for ever. Whoever owns the watch
/// begins another one.
pub(crate) fn has_expired(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::WatchStartFailed(kube::Error::Api(status)) | watcher::Error::WatchError(status) => {
            status.code == 410
        }
        _ => false,
    }
}

/// Watches that expire one after the other: each of them costs a list, so they come ever more slowly.
///
/// That a list succeeds says nothing: a server that forgets its newest version at once serves every list.
#[derive(Debug)]
pub(crate) struct Expiries(Backoff);

impl Default for Expiries {
    fn default() -> Self {
        Self(Backoff::new(Duration::from_millis(200), Duration::from_secs(30)))
    }
}

impl Expiries {
    /// A watch has expired; the next one waits this long.
    pub(crate) fn next_delay(&mut self, env: &Env) -> Duration {
        let half = self.0.ceiling() / 2;
        half + self.0.next_delay(env.random().next_u64()) / 2
    }

    /// A watch has shown a change.
    pub(crate) fn followed(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::future::BoxFuture;

    use super::*;
    use crate::env::{Random, Spawner};

    struct NoSpawner;

    impl Spawner for NoSpawner {
        fn spawn(&self, _name: &'static str, _future: BoxFuture<'static, ()>) {}
    }

    #[tokio::test(start_paused = true)]
    async fn watches_that_expire_at_once_come_ever_more_slowly() {
        let env = Env::new(Arc::new(|| jiff::Timestamp::UNIX_EPOCH), Random::seeded(1), Arc::new(NoSpawner));
        let mut expiries = Expiries::default();
        let delays: Vec<Duration> = (0..20).map(|_| expiries.next_delay(&env)).collect();
        assert!(delays[0] <= Duration::from_millis(200));
        assert!(delays.iter().skip(8).all(|delay| *delay >= Duration::from_secs(15)), "{delays:?}");
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(30)));
        expiries.followed();
        assert!(expiries.next_delay(&env) <= Duration::from_millis(200));
    }
}
