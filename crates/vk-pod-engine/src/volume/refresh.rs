//! When a token is replaced by a new one.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use vk_core::Now;

/// The kubelet's bound on the age of a token.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Pods that started together do not all come back at the same moment.
const JITTER_PERCENT: u32 = 5;

/// How long a token that ends then is used from now on: 80 % of the time it has left, at most 24 hours, less some jitter
/// that the pod's UID decides.
pub(crate) fn refresh_delay(expires_at: Timestamp, now: Now, uid: &str) -> Duration {
    let left = Duration::try_from(expires_at.duration_since(now.wall)).unwrap_or_default();
    let delay = (left / 5 * 4).min(LONGEST);
    let byte = u32::from(Sha256::digest(uid).first().copied().unwrap_or_default());
    delay.saturating_sub(delay / 100 * JITTER_PERCENT / 255 * byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay(left: Duration) -> Duration {
        let now = Now { mono: Duration::ZERO, wall: Timestamp::UNIX_EPOCH };
        refresh_delay(Timestamp::UNIX_EPOCH + left, now, "uid")
    }

    #[test]
    fn a_token_is_replaced_after_four_fifths_of_its_time_or_a_day() {
        let hour = delay(Duration::from_secs(3600)).as_secs();
        assert!((2736..=2880).contains(&hour), "{hour}");
        let year = delay(Duration::from_secs(365 * 24 * 3600)).as_secs();
        assert!((82_080..=86_400).contains(&year), "{year}");
    }

    #[test]
    fn a_token_that_has_ended_is_replaced_at_once() {
        let now = Now { mono: Duration::ZERO, wall: Timestamp::from_second(10).unwrap() };
        assert_eq!(refresh_delay(Timestamp::UNIX_EPOCH, now, "uid"), Duration::ZERO);
    }
}
