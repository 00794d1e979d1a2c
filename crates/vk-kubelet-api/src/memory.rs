//! Answers of the API server that are used again for a while.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::digest::Digest;

/// Remembers a bounded number of answers, all for the same time. The oldest make room for new ones.
pub(crate) struct Memory<V> {
    entries: Mutex<Entries<V>>,
    lifetime: Duration,
    capacity: usize,
}

struct Entries<V> {
    by_question: BTreeMap<Digest, Entry<V>>,
    /// In the order in which they came, which is the order in which they end; one that was renewed stands here twice.
    order: VecDeque<(Digest, Instant)>,
}

struct Entry<V> {
    answer: V,
    until: Instant,
}

impl<V: Clone> Memory<V> {
    /// Remembers nothing if the time is zero.
    pub(crate) fn new(lifetime: Duration, capacity: usize) -> Self {
        let entries = Entries { by_question: BTreeMap::new(), order: VecDeque::new() };
        Self { entries: Mutex::new(entries), lifetime, capacity }
    }

    pub(crate) fn recall(&self, question: Digest) -> Option<V> {
        let entries = self.entries.lock();
        let entry = entries.by_question.get(&question)?;
        (entry.until > Instant::now()).then(|| entry.answer.clone())
    }

    pub(crate) fn keep(&self, question: Digest, answer: V) {
        if self.lifetime.is_zero() {
            return;
        }
        let now = Instant::now();
        let Some(until) = now.checked_add(self.lifetime) else { return };
        let mut entries = self.entries.lock();
        entries.by_question.insert(question, Entry { answer, until });
        entries.order.push_back((question, until));
        while let Some((oldest, until)) = entries.order.front().copied() {
            if until > now && entries.order.len() <= self.capacity {
                break;
            }
            entries.order.pop_front();
            if entries.by_question.get(&oldest).is_some_and(|entry| entry.until == until) {
                entries.by_question.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(60);

    fn question(text: &str) -> Digest {
        Digest::of([text.as_bytes()])
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_forgotten_after_its_time() {
        let memory = Memory::new(LIFETIME, 10);
        memory.keep(question("a"), 1);
        tokio::time::advance(LIFETIME - Duration::from_secs(1)).await;
        assert_eq!(memory.recall(question("a")), Some(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(memory.recall(question("a")), None);
        memory.keep(question("b"), 2);
        assert_eq!(memory.entries.lock().by_question.len(), 1, "what has ended is dropped");
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_makes_room() {
        let memory = Memory::new(LIFETIME, 2);
        for (at, name) in ["a", "b", "a", "c"].into_iter().enumerate() {
            tokio::time::advance(Duration::from_secs(1)).await;
            memory.keep(question(name), at);
        }
        assert_eq!(memory.recall(question("a")), Some(2), "the renewed one outlives its first entry");
        assert_eq!(memory.recall(question("b")), None);
        assert_eq!(memory.recall(question("c")), Some(3));
        assert!(memory.entries.lock().by_question.len() <= 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_of_zero_remembers_nothing() {
        let memory = Memory::new(Duration::ZERO, 10);
        memory.keep(question("a"), 1);
        assert_eq!(memory.recall(question("a")), None);
    }
}
