//! The back end itself: one owner of all pods, asked through a channel.

mod addresses;
mod clock;
mod container;
mod events;
mod journal;
mod pod;
mod pods;
mod request;
mod stats;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;
use vk_core::{Error, PodUid, Result};
use vk_provider::ObservationSink;

pub(crate) use clock::{Clock, after};
pub(crate) use container::Run;
use events::Events;
use journal::{Journal, Lines};
pub(crate) use pod::{Pod, script_of};
use pods::Pods;
pub(crate) use request::{Answered, Attempt, Reply, Request, WhichRun};

use crate::logs::LogRun;
use crate::script::{Call, Fault};

/// Requests that wait at most, and that are answered after one write to the journal.
pub(crate) const QUEUE: usize = 1024;
const BATCH: usize = 256;
/// Subscriptions at once; the core has one.
const SUBSCRIBERS: usize = 16;

/// Owns the pods of one mock node. Nothing happens unless [`MockBackend::run`] is polled.
///
/// A simulation keeps it while agents come and go; [`crate::MockFactory`] spawns it.
pub struct MockBackend {
    pods: Pods,
    clock: Clock,
    store: Store,
    /// Pods of which the journal does not know the newest state.
    unsaved: BTreeSet<PodUid>,
    requests: mpsc::Receiver<Request>,
    subscribers: Vec<(ObservationSink, oneshot::Sender<()>)>,
    followers: BTreeMap<PodUid, watch::Sender<()>>,
    events: Events,
}

/// Where pods are kept beyond the life of the process.
enum Store {
    Nowhere,
    Journal(Journal),
    /// It broke off in the middle of a write: what the file holds is not known, and nothing more can be promised.
    Broken(Error),
}

impl fmt::Debug for MockBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockBackend").field("pods", &self.pods.len()).finish_non_exhaustive()
    }
}

/// An answer that waits until what it says is saved.
type Pending = Box<dyn FnOnce(&Result<()>) + Send>;

impl MockBackend {
    /// A back end whose pods live in memory only.
    pub(crate) fn in_memory(node_name: &str, wall: Timestamp, requests: mpsc::Receiver<Request>) -> Self {
        Self::new(Pods::new(node_name, []), Store::Nowhere, wall, requests)
    }

    /// A back end whose pods live in this file. Blocks on the disk.
    pub(crate) fn open(
        file: PathBuf,
        node_name: &str,
        wall: Timestamp,
        requests: mpsc::Receiver<Request>,
    ) -> Result<Self> {
        let (journal, pods) = Journal::open(file, node_name)?;
        Ok(Self::new(Pods::new(node_name, pods), Store::Journal(journal), wall, requests))
    }

    fn new(pods: Pods, store: Store, wall: Timestamp, requests: mpsc::Receiver<Request>) -> Self {
        Self {
            pods,
            clock: Clock::starting_at(wall),
            store,
            unsaved: BTreeSet::new(),
            requests,
            subscribers: Vec::new(),
            followers: BTreeMap::new(),
            events: Events::default(),
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Serves until the last [`crate::MockProvider`] is gone.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let due = self.pods.next_due().map(|at| self.clock.instant(at));
            let something_is_due = async {
                match due {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                received = self.requests.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        return;
                    }
                }
                () = something_is_due => {}
            }
            self.pods.advance(self.clock.now());
            let pending: Vec<Pending> = batch.drain(..).map(|request| self.handle(request)).collect();
            let changed = self.pods.take_changed();
            let saved = self.save(&changed).await;
            for answer in pending {
                answer(&saved);
            }
            self.publish(&changed);
        }
    }

    fn handle(&mut self, request: Request) -> Pending {
        let now = self.clock.now();
        match request {
            Request::Create { pod, events, attempt, reply } => {
                self.events.listen(&pod.uid, self.pods.get(&pod.uid), events);
                let fault = match attempt {
                    Attempt::First => self.pods.count_create(&pod),
                    Attempt::AfterHang => Ok(None),
                };
                let result = fault.and_then(|fault| scripted(fault, || self.pods.create(&pod, now)));
                self.forget_listener_of_none(&pod.uid);
                once_saved(reply, result)
            }
            Request::Adopt { uid, events, reply } => {
                self.events.listen(&uid, self.pods.get(&uid), events);
                self.forget_listener_of_none(&uid);
                once_saved(reply, Ok(()))
            }
            Request::Terminate { uid, grace, attempt, reply } => {
                let fault = self.fault(Call::Terminate, &uid, attempt);
                once_saved(reply, scripted(fault, || self.pods.terminate(&uid, grace, now)))
            }
            Request::Remove { uid, attempt, reply } => {
                let fault = self.fault(Call::Remove, &uid, attempt);
                once_saved(reply, scripted(fault, || self.pods.remove(&uid)))
            }
            Request::Lookup { uid, attempt, reply } => {
                let fault = self.fault(Call::Lookup, &uid, attempt);
                once_saved(reply, scripted(fault, || Ok(self.pods.get(&uid).map(Pod::observe))))
            }
            Request::Update { pod, change, attempt, reply } => {
                let fault = self.fault(Call::Update, &pod.uid, attempt);
                once_saved(reply, scripted(fault, || self.pods.update(&pod, change, now)))
            }
            Request::List { after, limit, reply } => once_saved(reply, Ok(self.pods.page(after.as_ref(), limit))),
            Request::Subscribe { sink, open } => {
                self.subscribe(sink, open);
                Box::new(|_| ())
            }
            Request::Log { uid, container, run, reply } => {
                once_saved(reply, LogRun::find(self.pods.get(&uid), &container, run))
            }
            Request::Stats { reply } => {
                let running = self.pods.iter().filter_map(|pod| stats::of(pod, now));
                once_saved(reply, Ok(running.collect()))
            }
            Request::Follow { uid, reply } => once_saved(reply, self.follow(uid)),
        }
    }

    /// Nobody is told of a pod that is not there.
    fn forget_listener_of_none(&mut self, uid: &PodUid) {
        if self.pods.get(uid).is_none() {
            self.events.forget(uid);
        }
    }

    fn fault(&mut self, call: Call, uid: &PodUid, attempt: Attempt) -> Option<Fault> {
        if attempt == Attempt::First { self.pods.count(call, uid) } else { None }
    }

    fn subscribe(&mut self, sink: ObservationSink, open: oneshot::Sender<()>) {
        self.subscribers.retain(|(_, open)| !open.is_closed());
        if self.subscribers.len() >= SUBSCRIBERS {
            tracing::warn!(limit = SUBSCRIBERS, "too many subscriptions to the mock back end: the oldest one ends");
            self.subscribers.remove(0);
        }
        sink.live();
        self.subscribers.push((sink, open));
    }

    fn follow(&mut self, uid: PodUid) -> Result<watch::Receiver<()>> {
        if self.pods.get(&uid).is_none() {
            return Err(Error::unresolved(format!("pod {uid}"), "the mock back end does not hold this pod"));
        }
        Ok(self.followers.entry(uid).or_insert_with(|| watch::Sender::new(())).subscribe())
    }

    /// Writes what changed, and what could not be written before.
    async fn save(&mut self, changed: &BTreeSet<PodUid>) -> Result<()> {
        let saved = match std::mem::replace(&mut self.store, Store::Nowhere) {
            Store::Nowhere => return Ok(()),
            Store::Broken(error) => {
                self.store = Store::Broken(error.clone());
                return Err(error);
            }
            Store::Journal(journal) => {
                self.unsaved.extend(changed.iter().cloned());
                self.write(journal).await
            }
        };
        match &saved {
            Ok(()) => self.unsaved.clear(),
            Err(error) => tracing::warn!(%error, "mock pods are not saved; the next change tries again"),
        }
        saved
    }

    /// The disk is used on a thread for blocking work.
    async fn write(&mut self, mut journal: Journal) -> Result<()> {
        let stale = journal.is_stale(self.pods.len());
        let lines = if stale { self.all_lines() } else { self.unsaved_lines() };
        let lines = match lines {
            Ok(lines) if !lines.is_empty() => lines,
            lines => {
                self.store = Store::Journal(journal);
                return lines.map(drop);
            }
        };
        let write = move || {
            let written = if stale { journal.rewrite(&lines) } else { journal.append(&lines) };
            (journal, written)
        };
        match tokio::task::spawn_blocking(write).await {
            Ok((journal, written)) => {
                self.store = Store::Journal(journal);
                written
            }
            Err(error) => {
                let error = Error::unavailable(format!("mock pods cannot be saved: {error}; restart the agent"));
                self.store = Store::Broken(error.clone());
                Err(error)
            }
        }
    }

    fn unsaved_lines(&self) -> Result<Lines> {
        let mut lines = Lines::default();
        for uid in &self.unsaved {
            match self.pods.get(uid) {
                Some(pod) => lines.pod(pod)?,
                None => lines.gone(uid)?,
            }
        }
        Ok(lines)
    }

    fn all_lines(&self) -> Result<Lines> {
        let mut lines = Lines::default();
        self.pods.iter().try_for_each(|pod| lines.pod(pod))?;
        Ok(lines)
    }

    fn publish(&mut self, changed: &BTreeSet<PodUid>) {
        self.subscribers.retain(|(_, open)| !open.is_closed());
        for uid in changed {
            self.events.changed(uid, self.pods.get(uid));
            let Some(pod) = self.pods.get(uid) else {
                self.followers.remove(uid);
                continue;
            };
            for (sink, _) in &self.subscribers {
                sink.observe(pod.observe());
            }
            if let Some(follower) = self.followers.get(uid)
                && follower.send(()).is_err()
            {
                self.followers.remove(uid);
            }
        }
    }
}

/// Carries a call out unless its script wants something else.
fn scripted<T>(fault: Option<Fault>, call: impl FnOnce() -> Result<T>) -> Result<Answered<T>> {
    match fault {
        None => call().map(Answered::Done),
        Some(Fault::Hang(time)) => Ok(Answered::Hang(time)),
        Some(Fault::Error(kind)) => {
            if kind.is_applied() {
                call()?;
            }
            Err(kind.error())
        }
    }
}

/// An answer that turns into an error if what it says could not be saved.
fn once_saved<T: Send + 'static>(reply: Reply<T>, result: Result<T>) -> Pending {
    Box::new(move |saved| {
        let result = match saved {
            Ok(()) => result,
            Err(error) => result.and(Err(error.clone())),
        };
        // Nobody waits any more for the answer to a call that was dropped.
        drop(reply.send(result));
    })
}
