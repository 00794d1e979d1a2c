//! What follows from the outcome of a call.

use std::time::Duration;

use vk_core::{Error, Now};

use super::container::Step;
use super::effect::{Call, Effect, EffectId};
use super::event::{Mark, Outcome};
use super::{Effects, Goal, PodMachine};
use crate::runtime::RuntimePod;

/// Delays after a list that failed.
const FIRST_LIST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_LIST_DELAY: Duration = Duration::from_secs(5);

impl PodMachine {
    /// Takes the outcome of a call. One that is not under way is ignored.
    pub(super) fn complete(&mut self, id: EffectId, outcome: Outcome, now: Now, effects: &mut Effects) {
        let Some(under_way) = self.calls.remove(&id) else { return };
        let call = under_way.call;
        if call.changes_runtime() {
            self.sequence += 1;
        }
        match (&call, outcome) {
            (Call::List { mark }, Outcome::Listed(result)) => {
                self.listing.call = None;
                let mark = *mark;
                self.listed(mark, result, now, effects);
            }
            (Call::EnsureSandbox { .. }, Outcome::Sandbox(result)) => self.sandbox_made(result, now, effects),
            (Call::StopSandbox { .. }, Outcome::Finished(result)) => self.sandbox_stopped(result, now),
            (Call::FindImage { .. }, Outcome::Found(result)) => {
                if let Some(index) = self.still_wanted(id) {
                    self.image_found(index, result, now, effects);
                }
            }
            (Call::PullImage { .. }, Outcome::Pulled(result)) => {
                if let Some(index) = self.still_wanted(id) {
                    self.image_pulled(index, result, now, effects);
                }
            }
            (Call::Create { .. }, Outcome::Created(result)) => {
                if let Some(index) = self.waiting_for(id) {
                    self.created(index, &call, result, now, effects);
                }
            }
            (Call::Start { .. }, Outcome::Finished(result)) => {
                if let Some(index) = self.waiting_for(id) {
                    self.started(index, result, now, effects);
                }
            }
            (Call::Signal { container, signal, .. }, Outcome::Finished(result)) => {
                let container = container.clone();
                self.signalled(&container, *signal, result.is_ok(), now);
            }
            (Call::Probe { container, kind, .. }, Outcome::Probed(result)) => {
                let (container, kind) = (container.clone(), *kind);
                self.probed(&container, kind, id, result, now, effects);
            }
            (Call::RunHook { container, hook, .. }, Outcome::Finished(result)) => {
                let (container, hook) = (container.clone(), *hook);
                self.hook_ended(&container, hook, id, result, now, effects);
            }
            (
                Call::RemoveContainer { .. } | Call::RemoveSandbox { .. } | Call::ReleaseVolumes,
                Outcome::Finished(result),
            ) => self.removed(&call, result, now, effects),
            // An outcome of another kind than the call: nothing is known of it, so the runtime is asked.
            _ => self.listing.wanted = true,
        }
    }

    /// The container that waits for this image, or `None` if nothing may be started any more: then it waits no longer.
    fn still_wanted(&mut self, id: EffectId) -> Option<usize> {
        let index = self.waiting_for(id)?;
        if self.wants_starts() {
            return Some(index);
        }
        self.containers[index].step = Step::Idle;
        None
    }

    fn listed(&mut self, mark: Mark, result: Result<RuntimePod, Error>, now: Now, effects: &mut Effects) {
        match result {
            Ok(pod) => {
                self.listing.failures = 0;
                self.take_list(mark, pod, now);
            }
            Err(error) => {
                if let Goal::Remove(_) = self.goal {
                    effects.push(Effect::RemoveFailed(error));
                }
                let factor = 1_u32.checked_shl(self.listing.failures).unwrap_or(u32::MAX);
                self.listing.failures = self.listing.failures.saturating_add(1).min(31);
                let delay = FIRST_LIST_DELAY.saturating_mul(factor).min(LONGEST_LIST_DELAY);
                self.listing.pause = Some(now.mono.saturating_add(delay));
                self.listing.wanted = true;
            }
        }
    }
}
