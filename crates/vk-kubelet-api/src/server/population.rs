//! Who is connected: strangers, who have not authenticated, and known clients. Only strangers are pushed out.

use std::collections::BTreeMap;

/// A connection, in the order in which they came.
pub(super) type ConnectionId = u64;

/// Connections by standing; `H` is what ends one.
#[derive(Debug)]
pub(super) struct Population<H> {
    strangers: BTreeMap<ConnectionId, H>,
    known: BTreeMap<ConnectionId, H>,
    most_strangers: usize,
    most_known: usize,
}

impl<H> Population<H> {
    pub(super) fn new(most_strangers: usize, most_known: usize) -> Self {
        Self { strangers: BTreeMap::new(), known: BTreeMap::new(), most_strangers, most_known }
    }

    /// A stranger comes. Returns the stranger that has to go for it: the one that has had the longest time to authenticate.
    pub(super) fn arrive(&mut self, id: ConnectionId, handle: H) -> Option<H> {
        self.strangers.insert(id, handle);
        if self.strangers.len() > self.most_strangers { self.oldest_stranger() } else { None }
    }

    /// Takes out the stranger that came first.
    pub(super) fn oldest_stranger(&mut self) -> Option<H> {
        self.strangers.pop_first().map(|(_, handle)| handle)
    }

    /// A stranger has authenticated. Returns it if there is no room for one more.
    pub(super) fn promote(&mut self, id: ConnectionId) -> Option<H> {
        let handle = self.strangers.remove(&id)?;
        if self.known.len() >= self.most_known {
            return Some(handle);
        }
        self.known.insert(id, handle);
        None
    }

    /// A connection has ended.
    pub(super) fn leave(&mut self, id: ConnectionId) {
        self.strangers.remove(&id);
        self.known.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_stranger_goes_for_a_new_one() {
        let mut population = Population::new(2, 1);
        assert_eq!(population.arrive(1, "a"), None);
        assert_eq!(population.arrive(2, "b"), None);
        assert_eq!(population.arrive(3, "c"), Some("a"));
        population.leave(2);
        assert_eq!(population.arrive(4, "d"), None);
    }

    #[test]
    fn the_known_are_never_pushed_out() {
        let mut population = Population::new(1, 2);
        population.arrive(1, "a");
        assert_eq!(population.promote(1), None);
        population.arrive(2, "b");
        assert_eq!(population.arrive(3, "c"), Some("b"));
        assert_eq!(population.promote(3), None);
        assert_eq!(population.arrive(4, "d"), None);
        assert_eq!(population.promote(4), Some("d"), "there is room for two");
        population.leave(1);
        population.arrive(5, "e");
        assert_eq!(population.promote(5), None);
    }

    #[test]
    fn a_stranger_that_was_pushed_out_cannot_come_back() {
        let mut population = Population::new(1, 1);
        population.arrive(1, "a");
        assert_eq!(population.arrive(2, "b"), Some("a"));
        assert_eq!(population.promote(1), None);
        population.leave(1);
        assert_eq!(population.promote(2), None, "its place was not taken by the one that left");
    }
}
