//! When the machine wants to be told that time has passed.

use std::time::Duration;

use super::calls::OVERDUE;
use super::effect::Call;
use super::state::{BackendView, Farewell, PodMachine};
use crate::time::Now;

impl PodMachine {
    /// The next moment, on the monotonic clock, at which a tick would change anything.
    pub fn wake_at(&self, now: Now) -> Option<Duration> {
        if self.farewell != Farewell::NotYet {
            return self.wanted_write().and_then(|(_, due)| self.writes.due().map(|free| free.max(due)));
        }
        let call = self.wanted_call(now.mono).and_then(|_| self.calls.due());
        let write = self.wanted_write().and_then(|(_, due)| self.writes.due().map(|free| free.max(due)));
        [call, write, self.overdue(), self.deadline(now), self.release(), self.end_of_adoption(now)]
            .into_iter()
            .flatten()
            .min()
    }

    /// When a pod that was told to stop, and has not, is asked about.
    fn overdue(&self) -> Option<Duration> {
        let BackendView::Present(observation) = &self.backend else { return None };
        let stop = self.stop.as_ref()?;
        let awaited = !self.has_settled(observation) && !matches!(self.calls.in_flight(), Some((_, Call::Lookup)));
        let at = stop.told?.max(stop.deadline) + OVERDUE;
        awaited.then(|| self.calls.due().map(|free| free.max(at))).flatten()
    }

    /// When an adoption that is under way holds up the stop for too long.
    fn end_of_adoption(&self, now: Now) -> Option<Duration> {
        let is_adopting = matches!(self.calls.in_flight(), Some((_, Call::Adopt)));
        self.adopts_until().filter(|until| is_adopting && *until > now.mono)
    }

    /// When what the back end keeps of an ended pod is to be released.
    fn release(&self) -> Option<Duration> {
        let BackendView::Present(observation) = &self.backend else { return None };
        let at = self.release_at()?;
        let awaited = self.in_api().is_some_and(|facts| facts.deletion.is_none())
            && self.has_settled(observation)
            && self.terminal_status_is_acknowledged();
        awaited.then(|| self.calls.due().map(|free| free.max(at))).flatten()
    }

    /// When `activeDeadlineSeconds` is over.
    fn deadline(&self, now: Now) -> Option<Duration> {
        if self.stop.is_some() || self.end.is_some() {
            return None;
        }
        let (due, _) = self.active_deadline()?;
        let left = Duration::try_from(due.duration_since(now.wall)).unwrap_or(Duration::ZERO);
        Some(now.mono + left)
    }
}
