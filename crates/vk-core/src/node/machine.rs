//! [`NodeMachine`]: when the Node is created, patched and read again. Sans-IO: events in, effects out.
//!
//! Level-triggered: after every event the wish and the Node as last seen are compared anew, whatever the event was
//! (invariant 8). One request is under way at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::agent::AgentFacts;
use super::change::{MetaChange, StatusChange};
use super::desired::{DesiredNode, addresses, node_facts};
use super::event::{NodeEffect, NodeEvent, NodeRequest, NodeTiming, Registration};
use super::failure::ApiFailure;
use super::health::{BackendHealth, OutageReason};
use super::identity::Identity;
use super::notice::NodeNotice;
use super::observed::ObservedNode;
use super::pace::WritePace;
use super::plan::{NodePlan, Unrepairable, heartbeat, plan};
use super::shape::{NodeAddress, NodeShape};
use crate::Now;
use crate::backoff::{Backoff, jittered};
use crate::resolve::NodeFacts;

#[derive(Debug, Clone, PartialEq)]
enum Known {
    Unknown,
    Absent,
    Present(Box<ObservedNode>),
}

#[derive(Debug, Clone, PartialEq)]
enum Sent {
    Read,
    Create,
    Meta(MetaChange),
    Status { change: StatusChange, heartbeat: bool },
}

impl Sent {
    fn verb(&self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Meta(_) => "patch",
            Self::Status { .. } => "patch the status of",
        }
    }
}

/// Changes that the API server took without keeping them: repeating them would go on for ever.
#[derive(Debug, Clone, PartialEq, Default)]
struct NotKept {
    meta: MetaChange,
    status: StatusChange,
}

/// What people were told already.
#[derive(Debug, Clone, PartialEq, Default)]
struct Told {
    labels_left_out: BTreeSet<String>,
    unrepairable: BTreeSet<Unrepairable>,
    /// Failures by what was tried.
    failing: BTreeMap<&'static str, String>,
}

/// The state of the node controller.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeMachine {
    facts: AgentFacts,
    timing: NodeTiming,
    identity: Identity,
    shape: Option<Box<NodeShape>>,
    shape_failure: Option<String>,
    health: BackendHealth,
    may_write: bool,
    known: Known,
    listing: Option<bool>,
    must_read: bool,
    in_flight: Option<(u64, Sent)>,
    next_id: u64,
    was_registered: bool,
    converged: bool,
    not_kept: NotKept,
    pace: WritePace,
    backoff: Backoff,
    retry_at: Duration,
    meta_backoff: Backoff,
    meta_retry_at: Duration,
    heartbeat_at: Duration,
    wake: Option<Duration>,
    told: Told,
}

impl NodeMachine {
    /// A refused patch of metadata is repeated this rarely: the status must not wait for it.
    const META_RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
    const HEARTBEAT_JITTER_PERCENT: u32 = 10;

    /// A machine that knows nothing of the Node and may not write yet.
    pub fn new(facts: AgentFacts, timing: NodeTiming) -> Self {
        Self {
            identity: facts.identity,
            shape: None,
            shape_failure: None,
            health: BackendHealth::Reachable,
            may_write: false,
            known: Known::Unknown,
            listing: None,
            must_read: false,
            in_flight: None,
            next_id: 0,
            was_registered: false,
            converged: false,
            not_kept: NotKept::default(),
            pace: WritePace::new(),
            backoff: Backoff::new(timing.first_retry, timing.longest_retry),
            retry_at: Duration::ZERO,
            meta_backoff: Backoff::new(Self::META_RETRY.0, Self::META_RETRY.1),
            meta_retry_at: Duration::ZERO,
            heartbeat_at: Duration::ZERO,
            wake: None,
            told: Told::default(),
            facts,
            timing,
        }
    }

    /// Takes in what happened and says what to do. `random` is evenly distributed over all of `u64`.
    pub fn step(&mut self, event: NodeEvent, now: Now, random: u64) -> Vec<NodeEffect> {
        let mut effects = Vec::new();
        self.absorb(event, now.mono, random, &mut effects);
        self.wake = None;
        self.decide(now, &mut effects);
        effects
    }

    /// When to step with [`NodeEvent::Tick`], on the monotonic clock.
    pub fn next_wake(&self) -> Option<Duration> {
        self.wake
    }

    /// Whether the Node is there.
    pub fn registration(&self) -> Registration {
        match &self.known {
            Known::Present(node) if self.may_write => Registration { uid: Some(node.uid.clone()) },
            _ => Registration::default(),
        }
    }

    /// What pods may refer to, and what they are admitted by; without resources until the provider has described its node.
    pub fn node_facts(&self) -> NodeFacts {
        let node = match &self.known {
            Known::Present(node) => Some(&**node),
            _ => None,
        };
        let settled = self.shape.is_some() || self.shape_failure.is_some();
        NodeFacts { settled, ..node_facts(&self.facts, self.shape.as_deref(), node) }
    }

    /// `status.addresses` as it should be; `None` until the provider has described its node.
    pub fn addresses(&self) -> Option<Vec<NodeAddress>> {
        self.shape.as_deref().map(|shape| addresses(&self.facts, Some(shape)))
    }

    /// Whether the back end answers.
    pub fn backend_health(&self) -> BackendHealth {
        match (&self.shape, &self.shape_failure) {
            (None, Some(failure)) if self.health.is_reachable() => {
                let message = format!("it has not described its node: {failure}");
                BackendHealth::Unreachable { reason: OutageReason::Fails, message }
            }
            _ => self.health.clone(),
        }
    }

    fn absorb(&mut self, event: NodeEvent, now: Duration, random: u64, effects: &mut Vec<NodeEffect>) {
        let health_before = self.backend_health();
        match event {
            NodeEvent::Shape(shape) => {
                self.converged &= self.shape.as_ref() == Some(&shape);
                self.shape = Some(shape);
                self.shape_failure = None;
            }
            NodeEvent::ShapeUnavailable(failure) => self.shape_failure = Some(failure),
            NodeEvent::Health(health) => self.health = health,
            NodeEvent::MayWrite(may_write) => self.may_write = may_write,
            NodeEvent::ListStarted => self.listing = Some(false),
            NodeEvent::Listed(node) => {
                self.listing = Some(true);
                self.observe(node);
            }
            NodeEvent::ListDone => {
                if self.listing.take() == Some(false) {
                    self.known = Known::Absent;
                }
            }
            NodeEvent::Changed(node) => self.observe(node),
            NodeEvent::Deleted { uid } => {
                if !matches!(&self.known, Known::Present(node) if node.uid != uid) {
                    self.known = Known::Absent;
                }
            }
            NodeEvent::Answered { id, result } => self.answered(id, result, now, random, effects),
            NodeEvent::Tick => {}
        }
        let health = self.backend_health();
        if health != health_before {
            self.converged = false;
            effects.push(NodeEffect::Notice(NodeNotice::Backend(health)));
        }
    }

    fn observe(&mut self, node: Box<ObservedNode>) {
        if !matches!(&self.known, Known::Present(known) if node.is_older_than(known)) {
            self.known = Known::Present(node);
        }
    }

    fn answered(
        &mut self,
        id: u64,
        result: Result<Box<ObservedNode>, ApiFailure>,
        now: Duration,
        random: u64,
        effects: &mut Vec<NodeEffect>,
    ) {
        let Some((_, sent)) = self.in_flight.take_if(|(expected, _)| *expected == id) else { return };
        match result {
            Ok(node) => self.succeeded(sent, node, now, random, effects),
            Err(failure) => self.failed(&sent, failure, now, random, effects),
        }
    }

    fn succeeded(
        &mut self,
        sent: Sent,
        node: Box<ObservedNode>,
        now: Duration,
        random: u64,
        effects: &mut Vec<NodeEffect>,
    ) {
        self.recovered(&sent, effects);
        let left = self.plan_for(&node);
        match sent {
            Sent::Read => {}
            Sent::Create => {
                let notice = if self.was_registered { NodeNotice::RegisteredAgain } else { NodeNotice::Registered };
                effects.push(NodeEffect::Notice(notice));
                self.was_registered = true;
                self.not_kept = NotKept::default();
                self.schedule_heartbeat(now, random);
            }
            Sent::Meta(change) => {
                self.meta_backoff.reset();
                if left.meta == change {
                    effects.push(NodeEffect::Notice(NodeNotice::NotKept { fields: change.fields() }));
                    self.not_kept.meta = change;
                }
            }
            Sent::Status { change, heartbeat } => {
                if heartbeat {
                    self.schedule_heartbeat(now, random);
                } else if left.status == change {
                    effects.push(NodeEffect::Notice(NodeNotice::NotKept { fields: change.fields() }));
                    self.not_kept.status = change;
                }
            }
        }
        self.observe(node);
    }

    /// A read alone proves nothing: it follows each refused write.
    fn recovered(&mut self, sent: &Sent, effects: &mut Vec<NodeEffect>) {
        if *sent != Sent::Read {
            self.backoff.reset();
        }
        let cleared = self.told.failing.remove(sent.verb()).is_some() | self.told.failing.remove("create").is_some();
        if cleared && self.told.failing.is_empty() {
            effects.push(NodeEffect::Notice(NodeNotice::Recovered));
        }
    }

    fn failed(&mut self, sent: &Sent, failure: ApiFailure, now: Duration, random: u64, effects: &mut Vec<NodeEffect>) {
        match &failure {
            ApiFailure::NotFound if *sent != Sent::Create => {
                self.known = Known::Absent;
                return;
            }
            ApiFailure::Conflict(_) => {
                self.must_read = true;
                self.retry_at = now + self.backoff.next_delay(random);
                return;
            }
            ApiFailure::Forbidden(message) if self.identity == Identity::Unknown && is_by_admission(message) => {
                self.identity = Identity::Node;
                return;
            }
            _ => {}
        }
        let refused = matches!(failure, ApiFailure::Forbidden(_) | ApiFailure::Invalid(_));
        if refused && matches!(sent, Sent::Meta(_)) {
            self.meta_retry_at = now + self.meta_backoff.next_delay(random);
        } else {
            let asked_for = failure.requested_delay().unwrap_or_default().min(self.timing.longest_retry);
            self.retry_at = now + self.backoff.next_delay(random).max(asked_for);
        }
        // It may be refused because of a state that we have not seen.
        self.must_read = refused;
        let text = failure.to_string();
        if self.told.failing.insert(sent.verb(), text.clone()).as_ref() != Some(&text) {
            let notice = NodeNotice::Failing { request: sent.verb().to_owned(), failure: text };
            effects.push(NodeEffect::Notice(notice));
        }
    }

    fn schedule_heartbeat(&mut self, now: Duration, random: u64) {
        self.heartbeat_at = now + jittered(self.timing.heartbeat, Self::HEARTBEAT_JITTER_PERCENT, random);
    }

    fn decide(&mut self, now: Now, effects: &mut Vec<NodeEffect>) {
        if self.in_flight.is_some() || !self.may_write || !self.is_due(self.retry_at, now) {
            return;
        }
        if std::mem::take(&mut self.must_read) {
            self.send(Sent::Read, NodeRequest::Read, effects);
            return;
        }
        // The first Node that others see is complete, or the provider had its chance.
        if self.shape.is_none() && self.shape_failure.is_none() {
            return;
        }
        match self.known.clone() {
            Known::Unknown => {}
            Known::Absent => self.create(now, effects),
            Known::Present(node) => self.reconcile(&node, now, effects),
        }
    }

    fn create(&mut self, now: Now, effects: &mut Vec<NodeEffect>) {
        if !self.is_due(self.pace.earliest(), now) {
            return;
        }
        let desired = self.desired();
        self.tell_about_labels(&desired, effects);
        self.pace.repaired(&BTreeSet::from(["node".to_owned()]), now.mono);
        self.converged = false;
        self.send(Sent::Create, NodeRequest::Create(desired.to_create(now.wall)), effects);
    }

    fn reconcile(&mut self, node: &ObservedNode, now: Now, effects: &mut Vec<NodeEffect>) {
        if !self.was_registered {
            self.was_registered = true;
            effects.push(NodeEffect::Notice(NodeNotice::Adopted));
        }
        let desired = self.desired();
        let plan = self.plan_for(node);
        self.tell_about_labels(&desired, effects);
        self.tell_about_unrepairable(&plan, effects);
        let meta_wanted = !plan.meta.is_empty() && plan.meta != self.not_kept.meta;
        let status_wanted = !plan.status.is_empty() && plan.status != self.not_kept.status;
        if meta_wanted && self.is_due(self.meta_retry_at, now) {
            if self.is_due(self.pace.earliest(), now) {
                self.count_write(plan.meta.fields(), now, effects);
                let request = NodeRequest::PatchMeta(plan.meta.to_patch(node));
                self.send(Sent::Meta(plan.meta), request, effects);
            }
        } else if status_wanted {
            if self.is_due(self.pace.earliest(), now) {
                self.count_write(plan.status.fields(), now, effects);
                self.send_status(plan.status, false, node, now, effects);
            }
        } else if self.is_due(self.heartbeat_at, now) {
            self.send_status(heartbeat(node, &desired), true, node, now, effects);
        } else {
            self.converged = !meta_wanted;
            self.backoff.reset();
        }
    }

    /// Whether the time has come; if not, the machine wakes up then.
    fn is_due(&mut self, at: Duration, now: Now) -> bool {
        let due = at <= now.mono;
        if !due {
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
        due
    }

    fn desired(&self) -> DesiredNode {
        DesiredNode::new(&self.facts, self.identity, self.shape.as_deref(), &self.backend_health())
    }

    fn plan_for(&self, node: &ObservedNode) -> NodePlan {
        plan(node, &self.desired(), self.identity)
    }

    fn send_status(
        &mut self,
        change: StatusChange,
        heartbeat: bool,
        node: &ObservedNode,
        now: Now,
        effects: &mut Vec<NodeEffect>,
    ) {
        let request = NodeRequest::PatchStatus(change.to_patch(node, now.wall));
        self.send(Sent::Status { change, heartbeat }, request, effects);
    }

    fn send(&mut self, sent: Sent, request: NodeRequest, effects: &mut Vec<NodeEffect>) {
        let id = self.next_id;
        self.next_id += 1;
        self.in_flight = Some((id, sent));
        self.wake = None;
        effects.push(NodeEffect::Send { id, request });
    }

    fn tell_about_labels(&mut self, desired: &DesiredNode, effects: &mut Vec<NodeEffect>) {
        if self.told.labels_left_out != desired.forbidden_labels {
            self.told.labels_left_out.clone_from(&desired.forbidden_labels);
            let keys = desired.forbidden_labels.clone();
            effects.extend((!keys.is_empty()).then_some(NodeEffect::Notice(NodeNotice::LabelsLeftOut { keys })));
        }
    }

    fn tell_about_unrepairable(&mut self, plan: &NodePlan, effects: &mut Vec<NodeEffect>) {
        let news = plan.unrepairable.difference(&self.told.unrepairable);
        effects.extend(news.map(|it| NodeEffect::Notice(NodeNotice::Unrepairable(it.clone()))));
        self.told.unrepairable.clone_from(&plan.unrepairable);
    }

    /// Only what had been as we want it is a repair; the rest is our own wish that changed.
    fn count_write(&mut self, fields: BTreeSet<String>, now: Now, effects: &mut Vec<NodeEffect>) {
        if std::mem::take(&mut self.converged) {
            self.pace.repaired(&fields, now.mono);
            effects.push(NodeEffect::Notice(NodeNotice::Repaired { fields }));
        } else {
            self.pace.wrote(now.mono);
        }
    }
}

/// Whether a 403 comes from an admission plugin. Those of the authorizer name the user and the verb.
fn is_by_admission(message: &str) -> bool {
    !message.contains("User \"")
}

#[cfg(test)]
mod tests;
