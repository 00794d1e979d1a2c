//! The API server without any IO: a request and the time go in, an answer comes out.

mod binding;
mod bootstrap;
mod create;
mod delete;
mod discovery;
mod dispatch;
mod eviction;
#[cfg(feature = "serve")]
mod node_requests;
mod options;
mod read;
mod reply;
mod reviews;
mod service_addresses;
mod token_request;
mod update;
mod watching;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;

pub(crate) use dispatch::Call;
pub(crate) use eviction::disrupt;
#[cfg(feature = "serve")]
pub(crate) use node_requests::{Destination, NodeRequest};
pub use options::{Controllers, Options};
pub use reply::Reply;
pub use watching::{Watch, WatchStep};

use crate::authorization::{Authorizer, NodeGraph, PolicyRule};
use crate::clock::Now;
use crate::controller::{self, BorrowedTime, NodeHealth};
use crate::identity::Identity;
use crate::object::Object;
use crate::random::Entropy;
use crate::record::RequestRecord;
use crate::request::ApiRequest;
use crate::resource::{self, Resource};
use crate::storage::{Change, Key, Storage};
use crate::tokens::TokenStore;

/// All state of one API server and its decisions. Single-threaded and deterministic: the same requests at the same
/// times give the same bytes.
#[derive(Debug)]
pub struct Kernel {
    pub(crate) storage: Storage,
    pub(crate) authorizer: Authorizer,
    pub(crate) entropy: Entropy,
    pub(crate) tokens: TokenStore,
    pub(crate) options: Options,
    records: VecDeque<RequestRecord>,
    /// When the node lifecycle controller last heard of each node.
    pub(crate) node_health: NodeHealth,
    /// Which pods the taint eviction controller will evict later.
    pub(crate) borrowed_time: BorrowedTime,
    /// Up to which revision the built-in controllers have looked.
    settled: u64,
}

impl Kernel {
    /// A server with the namespaces, accounts and the `kubernetes` Service that every cluster has.
    #[must_use]
    pub fn new(options: Options, now: Now) -> Self {
        let mut kernel = Self {
            storage: Storage::new(options.history_limit),
            authorizer: Authorizer::new(NodeGraph::new(options.graph_lag)),
            entropy: Entropy::seeded(options.seed),
            tokens: TokenStore::default(),
            records: VecDeque::new(),
            node_health: NodeHealth::default(),
            borrowed_time: BorrowedTime::default(),
            settled: 0,
            options,
        };
        kernel.bootstrap(now);
        controller::settle(&mut kernel, now);
        kernel
    }

    /// Answers one request.
    pub fn handle(&mut self, request: &Request<Bytes>, identity: &Identity, now: Now) -> Reply {
        self.handle_stale(request, identity, now, 0)
    }

    /// Answers one request; a list is answered as it was `behind` revisions ago, as a lagging watch cache would.
    pub fn handle_stale(&mut self, request: &Request<Bytes>, identity: &Identity, now: Now, behind: u64) -> Reply {
        let request = ApiRequest::read(request);
        let mut record = RequestRecord::of(&request, identity, now.wall);
        record.uid = self.addressed_uid(&record);
        let reply = self.serve(&request, identity, now, behind);
        record.code = reply.code().as_u16();
        if record.uid.is_empty() {
            record.uid = self.addressed_uid(&record);
        }
        self.remember(record);
        controller::settle(self, now);
        reply
    }

    /// Lets the built-in controllers act on time that has passed.
    pub fn tick(&mut self, now: Now) {
        controller::tick(self, now);
        controller::settle(self, now);
    }

    /// The resourceVersion of the latest write.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.storage.revision()
    }

    /// An object as it is stored. `resource` is the plural, with the group for groups other than core:
    /// `leases.coordination.k8s.io`.
    #[must_use]
    pub fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.storage.find(named(resource)?.storage, namespace, name)
    }

    /// All objects of a resource, ordered by namespace and name.
    pub fn objects(&self, resource: &str) -> impl Iterator<Item = &Arc<Object>> {
        named(resource).into_iter().flat_map(|resource| self.storage.collection(resource.storage).objects(None))
    }

    /// The remembered writes to a resource, oldest first.
    pub fn changes(&self, resource: &str) -> impl Iterator<Item = &Change> {
        named(resource).into_iter().flat_map(|resource| self.storage.collection(resource.storage).remembered())
    }

    /// The remembered requests, oldest first.
    pub fn requests(&self) -> impl Iterator<Item = &RequestRecord> {
        self.records.iter()
    }

    /// Forgets the remembered requests.
    pub fn forget_requests(&mut self) {
        self.records.clear();
    }

    /// Allows a user or a group what the rules say.
    pub fn grant(&mut self, subject: impl Into<String>, rules: Vec<PolicyRule>) {
        self.authorizer.grant(subject.into(), rules);
    }

    /// Takes every rule from a user or a group.
    pub fn revoke(&mut self, subject: &str) {
        self.authorizer.revoke(subject);
    }

    /// Forgets every past write, as etcd's compaction does: watches and paged lists that are behind get 410.
    pub fn compact(&mut self) {
        self.storage.compact();
    }

    /// What a restart does to the memory of a server: the watch cache is empty, the node authorizer's graph has to be
    /// filled again.
    pub fn restart(&mut self, now: Now) {
        self.storage.compact();
        self.authorizer.graph.clear();
        let known: Vec<(&'static str, Arc<Object>)> =
            self.storage.everything().map(|(storage, object)| (storage, Arc::clone(object))).collect();
        for (storage, object) in known {
            self.authorizer.graph.observe(storage, &object, Some(&object), now.elapsed);
        }
    }

    /// Writes an object as the server itself, past authorization, admission and validation. For built-in controllers
    /// and for tests that need a state which no request can make.
    pub(crate) fn put(&mut self, storage: &'static str, object: Object, now: Now) -> Arc<Object> {
        let written = self.storage.put(storage, object, now.wall);
        self.authorizer.graph.observe(storage, &written, Some(&written), now.elapsed);
        written
    }

    pub(crate) fn remove(&mut self, storage: &'static str, key: &Key, now: Now) -> Option<Arc<Object>> {
        let last = self.storage.remove(storage, key, now.wall)?;
        self.authorizer.graph.observe(storage, &last, None, now.elapsed);
        Some(last)
    }

    /// Marks the writes up to now as seen by the built-in controllers; gives back up to where they had looked.
    pub(crate) fn take_unsettled(&mut self) -> Option<u64> {
        let before = std::mem::replace(&mut self.settled, self.storage.revision());
        (before != self.settled).then_some(before)
    }

    fn addressed_uid(&self, record: &RequestRecord) -> String {
        resource::find(&record.group, &record.resource)
            .and_then(|resource| self.storage.find(resource.storage, &record.namespace, &record.name))
            .map(|object| object.uid().to_owned())
            .unwrap_or_default()
    }

    fn remember(&mut self, record: RequestRecord) {
        self.records.push_back(record);
        while self.records.len() > self.options.request_limit {
            self.records.pop_front();
        }
    }
}

fn named(resource: &str) -> Option<&'static Resource> {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    resource::find(group, plural)
}
