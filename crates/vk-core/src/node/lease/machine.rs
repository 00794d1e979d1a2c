//! [`LeaseMachine`]: when the lease is read, created and renewed, and when we stand back. Sans-IO.
//!
//! Whether another holder lives is told by whether the lease changes, never by comparing its times with our clock. A holder
//! of our own instance id is ourselves before a restart; one that has not renewed for a whole lease duration, while we
//! watched, is dead; one that renews is refused to.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::conflict::LeaseConflict;
use super::event::{LeaseEffect, LeaseEvent, LeaseNotice, LeaseRequest, LeaseState, LeaseTiming};
use super::object::{LeaseContent, LeaseHolder, ObservedLease, next_renew_time, release_patch};
use crate::Now;
use crate::backoff::{Backoff, jittered};
use crate::node::failure::ApiFailure;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
enum Phase {
    Unread,
    Missing,
    Foreign { lease: ObservedLease, unchanged_since: Duration, look_at: Duration },
    Ours(ObservedLease),
    Refused(LeaseConflict),
    Released,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
enum Sent {
    Read,
    Create,
    Renew,
    Release,
}

impl Sent {
    fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Renew => "renew",
            Self::Release => "release",
        }
    }
}

/// The state of the heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct LeaseMachine {
    holder: LeaseHolder,
    timing: LeaseTiming,
    phase: Phase,
    node_uid: Option<String>,
    /// The lease should belong to another Node than it did.
    must_change_owner: bool,
    in_flight: Option<(u64, Sent, Duration)>,
    next_id: u64,
    /// When the last renewal that succeeded was sent.
    renewed_at: Option<Duration>,
    lapsed: bool,
    renew_at: Duration,
    retry_at: Duration,
    backoff: Backoff,
    conflicts: u32,
    /// Times that we wrote, or may have written, since the last answer.
    written: Vec<Timestamp>,
    strange_renewals: u32,
    releasing: bool,
    failing: Option<String>,
    outages: u64,
    wake: Option<Duration>,
}

impl LeaseMachine {
    const JITTER_PERCENT: u32 = 4;
    /// An agent that names no instance is noticed by renewals that are not ours; so many in a row are no accident.
    const STRANGE_RENEWALS: u32 = 3;
    const WRITTEN_KEPT: usize = 16;

    /// A machine that has not looked at the lease yet.
    pub fn new(holder: LeaseHolder, timing: LeaseTiming) -> Self {
        Self {
            holder,
            timing,
            phase: Phase::Unread,
            node_uid: None,
            must_change_owner: false,
            in_flight: None,
            next_id: 0,
            renewed_at: None,
            lapsed: false,
            renew_at: Duration::ZERO,
            retry_at: Duration::ZERO,
            backoff: Backoff::new(timing.first_retry, timing.longest_retry),
            conflicts: 0,
            written: Vec::new(),
            strange_renewals: 0,
            releasing: false,
            failing: None,
            outages: 0,
            wake: None,
        }
    }

    /// Takes in what happened and says what to do. `random` is evenly distributed over all of `u64`.
    pub fn step(&mut self, event: LeaseEvent, now: Now, random: u64) -> Vec<LeaseEffect> {
        let mut effects = Vec::new();
        match event {
            LeaseEvent::Tick => {}
            LeaseEvent::Answered { id, result } => self.answered(id, result, now.mono, random, &mut effects),
            LeaseEvent::NodeUid(uid) => {
                self.must_change_owner |= uid.is_some() && uid != self.node_uid;
                self.node_uid = uid;
            }
            LeaseEvent::Release => self.releasing = true,
        }
        self.wake = None;
        self.notice_lapse(now.mono);
        self.decide(now, &mut effects);
        effects
    }

    /// When to step with [`LeaseEvent::Tick`], on the monotonic clock.
    pub fn next_wake(&self) -> Option<Duration> {
        self.wake
    }

    /// Whether the node is ours.
    pub fn state(&self) -> LeaseState {
        match &self.phase {
            Phase::Refused(conflict) => LeaseState::Refused(conflict.clone()),
            Phase::Released => LeaseState::Released,
            _ if self.renewed_at.is_none() => LeaseState::Claiming,
            _ if self.lapsed => LeaseState::Lapsed,
            _ => LeaseState::Held,
        }
    }

    /// How often requests failed and then succeeded again. Each time the API server has been away, and watches that seem
    /// open may be dead.
    pub fn outages(&self) -> u64 {
        self.outages
    }

    /// Whether nothing will ever follow.
    pub fn is_final(&self) -> bool {
        matches!(self.phase, Phase::Refused(_) | Phase::Released)
    }

    fn answered(
        &mut self,
        id: u64,
        result: Result<ObservedLease, ApiFailure>,
        now: Duration,
        random: u64,
        effects: &mut Vec<LeaseEffect>,
    ) {
        let Some((_, sent, sent_at)) = self.in_flight.take_if(|(expected, ..)| *expected == id) else { return };
        match (sent, result) {
            (Sent::Release, _) => self.phase = Phase::Released,
            (Sent::Read, Ok(lease)) => {
                self.recovered(effects);
                self.classify(lease, now, effects);
            }
            (Sent::Create | Sent::Renew, Ok(lease)) => {
                self.recovered(effects);
                self.renewed(lease, sent_at, random, effects);
            }
            (_, Err(failure)) => self.failed(sent, &failure, now, random, effects),
        }
    }

    fn recovered(&mut self, effects: &mut Vec<LeaseEffect>) {
        self.backoff.reset();
        if self.failing.take().is_some() {
            self.outages += 1;
            effects.push(LeaseEffect::Notice(LeaseNotice::Recovered));
        }
    }

    fn renewed(&mut self, lease: ObservedLease, sent_at: Duration, random: u64, effects: &mut Vec<LeaseEffect>) {
        if self.renewed_at.is_none() {
            effects.push(LeaseEffect::Notice(LeaseNotice::Claimed));
        }
        self.renewed_at = Some(sent_at);
        self.lapsed = false;
        self.conflicts = 0;
        self.written = lease.renew_time.into_iter().collect();
        self.renew_at = sent_at + jittered(self.timing.renew_interval, Self::JITTER_PERCENT, random);
        self.phase = Phase::Ours(lease);
    }

    fn failed(&mut self, sent: Sent, failure: &ApiFailure, now: Duration, random: u64, effects: &mut Vec<LeaseEffect>) {
        match failure {
            ApiFailure::NotFound if sent != Sent::Create => {
                self.phase = Phase::Missing;
                return;
            }
            ApiFailure::Conflict(_) => {
                self.phase = match std::mem::replace(&mut self.phase, Phase::Unread) {
                    watched @ Phase::Foreign { .. } => watched.look_again(now),
                    _ => Phase::Unread,
                };
                if self.conflicts > 0 {
                    self.retry_at = now + self.backoff.next_delay(random);
                }
                self.conflicts += 1;
                return;
            }
            _ => {}
        }
        let asked_for = failure.requested_delay().unwrap_or_default().min(self.timing.longest_retry);
        self.retry_at = now + self.backoff.next_delay(random).max(asked_for);
        let text = failure.to_string();
        if self.failing.as_ref() != Some(&text) {
            self.failing = Some(text.clone());
            effects.push(LeaseEffect::Notice(LeaseNotice::Failing { request: sent.verb(), failure: text }));
        }
    }

    fn classify(&mut self, lease: ObservedLease, now: Duration, effects: &mut Vec<LeaseEffect>) {
        let was_ours = self.renewed_at.is_some();
        let claim = Claim::of(&lease, &self.holder);
        let renewed_by_us = lease.renew_time.is_none_or(|time| self.written.contains(&time));
        self.strange_renewals = if was_ours && !renewed_by_us { self.strange_renewals + 1 } else { 0 };
        self.phase = match (claim, std::mem::replace(&mut self.phase, Phase::Unread)) {
            (Claim::Named, _) if was_ours => Phase::Refused(self.conflict(&lease, true)),
            _ if self.strange_renewals >= Self::STRANGE_RENEWALS => {
                Phase::Refused(self.conflict(&ObservedLease { instance: None, host: None, ..lease }, true))
            }
            (Claim::Ours | Claim::Free, _) => self.ours_by_now(lease, now),
            // Our annotation was lost, or another agent that names itself not has begun: the next renewals will show.
            (Claim::Unnamed, _) if was_ours => self.ours_by_now(lease, now),
            (_, Phase::Foreign { lease: before, unchanged_since, .. }) => {
                if before.sign_of_life() == lease.sign_of_life() {
                    self.foreign(lease, unchanged_since, now)
                } else {
                    Phase::Refused(self.conflict(&lease, false))
                }
            }
            _ => {
                effects.push(LeaseEffect::Notice(LeaseNotice::Watching {
                    instance: lease.instance.clone(),
                    host: lease.host.clone(),
                    within: self.timing.duration,
                }));
                self.foreign(lease, now, now)
            }
        };
    }

    fn ours_by_now(&mut self, lease: ObservedLease, now: Duration) -> Phase {
        self.renew_at = now;
        Phase::Ours(lease)
    }

    fn foreign(&self, lease: ObservedLease, unchanged_since: Duration, now: Duration) -> Phase {
        Phase::Foreign { lease, unchanged_since, look_at: now + self.timing.watch_interval }
    }

    fn conflict(&self, lease: &ObservedLease, taken_from_us: bool) -> LeaseConflict {
        LeaseConflict {
            node: self.holder.node.clone(),
            instance: lease.instance.clone(),
            host: lease.host.clone(),
            taken_from_us,
        }
    }

    fn notice_lapse(&mut self, now: Duration) {
        if let Some(renewed_at) = self.renewed_at
            && !self.is_final()
        {
            let lapses_at = renewed_at + self.timing.duration;
            self.lapsed = now >= lapses_at;
            self.wake = (!self.lapsed).then_some(lapses_at);
        }
    }

    fn decide(&mut self, now: Now, effects: &mut Vec<LeaseEffect>) {
        if self.in_flight.is_some() {
            return;
        }
        if self.releasing {
            self.release(now, effects);
            return;
        }
        if !self.is_final() && !self.is_due(self.retry_at, now) {
            return;
        }
        match self.phase.clone() {
            Phase::Refused(_) | Phase::Released => self.wake = None,
            Phase::Unread => self.send(Sent::Read, LeaseRequest::Read, now, effects),
            Phase::Missing => {
                let content = self.content(None, now);
                let (renew_time, request) = (content.renew_time, LeaseRequest::Create(content.to_create()));
                self.write(Sent::Create, renew_time, request, now, effects);
            }
            Phase::Foreign { lease, unchanged_since, look_at } => {
                // Looked at first: a takeover whose answer was lost has made it ours, and only of its newest version can it
                // be taken.
                if self.is_due(look_at, now) {
                    self.send(Sent::Read, LeaseRequest::Read, now, effects);
                } else if self.is_due(unchanged_since + self.timing.duration, now) {
                    self.renew(&lease, now, effects);
                }
            }
            Phase::Ours(lease) => {
                if self.must_change_owner || self.is_due(self.renew_at, now) {
                    self.renew(&lease, now, effects);
                }
            }
        }
    }

    fn release(&mut self, now: Now, effects: &mut Vec<LeaseEffect>) {
        match &self.phase {
            Phase::Ours(lease) if self.renewed_at.is_some() => {
                let request = LeaseRequest::Patch(release_patch(lease));
                self.send(Sent::Release, request, now, effects);
            }
            Phase::Refused(_) => {}
            _ => self.phase = Phase::Released,
        }
        self.wake = None;
    }

    fn renew(&mut self, lease: &ObservedLease, now: Now, effects: &mut Vec<LeaseEffect>) {
        let content = self.content(lease.renew_time, now);
        let (renew_time, request) = (content.renew_time, LeaseRequest::Patch(content.to_patch(lease)));
        self.write(Sent::Renew, renew_time, request, now, effects);
    }

    fn content(&self, before: Option<Timestamp>, now: Now) -> LeaseContent<'_> {
        let before = self.written.iter().copied().chain(before).max();
        LeaseContent {
            holder: &self.holder,
            duration: self.timing.duration,
            node_uid: self.node_uid.as_deref(),
            renew_time: next_renew_time(now.wall, before),
        }
    }

    fn write(
        &mut self,
        sent: Sent,
        renew_time: Timestamp,
        request: LeaseRequest,
        now: Now,
        effects: &mut Vec<LeaseEffect>,
    ) {
        if self.written.len() == Self::WRITTEN_KEPT {
            self.written.remove(0);
        }
        self.written.push(renew_time);
        self.must_change_owner = false;
        self.send(sent, request, now, effects);
    }

    fn send(&mut self, sent: Sent, request: LeaseRequest, now: Now, effects: &mut Vec<LeaseEffect>) {
        let id = self.next_id;
        self.next_id += 1;
        self.in_flight = Some((id, sent, now.mono));
        effects.push(LeaseEffect::Send { id, request });
    }

    /// Whether the time has come; if not, the machine wakes up then.
    fn is_due(&mut self, at: Duration, now: Now) -> bool {
        let due = at <= now.mono;
        if !due {
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
        due
    }
}

impl Phase {
    fn look_again(self, now: Duration) -> Self {
        match self {
            Self::Foreign { lease, unchanged_since, .. } => Self::Foreign { lease, unchanged_since, look_at: now },
            other => other,
        }
    }
}

/// Whom a lease belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Ours,
    Free,
    Named,
    Unnamed,
}

impl Claim {
    fn of(lease: &ObservedLease, holder: &LeaseHolder) -> Self {
        match lease.instance.as_deref() {
            Some(instance) if instance == holder.instance => Self::Ours,
            Some("") => Self::Free,
            Some(_) => Self::Named,
            None if lease.renew_time.is_none() => Self::Free,
            None => Self::Unnamed,
        }
    }
}

impl ObservedLease {
    /// What changes when its holder renews it, or another one takes it.
    fn sign_of_life(&self) -> (Option<Timestamp>, Option<&str>, &str) {
        (self.renew_time, self.instance.as_deref(), &self.holder)
    }
}

#[cfg(test)]
mod tests;
