//! All pods of one mock back end. No IO, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use vk_core::{Error, ErrorKind, ExhaustionScope, PodObservation, PodUid, ResolvedPod, Result};
use vk_provider::PodChange;

use super::addresses::Addresses;
use super::pod::{Advanced, Pod, script_of};
use crate::script::{Call, Fault, Script};

/// Pods whose calls are counted; a test that scripts more than this at once loses the oldest count.
const COUNTED_PODS: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Pods {
    pods: BTreeMap<PodUid, Pod>,
    due: BTreeSet<(Timestamp, PodUid)>,
    addresses: Addresses,
    /// Calls so far about pods that script faults, by call.
    calls: BTreeMap<PodUid, BTreeMap<Call, u32>>,
    changed: BTreeSet<PodUid>,
}

impl Pods {
    /// The pods of this node that were there before.
    pub(crate) fn new(node_name: &str, pods: impl IntoIterator<Item = Pod>) -> Self {
        let mut all = Self {
            pods: BTreeMap::new(),
            due: BTreeSet::new(),
            addresses: Addresses::of_node(node_name),
            calls: BTreeMap::new(),
            changed: BTreeSet::new(),
        };
        for pod in pods {
            if let Some(ip) = pod.ip {
                all.addresses.keep(ip);
            }
            all.due.extend(pod.next_due().map(|at| (at, pod.uid.clone())));
            all.pods.insert(pod.uid.clone(), pod);
        }
        all
    }

    pub(crate) fn get(&self, uid: &PodUid) -> Option<&Pod> {
        self.pods.get(uid)
    }

    pub(crate) fn len(&self) -> usize {
        self.pods.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pod> {
        self.pods.values()
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Pods that changed or went since the last time this was asked.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<PodUid> {
        std::mem::take(&mut self.changed)
    }

    /// Lets happen what is due.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        while self.next_due().is_some_and(|at| at <= now) {
            let Some((_, uid)) = self.due.pop_first() else { return };
            let Some(pod) = self.pods.get_mut(&uid) else { continue };
            match pod.advance(now) {
                Advanced::Unchanged => {}
                Advanced::Changed => {
                    self.changed.insert(uid.clone());
                }
                Advanced::Lost => {
                    self.forget(&uid);
                    continue;
                }
            }
            self.due.extend(pod.next_due().map(|at| (at, uid)));
        }
    }

    /// Counts a call and says what its script wants to go wrong with it.
    pub(crate) fn count(&mut self, call: Call, uid: &PodUid) -> Option<Fault> {
        let script = self.pods.get(uid)?.script();
        count_call(&mut self.calls, script, call, uid)
    }

    /// As [`Self::count`], for a pod that may not be there yet.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the pod's script cannot be read.
    pub(crate) fn count_create(&mut self, pod: &ResolvedPod) -> Result<Option<Fault>> {
        let script = script_of(pod)?;
        Ok(count_call(&mut self.calls, &script, Call::Create, &pod.uid))
    }

    pub(crate) fn create(&mut self, pod: &ResolvedPod, now: Timestamp) -> Result<PodObservation> {
        if let Some(known) = self.pods.get(&pod.uid) {
            return Ok(known.observe());
        }
        let host_network = pod.pod.spec.as_ref().and_then(|spec| spec.host_network).unwrap_or(false);
        let ip = if host_network { None } else { Some(self.addresses.take().ok_or_else(no_address)?) };
        let created = match Pod::accept(pod, ip, now) {
            Ok(created) => created,
            Err(error) => {
                ip.into_iter().for_each(|ip| self.addresses.release(ip));
                return Err(error);
            }
        };
        let observation = created.observe();
        self.pods.insert(pod.uid.clone(), created);
        self.changed(&pod.uid, None);
        Ok(observation)
    }

    pub(crate) fn terminate(
        &mut self,
        uid: &PodUid,
        grace: Duration,
        now: Timestamp,
    ) -> Result<Option<PodObservation>> {
        let Some(pod) = self.pods.get_mut(uid) else { return Ok(None) };
        let was_due = pod.next_due();
        if pod.terminate(grace, now)? {
            let observation = pod.observe();
            self.changed(uid, was_due);
            return Ok(Some(observation));
        }
        Ok(Some(pod.observe()))
    }

    pub(crate) fn remove(&mut self, uid: &PodUid) -> Result<()> {
        let Some(pod) = self.pods.get(uid) else { return Ok(()) };
        if !pod.has_ended() {
            let message = format!("pod {} still runs: it has to be stopped before it is removed", pod.key);
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        self.forget(uid);
        self.calls.remove(uid);
        Ok(())
    }

    /// `false` if the pod is not there.
    pub(crate) fn update(&mut self, pod: &ResolvedPod, change: PodChange, now: Timestamp) -> Result<bool> {
        let Some(known) = self.pods.get_mut(&pod.uid) else { return Ok(false) };
        let was_due = known.next_due();
        known.update(pod, change.images, change.metadata, now)?;
        self.changed(&pod.uid, was_due);
        Ok(true)
    }

    /// At most `limit` pods, in the order of their UIDs, from the one after `after`.
    pub(crate) fn page(&self, after: Option<&PodUid>, limit: usize) -> Vec<PodObservation> {
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        self.pods
            .range::<PodUid, _>((from, std::ops::Bound::Unbounded))
            .take(limit)
            .map(|(_, pod)| pod.observe())
            .collect()
    }

    fn changed(&mut self, uid: &PodUid, was_due: Option<Timestamp>) {
        if let Some(at) = was_due {
            self.due.remove(&(at, uid.clone()));
        }
        let due = self.pods.get(uid).and_then(Pod::next_due);
        self.due.extend(due.map(|at| (at, uid.clone())));
        self.changed.insert(uid.clone());
    }

    fn forget(&mut self, uid: &PodUid) {
        let Some(pod) = self.pods.remove(uid) else { return };
        if let Some(ip) = pod.ip {
            self.addresses.release(ip);
        }
        if let Some(at) = pod.next_due() {
            self.due.remove(&(at, uid.clone()));
        }
        self.changed.insert(uid.clone());
    }
}

fn count_call(
    calls: &mut BTreeMap<PodUid, BTreeMap<Call, u32>>,
    script: &Script,
    call: Call,
    uid: &PodUid,
) -> Option<Fault> {
    if script.faults.is_empty() {
        return None;
    }
    let count = calls.entry(uid.clone()).or_default().entry(call).or_default();
    *count = count.saturating_add(1);
    let fault = script.fault(call, *count);
    if calls.len() > COUNTED_PODS {
        calls.pop_first();
    }
    fault
}

fn no_address() -> Error {
    let kind = ErrorKind::Exhausted { resource: "pod addresses".to_owned(), scope: ExhaustionScope::Node };
    Error::new(kind, "all mock pod addresses of 198.18.0.0/15 are taken: remove finished pods")
}
