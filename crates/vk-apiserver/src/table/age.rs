//! Durations for people: two figures at most (`apimachinery/pkg/util/duration`).

use jiff::{SignedDuration, Timestamp};

use crate::clock::parse_rfc3339;
use crate::object::Object;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// How long ago the object was created.
pub(super) fn age(object: &Object, now: Timestamp) -> String {
    since(object.text("/metadata/creationTimestamp"), now)
}

/// How long ago a time was; `<unknown>` if the text is none.
pub(super) fn since(time: &str, now: Timestamp) -> String {
    parse_rfc3339(time).map_or_else(|| "<unknown>".into(), |time| human(now.duration_since(time)))
}

/// A duration in the unit that fits it, with the next smaller unit where that still matters.
pub(super) fn human(duration: SignedDuration) -> String {
    match duration.as_secs() {
        // Clocks of two machines differ a little.
        ..-1 => "<invalid>".into(),
        -1 => "0s".into(),
        seconds if seconds < 2 * MINUTE => format!("{seconds}s"),
        seconds if seconds < 10 * MINUTE => both((seconds, MINUTE, "m"), (1, "s")),
        seconds if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        seconds if seconds < 8 * HOUR => both((seconds, HOUR, "h"), (MINUTE, "m")),
        seconds if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        seconds if seconds < 8 * DAY => both((seconds, DAY, "d"), (HOUR, "h")),
        seconds if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        seconds if seconds < 8 * YEAR => both((seconds, YEAR, "y"), (DAY, "d")),
        seconds => format!("{}y", seconds / YEAR),
    }
}

/// Whole large units, and the small ones that remain.
fn both((seconds, large, name): (i64, i64, &str), (small, small_name): (i64, &str)) -> String {
    match seconds % large / small {
        0 => format!("{}{name}", seconds / large),
        rest => format!("{}{name}{rest}{small_name}", seconds / large),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_figures_at_most() {
        for (seconds, shown) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (599, "9m59s"),
            (600, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (7 * HOUR + 61, "7h1m"),
            (8 * HOUR + 61, "8h"),
            (47 * HOUR, "47h"),
            (2 * DAY, "2d"),
            (2 * DAY + HOUR, "2d1h"),
            (8 * DAY + HOUR, "8d"),
            (YEAR + DAY, "366d"),
            (2 * YEAR, "2y"),
            (2 * YEAR + 3 * DAY, "2y3d"),
            (9 * YEAR + 3 * DAY, "9y"),
        ] {
            assert_eq!(human(SignedDuration::from_secs(seconds)), shown, "{seconds}");
        }
    }

    #[test]
    fn a_fraction_of_a_second_never_counts() {
        assert_eq!(human(SignedDuration::new(1, 999_999_999)), "1s");
        assert_eq!(human(SignedDuration::new(0, -999_999_999)), "0s");
    }

    #[test]
    fn what_has_no_time_has_an_unknown_age() {
        let now = "2026-11-22T14:00:00Z".parse().unwrap();
        assert_eq!(since("", now), "<unknown>");
        assert_eq!(since("2026-11-22T13:55:00.5Z", now), "4m59s");
    }
}
