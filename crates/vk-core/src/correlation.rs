//! Aggregation of Events, as the kubelet's recorder does it: what repeats is counted, what resembles is combined.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use crate::observation::{BackendEvent, EventType};

/// So many different messages about one object with one reason are recorded one by one; further ones are combined.
const MOST_SIMILAR: usize = 10;

/// How long similar events are counted together.
const SIMILAR_FOR: Duration = Duration::from_secs(600);

/// How many series are remembered; the oldest is forgotten first, and would begin anew.
const MOST_SERIES: usize = 4096;

/// What to write for one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventWrite {
    /// A new Event object.
    Create {
        /// Names the series from now on.
        series: SeriesKey,
        /// The message, possibly combined.
        message: String,
        /// How often it has happened.
        count: u32,
    },
    /// The Event of this series has happened again.
    Count {
        /// The series.
        series: SeriesKey,
        /// How often it has happened.
        count: u32,
    },
}

/// What makes two events the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// The object's UID.
    pub object: String,
    /// The container within it; may be empty.
    pub container: String,
    /// Normal or Warning.
    pub kind: EventType,
    /// The reason.
    pub reason: String,
    /// The message; empty for a series of combined events.
    pub message: String,
}

/// Remembers what has been recorded. Pure: time comes in.
#[derive(Debug, Default)]
pub struct Correlator {
    counts: BTreeMap<SeriesKey, u32>,
    age: VecDeque<SeriesKey>,
    similar: BTreeMap<SeriesKey, Similar>,
}

#[derive(Debug)]
struct Similar {
    messages: Vec<String>,
    since: Duration,
}

impl Correlator {
    /// Says what to write for `times` occurrences of the event about `object`.
    pub fn correlate(&mut self, object: &str, event: &BackendEvent, times: u32, now: Duration) -> EventWrite {
        let mut series = SeriesKey {
            object: object.to_owned(),
            container: event.container.clone().unwrap_or_default(),
            kind: event.kind,
            reason: event.reason.clone(),
            message: String::new(),
        };
        let mut message = event.message.clone();
        if self.is_one_of_too_many(&series, &event.message, now) {
            message = format!("(combined from similar events): {message}");
        } else {
            series.message.clone_from(&event.message);
        }
        match self.counts.get_mut(&series) {
            Some(count) => {
                *count = count.saturating_add(times);
                EventWrite::Count { series, count: *count }
            }
            None => {
                self.remember(series.clone(), times);
                EventWrite::Create { series, message, count: times }
            }
        }
    }

    /// Forgets a series whose Event is gone, so that it begins anew.
    pub fn forget(&mut self, series: &SeriesKey) {
        self.counts.remove(series);
        self.age.retain(|known| known != series);
    }

    fn is_one_of_too_many(&mut self, group: &SeriesKey, message: &str, now: Duration) -> bool {
        if self.similar.len() >= MOST_SERIES {
            self.similar.retain(|_, similar| now < similar.since + SIMILAR_FOR);
            if self.similar.len() >= MOST_SERIES {
                // Rather begin anew than search thousands of groups at every event.
                self.similar.clear();
            }
        }
        let begin = || Similar { messages: Vec::new(), since: now };
        let similar = self.similar.entry(group.clone()).or_insert_with(begin);
        if now >= similar.since + SIMILAR_FOR {
            *similar = begin();
        }
        if similar.messages.iter().any(|known| known == message) {
            return false;
        }
        if similar.messages.len() >= MOST_SIMILAR {
            return true;
        }
        similar.messages.push(message.to_owned());
        false
    }

    fn remember(&mut self, series: SeriesKey, count: u32) {
        if self.counts.len() >= MOST_SERIES
            && let Some(oldest) = self.age.pop_front()
        {
            self.counts.remove(&oldest);
        }
        self.age.push_back(series.clone());
        self.counts.insert(series, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str) -> BackendEvent {
        BackendEvent {
            kind: EventType::Warning,
            reason: "BackOff".into(),
            message: message.into(),
            container: Some("app".into()),
        }
    }

    #[test]
    fn what_repeats_is_counted() {
        let mut correlator = Correlator::default();
        let first = correlator.correlate("u1", &event("again"), 1, Duration::ZERO);
        assert!(matches!(first, EventWrite::Create { count: 1, .. }));
        let second = correlator.correlate("u1", &event("again"), 3, Duration::ZERO);
        assert!(matches!(second, EventWrite::Count { count: 4, .. }));
        let other = correlator.correlate("u2", &event("again"), 1, Duration::ZERO);
        assert!(matches!(other, EventWrite::Create { .. }), "another pod's series is its own");
    }

    #[test]
    fn what_resembles_is_combined_after_ten() {
        let mut correlator = Correlator::default();
        let mut creates = 0;
        for number in 0..100 {
            match correlator.correlate("u1", &event(&format!("attempt {number}")), 1, Duration::ZERO) {
                EventWrite::Create { message, .. } => {
                    creates += 1;
                    assert_eq!(message.starts_with("(combined"), creates == 11, "{message}");
                }
                EventWrite::Count { count, .. } => assert!(count > 1),
            }
        }
        assert_eq!(creates, 11);
    }

    #[test]
    fn memory_is_bounded() {
        for pause in [Duration::ZERO, Duration::from_secs(1)] {
            let mut correlator = Correlator::default();
            for number in 0..3 * MOST_SERIES as u32 {
                correlator.correlate(&format!("u{number}"), &event("x"), 1, pause * number);
            }
            assert!(correlator.counts.len() <= MOST_SERIES && correlator.age.len() <= MOST_SERIES);
            assert!(correlator.similar.len() <= MOST_SERIES);
        }
    }
}
