//! The objects of one kind and the latest writes to them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Change, ChangeKind, Compacted, Key};
use crate::object::Object;

/// One kind's objects, ordered by key, and its history, ordered by revision.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    objects: BTreeMap<Key, Arc<Object>>,
    changes: VecDeque<Change>,
    /// Writes up to this revision are forgotten.
    compacted: u64,
}

impl Collection {
    /// A kind that nobody wrote yet.
    pub(crate) const EMPTY: &'static Self = &Self { objects: BTreeMap::new(), changes: VecDeque::new(), compacted: 0 };

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Object>> {
        self.objects.get(key)
    }

    /// The objects of one namespace, or all.
    pub(crate) fn objects(&self, namespace: Option<&str>) -> impl Iterator<Item = &Arc<Object>> {
        let start = Key::new(namespace.unwrap_or_default(), "");
        let namespace = namespace.map(ToOwned::to_owned);
        self.objects
            .range(start..)
            .take_while(move |(key, _)| namespace.as_ref().is_none_or(|namespace| key.namespace == *namespace))
            .map(|(_, object)| object)
    }

    /// The writes after a revision.
    pub(crate) fn changes_after(&self, revision: u64) -> Result<impl Iterator<Item = &Change>, Compacted> {
        if revision < self.compacted {
            return Err(Compacted { oldest: self.compacted });
        }
        let start = self.changes.partition_point(|change| change.revision <= revision);
        Ok(self.changes.range(start..))
    }

    /// All remembered writes.
    pub(crate) fn remembered(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    /// The objects as they were at a revision.
    pub(crate) fn at(&self, revision: u64) -> Result<BTreeMap<Key, Arc<Object>>, Compacted> {
        let later: Vec<&Change> = self.changes_after(revision)?.collect();
        let mut objects = self.objects.clone();
        for change in later.into_iter().rev() {
            let key = Key::of(&change.object);
            match &change.previous {
                Some(previous) => objects.insert(key, Arc::clone(previous)),
                None => objects.remove(&key),
            };
        }
        Ok(objects)
    }

    pub(super) fn put(&mut self, object: Arc<Object>, revision: u64, at: Timestamp, limit: usize) {
        let previous = self.objects.insert(Key::of(&object), Arc::clone(&object));
        let kind = if previous.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
        self.remember(Change { revision, at, kind, object, previous }, limit);
    }

    pub(super) fn remove(&mut self, key: &Key, last: Arc<Object>, revision: u64, at: Timestamp, limit: usize) {
        let previous = self.objects.remove(key);
        self.remember(Change { revision, at, kind: ChangeKind::Deleted, object: last, previous }, limit);
    }

    pub(super) fn compact(&mut self, revision: u64) {
        self.changes.clear();
        self.compacted = revision;
    }

    fn remember(&mut self, change: Change, limit: usize) {
        self.changes.push_back(change);
        while self.changes.len() > limit {
            if let Some(forgotten) = self.changes.pop_front() {
                self.compacted = forgotten.revision;
            }
        }
    }
}
