//! A lane: at most one effect under way, and the back-off after failures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::effect::EffectId;
use crate::backoff::Backoff;

/// First delay and cap of a back-off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve {
    pub(super) first: Duration,
    pub(super) cap: Duration,
}

/// At most one effect of a kind is under way; after a failure the next one waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Lane<K> {
    in_flight: Option<(EffectId, K)>,
    backoff: Backoff,
    not_before: Duration,
}

impl<K> Default for Lane<K> {
    fn default() -> Self {
        Self { in_flight: None, backoff: Backoff::new(Duration::ZERO, Duration::ZERO), not_before: Duration::ZERO }
    }
}

impl<K: Copy> Lane<K> {
    /// What is under way.
    pub(super) fn in_flight(&self) -> Option<(EffectId, K)> {
        self.in_flight
    }

    pub(super) fn is_free(&self, now: Duration) -> bool {
        self.in_flight.is_none() && now >= self.not_before
    }

    /// When the next effect may begin, unless one is under way.
    pub(super) fn due(&self) -> Option<Duration> {
        self.in_flight.is_none().then_some(self.not_before)
    }

    pub(super) fn begin(&mut self, id: EffectId, kind: K) {
        self.in_flight = Some((id, kind));
    }

    /// Takes what was under way, if it is this one; a late result of an older one is none of ours.
    pub(super) fn finish(&mut self, id: EffectId) -> Option<K> {
        let (_, kind) = self.in_flight.take_if(|(current, _)| *current == id)?;
        Some(kind)
    }

    /// The next effect waits for nothing, and the next failure counts as the first.
    pub(super) fn reset(&mut self) {
        self.backoff.reset();
        self.not_before = Duration::ZERO;
    }

    /// Waits longer than after the failure before. `salt` differs from pod to pod, so that pods that failed together do not
    /// come back together; the machine itself stays deterministic.
    pub(super) fn failed(&mut self, now: Duration, curve: Curve, salt: u64) {
        self.backoff = self.backoff.with_bounds(curve.first, curve.cap);
        let random = mix(salt ^ u64::from(self.backoff.failures()));
        // Never less than half the ceiling: full jitter could try at once, for ever.
        let ceiling = self.backoff.ceiling();
        self.not_before = now + ceiling / 2 + self.backoff.next_delay(random) / 2;
    }

    /// Failures since the last success.
    pub(super) fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// Waits no longer than this.
    pub(super) fn hurry(&mut self, until: Duration) {
        self.not_before = self.not_before.min(until);
    }

    /// Waits as long as the other side asked for.
    pub(super) fn postponed(&mut self, until: Duration) {
        self.not_before = until;
    }
}

/// SplitMix64's finalizer: spreads neighbouring inputs over all of `u64`.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURVE: Curve = Curve { first: Duration::from_secs(1), cap: Duration::from_secs(10) };

    #[test]
    fn the_delay_grows_to_the_cap_and_never_beyond() {
        let mut lane = Lane::<()>::default();
        let mut longest = Duration::ZERO;
        for _ in 0..200 {
            lane.failed(Duration::ZERO, CURVE, 7);
            let delay = lane.due().unwrap();
            assert!(delay <= CURVE.cap && delay >= CURVE.first / 2, "{delay:?}");
            longest = longest.max(delay);
        }
        assert!(longest > CURVE.cap / 2);
        lane.reset();
        assert!(lane.is_free(Duration::ZERO));
    }

    #[test]
    fn a_late_result_of_an_older_effect_is_ignored() {
        let mut lane = Lane::default();
        lane.begin(EffectId(2), 'x');
        assert_eq!(lane.finish(EffectId(1)), None);
        assert_eq!(lane.finish(EffectId(2)), Some('x'));
        assert_eq!(lane.finish(EffectId(2)), None);
    }
}
