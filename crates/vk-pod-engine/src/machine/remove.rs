//! Removing: every run, then the files, then the sandboxes, and proof that nothing is left.

use std::time::Duration;

use vk_core::{Error, Now};

use super::effect::{Call, Effect};
use super::{Effects, Goal, PodMachine, Removal};

/// A removal that failed is tried again after this time.
const REMOVE_AGAIN: Duration = Duration::from_secs(10);

impl PodMachine {
    /// Brings the pod one step nearer to nothing of it being left.
    pub(super) fn remove(&mut self, removal: Removal, now: Now, effects: &mut Effects) {
        self.give_up_starts(effects);
        let starting =
            self.containers.iter().any(|record| record.is_starting() || record.doubtful) || self.sandbox.is_unsettled();
        if starting || self.cleanup_pause.is_some_and(|until| now.mono < until) {
            return;
        }
        let containers = self.containers.iter().flat_map(|record| {
            let newest = record.run.as_ref().and_then(|run| run.id.as_ref());
            record
                .superseded
                .iter()
                .chain(&record.previous_id)
                .chain(newest)
                .map(|id| Call::RemoveContainer { id: id.clone() })
        });
        let mut calls: Vec<Call> = containers.collect();
        if calls.is_empty() {
            let newest = self.sandbox.newest.as_ref().map(|sandbox| &sandbox.id);
            let sandboxes = self.sandbox.superseded.iter().chain(newest);
            calls.extend(sandboxes.map(|id| Call::RemoveSandbox { id: id.clone() }));
            if !calls.is_empty() && !removal.files_gone {
                // An agent that comes after this one finds the pod by its sandbox, and by that its files.
                self.goal = Goal::Remove(Removal::default());
                return self.release_volumes(effects);
            }
        }
        if calls.is_empty() {
            // A runtime may hide what it is just removing: that counts only once the removal has ended.
            if !self.calls.values().any(|under_way| under_way.call.removes()) {
                self.prove_removal(removal, effects);
            }
            return;
        }
        self.goal = Goal::Remove(Removal { proof: None, ..removal });
        for call in calls {
            if !self.is_under_way(&call) {
                self.call(call, effects);
            }
        }
    }

    /// Nothing is known to be left: a list from now on has to say so too, then the last files go.
    fn prove_removal(&mut self, removal: Removal, effects: &mut Effects) {
        match removal.proof {
            None => {
                self.goal = Goal::Remove(Removal { proof: Some(self.sequence), ..removal });
                self.listing.wanted = true;
            }
            Some(since) if self.listing.asked >= Some(since) => self.release_volumes(effects),
            Some(_) => {}
        }
    }

    fn release_volumes(&mut self, effects: &mut Effects) {
        if !self.is_under_way(&Call::ReleaseVolumes) {
            self.call(Call::ReleaseVolumes, effects);
        }
    }

    pub(super) fn removed(&mut self, call: &Call, result: Result<(), Error>, now: Now, effects: &mut Effects) {
        if let Err(error) = result {
            self.cleanup_pause = Some(now.mono.saturating_add(REMOVE_AGAIN));
            if let Goal::Remove(_) = self.goal {
                effects.push(Effect::RemoveFailed(error));
            }
            return;
        }
        match call {
            Call::RemoveContainer { id } => {
                for record in &mut self.containers {
                    record.superseded.retain(|known| known != id);
                    record.previous_id.take_if(|known| known == id);
                    if record.run.as_ref().is_some_and(|run| run.id.as_ref() == Some(id)) {
                        record.run = None;
                        record.fence = self.sequence;
                        self.listing.wanted = true;
                    }
                }
            }
            Call::RemoveSandbox { id } => {
                self.sandbox.superseded.retain(|known| known != id);
                if self.sandbox.newest.as_ref().is_some_and(|sandbox| sandbox.id == *id) {
                    self.sandbox.newest = None;
                }
            }
            Call::ReleaseVolumes => match self.goal {
                Goal::Remove(Removal { proof: Some(since), .. }) if self.listing.asked >= Some(since) => {
                    self.goal = Goal::Gone;
                    effects.push(Effect::Forget);
                }
                Goal::Remove(removal) => self.goal = Goal::Remove(Removal { files_gone: true, ..removal }),
                _ => {}
            },
            _ => {}
        }
        if let Goal::Remove(_) = self.goal {
            self.listing.wanted = true;
        }
    }
}
