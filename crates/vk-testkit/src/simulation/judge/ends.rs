//! Whether the end of a pod was told, and told as it was.

use std::time::Duration;

use serde_json::Value;

use super::{Case, names_of};
use crate::backend::{Happening, Life};
use crate::simulation::facts::{container_statuses, text};

impl Case<'_> {
    pub(super) fn terminal_while_running(&self) -> Option<String> {
        let at = self.history.terminal.filter(|_| !self.history.ended_from_outside)?;
        let running = self.lives.iter().find(|life| life.runs_at(at) && !life.elsewhere)?;
        if self.is_untraceable_at(at) {
            return None;
        }
        Some(format!("at {at:?} it was told as ended while {} ran", names_of(running, at)))
    }

    pub(super) fn end_without_cause(&self) -> Option<String> {
        let at = self.history.terminal.filter(|_| !self.history.ended_from_outside)?;
        let was_over = |life: &Life| [&life.end, &life.gone].into_iter().flatten().any(|(since, _)| *since <= at);
        let has_cause = self.lives.iter().any(|life| was_over(life))
            || self.evidence.rejected.contains(self.uid)
            || self.history.deletion.is_some_and(|since| since <= at)
            || self.is_due_at(at);
        // Excused: nothing leads back to it; another incarnation of the back end may have had it; or the back end forgets, and
        // whoever was about to create it has died.
        let may_be_lost = self.is_untraceable_at(at)
            || self.evidence.instances_changed
            || (self.evidence.nature.forgets_after.is_some() && self.has_seen_an_agent_begin());
        (!has_cause && !may_be_lost).then(|| format!("at {at:?} it was told as ended, and nothing had ended it"))
    }

    fn has_seen_an_agent_begin(&self) -> bool {
        self.evidence.spans.iter().any(|span| span.began > self.history.created)
    }

    /// Only what ended by itself says for sure how it is to be called.
    pub(super) fn wrong_phase(&self) -> Option<String> {
        let at = self.history.terminal.filter(|at| !self.history.ended_from_outside && !self.is_due_at(*at))?;
        let [life] = self.lives[..] else { return None };
        let ended_by_itself = matches!(life.end, Some((end, Happening::Ended { .. })) if end <= at);
        if !ended_by_itself || !self.was_known_until(at) {
            return None;
        }
        let succeeded = |name: &str| {
            let last = life.runs.iter().rfind(|run| run.container == name);
            last.and_then(|run| run.ended).is_some_and(|end| end.exit_code == 0)
        };
        let mut regular = self.history.newest.items("/spec/containers").iter();
        let expected =
            if regular.all(|container| succeeded(text(container, "/name"))) { "Succeeded" } else { "Failed" };
        let told = self.history.phase();
        (told != expected).then(|| format!("it is told as {told}, and has {expected}"))
    }

    pub(super) fn wrong_exit_code(&self) -> Option<String> {
        let at = self.history.terminal.filter(|_| !self.history.ended_from_outside)?;
        if !self.was_known_until(at) {
            return None;
        }
        container_statuses(&self.history.newest).find_map(|status| {
            let name = text(status, "/name");
            let ended = self.runs().filter(|run| run.container == name).last()?.ended?;
            let told = status.pointer("/state/terminated/exitCode").and_then(Value::as_i64);
            let is_right = told == Some(i64::from(ended.exit_code));
            (!is_right).then(|| format!("container {name} ended with {}, and is told with {told:?}", ended.exit_code))
        })
    }

    /// Whether the back end could say of all its lives how they had ended when that was told: it had neither lost nor forgotten
    /// any, was no other one, and there was something that led back to it.
    fn was_known_until(&self, at: Duration) -> bool {
        let was_lost = |life: &Life| matches!(&life.gone, Some((gone, why)) if *gone <= at && !matches!(why, Happening::Released { .. }));
        !self.is_untraceable_at(at) && !self.lives.iter().any(|life| life.elsewhere || was_lost(life))
    }
}
