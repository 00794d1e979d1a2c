//! Which incarnation of the back end has the pod, and what the others say of it.

use std::time::Duration;

use super::absorb::{REFUSED_CURVE, warning};
use super::effect::{Call, Effect};
use super::state::{BackendView, PodMachine};
use crate::identity::BackendInstance;
use crate::status::EndCause;
use crate::time::Now;

/// So long a pod that nobody has seen is waited for while another incarnation of the back end answers than the one that may
/// have taken it: as long as pods stay on a node that is unreachable.
const INSTANCE_PATIENCE: Duration = Duration::from_secs(300);

impl PodMachine {
    /// Takes "absent" for proved, unless another incarnation of the back end said it than the one that has the pod, or may
    /// have taken it (invariant 3).
    pub(super) fn believe_absence(&mut self, theirs: Option<BackendInstance>, now: Now) {
        self.status.changed();
        let ours = self.instance.as_ref().filter(|_| self.has_started()).or(self.offered_to.as_ref());
        if let Some(instance) = theirs.filter(|theirs| ours.is_some_and(|ours| ours != theirs)) {
            let since = match self.backend {
                BackendView::OtherInstance { since, .. } => since,
                _ => now.mono,
            };
            self.backend = BackendView::OtherInstance { instance, since };
        } else {
            self.offered_to = None;
            self.backend = BackendView::Absent;
        }
    }

    pub(super) fn remember_instance(&mut self, instance: Option<BackendInstance>) {
        if instance.is_some() && self.instance != instance {
            self.instance = instance;
            self.status.changed();
        }
    }

    /// The incarnation that may have taken the pod. While a create is under way its answer will tell more.
    pub(super) fn uncertain_instance(&self) -> Option<&BackendInstance> {
        let is_creating = matches!(self.calls.in_flight(), Some((_, Call::Create)));
        self.offered_to.as_ref().filter(|_| !is_creating)
    }

    /// A pod that was seen in an incarnation of the back end belongs to that one, however long it is away. One that may have
    /// been taken in its last moment, and that nobody has seen, is given up: started elsewhere it might run twice.
    pub(super) fn wait_for_our_instance(
        &mut self,
        other: &BackendInstance,
        since: Duration,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let given_up_at = (!self.has_been_seen()).then(|| since.saturating_add(INSTANCE_PATIENCE));
        if given_up_at.is_some_and(|at| now.mono >= at) {
            self.backend = BackendView::Absent;
            self.offered_to = None;
            if self.stop.is_none() && self.end.is_none() {
                let message = format!(
                    "the back end is another one ({other}) than the one that was asked to start this pod and never \
                     answered; it is not started a second time"
                );
                self.come_to_end(EndCause::Lost { message }, now);
            }
            return;
        }
        let message = format!(
            "the back end is another one ({other}) than the one that has this pod; waiting for it to come back"
        );
        if !self.has_been_seen() {
            self.waiting = Some(("CreateContainerError".to_owned(), message.clone()));
        }
        effects.push(warning("BackendInstanceChanged", message));
        self.calls.failed(now.mono, REFUSED_CURVE, self.salt());
        if let Some(at) = given_up_at.filter(|at| self.calls.due().is_some_and(|due| due > *at)) {
            self.calls.postponed(at);
        }
    }
}
