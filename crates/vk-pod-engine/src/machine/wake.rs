//! Timers, as data.

use std::time::Duration;

use vk_core::Now;

use super::container::Step;
use super::{Effects, Goal, PodMachine, words};

/// While something is expected to change, the runtime is asked this often, should its hints be lost.
const POLL: Duration = Duration::from_secs(2);

impl PodMachine {
    /// When the machine wants to be woken with [`super::Event::Tick`], on the monotonic clock.
    pub fn wakeup(&self, now: Now) -> Option<Duration> {
        let mut times: Vec<Duration> = Vec::new();
        for record in &self.containers {
            if let Step::Paused { until, .. } = record.step {
                times.push(until);
            }
            times.extend(record.notice.as_ref().and_then(|notice| notice.later.as_ref()).map(|later| later.at));
            if self.is_probed(record) {
                times.extend(self.next_probe(record));
            }
            if let Some(stopping) = &record.stopping {
                times.push(stopping.deadline);
                times.extend(stopping.again);
            }
        }
        if !self.is_quiet() {
            if let Goal::Stop { deadline } = self.goal {
                times.push(deadline);
            }
            times.extend(self.winding_down);
        }
        times.extend(self.listing.pause);
        times.extend(self.sandbox.pause);
        times.extend(self.cleanup_pause);
        times.extend(self.poll_at);
        // What was due has been looked at by the step that came before.
        times.into_iter().filter(|time| *time > now.mono).min()
    }

    /// Asks the runtime again from time to time while something is expected to end.
    pub(super) fn poll(&mut self, now: Now) {
        let stopping = self.containers.iter().any(|record| record.stopping.is_some());
        let ending = !matches!(self.goal, Goal::Run | Goal::Observe) || self.winding_down.is_some();
        if !stopping && (!ending || self.is_quiet()) {
            self.poll_at = None;
            return;
        }
        match self.poll_at {
            Some(at) if now.mono < at => {}
            due => {
                self.listing.wanted |= due.is_some();
                self.poll_at = Some(now.mono.saturating_add(POLL));
            }
        }
    }

    /// Turns what is shown of waiting containers into what it becomes after a while.
    pub(super) fn turn_notices(&mut self, now: Now, effects: &mut Effects) {
        for index in 0..self.containers.len() {
            let record = &mut self.containers[index];
            let Some(notice) = &mut record.notice else { continue };
            let Some(later) = notice.later.take_if(|later| later.at <= now.mono) else { continue };
            notice.reason = later.reason;
            notice.message = later.message;
            if notice.reason == "ImagePullBackOff" && self.wants_starts() {
                let record = &self.containers[index];
                let image = self.plan_of(record).map(|plan| plan.image.clone()).unwrap_or_default();
                let name = record.name.clone();
                let message = format!("Back-off pulling image {image:?}");
                self.record(words::normal(&name, "BackOff", &message), effects);
                self.record(words::warning(Some(&name), "Failed", "Error: ImagePullBackOff"), effects);
            }
        }
    }
}
