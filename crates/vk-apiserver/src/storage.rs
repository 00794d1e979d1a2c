//! All objects, the one increasing resourceVersion, and the history that watches and paged lists read.

mod collection;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

pub(crate) use collection::Collection;

use crate::object::Object;

/// Where an object stands within its kind. Ordered by namespace, then name, as etcd's keys are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    pub(crate) fn of(object: &Object) -> Self {
        Self::new(object.namespace(), object.name())
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was created.
    Added,
    /// It was written again.
    Modified,
    /// It was removed.
    Deleted,
}

/// One write: the event that watches deliver.
#[derive(Clone, Debug)]
pub struct Change {
    /// The resourceVersion that this write made.
    pub revision: u64,
    /// The server's wall time.
    pub at: Timestamp,
    /// What happened.
    pub kind: ChangeKind,
    /// The object after the write; for a removal its last state, with the revision of the removal.
    pub object: Arc<Object>,
    /// The object before the write.
    pub previous: Option<Arc<Object>>,
}

/// The asked revision is older than what is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compacted {
    /// The oldest revision that can still be continued from.
    pub(crate) oldest: u64,
}

/// The store. Every write makes one revision; nothing else does.
#[derive(Debug)]
pub(crate) struct Storage {
    collections: BTreeMap<&'static str, Collection>,
    revision: u64,
    history_limit: usize,
}

impl Storage {
    /// An empty store that remembers `history_limit` writes of each kind.
    pub(crate) fn new(history_limit: usize) -> Self {
        Self { collections: BTreeMap::new(), revision: 1, history_limit }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn collection(&self, storage: &str) -> &Collection {
        self.collections.get(storage).unwrap_or(Collection::EMPTY)
    }

    pub(crate) fn get(&self, storage: &str, key: &Key) -> Option<&Arc<Object>> {
        self.collection(storage).get(key)
    }

    pub(crate) fn find(&self, storage: &str, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.get(storage, &Key::new(namespace, name))
    }

    /// Writes an object and gives it the next revision.
    pub(crate) fn put(&mut self, storage: &'static str, mut object: Object, now: Timestamp) -> Arc<Object> {
        self.revision += 1;
        object.set_resource_version(self.revision);
        let object = Arc::new(object);
        let (revision, limit) = (self.revision, self.history_limit);
        self.collections.entry(storage).or_default().put(Arc::clone(&object), revision, now, limit);
        object
    }

    /// Removes an object; gives back its last state with the revision of the removal.
    pub(crate) fn remove(&mut self, storage: &'static str, key: &Key, now: Timestamp) -> Option<Arc<Object>> {
        let collection = self.collections.get_mut(storage)?;
        let mut last = Object::clone(collection.get(key)?);
        self.revision += 1;
        last.set_resource_version(self.revision);
        let last = Arc::new(last);
        collection.remove(key, Arc::clone(&last), self.revision, now, self.history_limit);
        Some(last)
    }

    /// Forgets every past write, of every kind.
    pub(crate) fn compact(&mut self) {
        let revision = self.revision;
        for collection in self.collections.values_mut() {
            collection.compact(revision);
        }
    }

    /// Every object of every kind, with the name of its storage.
    pub(crate) fn everything(&self) -> impl Iterator<Item = (&'static str, &Arc<Object>)> {
        self.collections
            .iter()
            .flat_map(|(storage, collection)| collection.objects(None).map(move |object| (*storage, object)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, value: i64) -> Object {
        Object::from_value(json!({"metadata": {"name": name, "namespace": "ns"}, "value": value})).unwrap()
    }

    fn filled() -> Storage {
        let mut storage = Storage::new(100);
        storage.put("pods", object("a", 1), Timestamp::UNIX_EPOCH);
        storage.put("pods", object("b", 1), Timestamp::UNIX_EPOCH);
        storage.put("pods", object("a", 2), Timestamp::UNIX_EPOCH);
        storage.remove("pods", &Key::new("ns", "b"), Timestamp::UNIX_EPOCH);
        storage
    }

    #[test]
    fn every_write_makes_one_revision_and_a_removal_too() {
        let storage = filled();
        assert_eq!(storage.revision(), 5);
        let changes: Vec<(u64, ChangeKind)> =
            storage.collection("pods").changes_after(0).unwrap().map(|change| (change.revision, change.kind)).collect();
        use ChangeKind::{Added, Deleted, Modified};
        assert_eq!(changes, [(2, Added), (3, Added), (4, Modified), (5, Deleted)]);
    }

    #[test]
    fn the_past_can_be_rebuilt_until_it_is_compacted() {
        let mut storage = filled();
        let past = storage.collection("pods").at(3).unwrap();
        let seen: Vec<(String, Option<i64>)> =
            past.values().map(|object| (object.name().to_owned(), object.integer("/value"))).collect();
        assert_eq!(seen, [("a".to_owned(), Some(1)), ("b".to_owned(), Some(1))]);
        storage.compact();
        assert_eq!(storage.collection("pods").at(3), Err(Compacted { oldest: 5 }));
        assert!(storage.collection("pods").changes_after(4).is_err());
        assert!(storage.collection("pods").changes_after(5).is_ok());
    }

    #[test]
    fn history_is_bounded() {
        let mut storage = Storage::new(2);
        for value in 0..5 {
            storage.put("pods", object("a", value), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(storage.collection("pods").changes_after(4).unwrap().count(), 2);
        assert!(storage.collection("pods").changes_after(3).is_err());
    }
}
