//! What a controller is given of the outside world besides the API and the provider: wall time, randomness, an executor.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;
use vk_core::Now;

/// Wall-clock time. It may jump either way; delays and deadlines are counted on tokio's clock instead.
pub trait WallClock: Send + Sync + 'static {
    /// The time that is written into objects.
    fn now(&self) -> Timestamp;
}

impl<F> WallClock for F
where
    F: Fn() -> Timestamp + Send + Sync + 'static,
{
    fn now(&self) -> Timestamp {
        self()
    }
}

/// Runs futures: threads in a binary, one executor in simulation. What it has spawned ends with it.
pub trait Spawner: Send + Sync + 'static {
    /// Starts the future; `name` is for traces.
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>);
}

/// A source of random numbers for jitter and name suffixes; never for secrets.
///
/// Clones draw from one sequence, so that the same seed and the same order of draws give the same run.
#[derive(Clone)]
pub struct Random(Arc<AtomicU64>);

/// The increment of SplitMix64.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// A sequence that this seed decides.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// A sequence of its own, decided by the next number of this one: what one part draws does not shift the others.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::seeded(self.next_u64())
    }

    /// The next number (SplitMix64, Steele, Lea and Flood, 2014).
    pub fn next_u64(&self) -> u64 {
        let state = self.0.fetch_add(GOLDEN_GAMMA, Ordering::Relaxed).wrapping_add(GOLDEN_GAMMA);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// The outside world of one agent. Clones share it.
#[derive(Clone)]
pub struct Env {
    wall_clock: Arc<dyn WallClock>,
    random: Random,
    spawner: Arc<dyn Spawner>,
    started: Instant,
}

impl Env {
    /// An environment whose monotonic clock starts now.
    pub fn new(wall_clock: Arc<dyn WallClock>, random: Random, spawner: Arc<dyn Spawner>) -> Self {
        Self { wall_clock, random, spawner, started: Instant::now() }
    }

    /// The same world with another executor, for work that must not wait for anything else (invariant 7).
    #[must_use]
    pub fn with_spawner(&self, spawner: Arc<dyn Spawner>) -> Self {
        Self { spawner, ..self.clone() }
    }

    /// One reading of both clocks.
    pub fn now(&self) -> Now {
        Now { mono: self.started.elapsed(), wall: self.wall_clock.now() }
    }

    /// The instant of tokio's clock at which [`Now::mono`] was zero.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Waits until [`Now::mono`] has reached this; for ever if no clock ever will.
    pub async fn sleep_until(&self, mono: Duration) {
        match self.started.checked_add(mono) {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Random numbers.
    pub fn random(&self) -> &Random {
        &self.random
    }

    /// Starts a future on this environment's executor.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.spawner.spawn(name, Box::pin(future));
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("started", &self.started).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoSpawner;

    impl Spawner for NoSpawner {
        fn spawn(&self, _name: &'static str, _future: BoxFuture<'static, ()>) {}
    }

    fn epoch() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    #[test]
    fn the_same_seed_gives_the_same_sequence_and_a_fork_its_own() {
        let draw = |seed| {
            let random = Random::seeded(seed);
            let fork = random.fork();
            [random.next_u64(), fork.next_u64(), random.next_u64()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));

        let (undisturbed, disturbed) = (Random::seeded(1), Random::seeded(1));
        let (calm, busy) = (undisturbed.fork(), disturbed.fork());
        disturbed.next_u64();
        assert_eq!(calm.next_u64(), busy.next_u64());
    }

    #[test]
    fn splitmix64_matches_its_reference_sequence() {
        let random = Random::seeded(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    /// A grace period may be any number of seconds that fits into 63 bits.
    #[tokio::test(start_paused = true)]
    async fn a_moment_beyond_every_clock_is_waited_for() {
        let env = Env::new(Arc::new(epoch), Random::seeded(0), Arc::new(NoSpawner));
        for never in [Duration::MAX, Duration::from_secs(i64::MAX as u64)] {
            let waited = tokio::time::timeout(Duration::from_secs(1), env.sleep_until(never)).await;
            assert!(waited.is_err());
        }
        env.sleep_until(Duration::from_secs(5)).await;
        assert!(env.now().mono >= Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn monotonic_time_follows_tokio_and_ignores_the_wall() {
        let env = Env::new(Arc::new(epoch), Random::seeded(0), Arc::new(NoSpawner));
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(env.now(), Now { mono: Duration::from_secs(90), wall: epoch() });
    }
}
