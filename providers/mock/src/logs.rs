//! Container logs. They are computed from the script and the times of a run, so they cost no memory.

mod interface;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use vk_core::{Error, Result};

use crate::backend::{Pod, Run, WhichRun, after};

pub(crate) use interface::MockLogs;

/// The log of one run of a container, as far as it depends on anything but time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogRun {
    /// Restarts before this run.
    pub(crate) number: u32,
    pub(crate) started_at: Timestamp,
    /// When the run ended, if it did.
    pub(crate) finished_at: Option<Timestamp>,
    /// The lines that are written.
    text: Vec<String>,
    /// Time between two lines; without it, all are written when the run starts.
    interval: Option<Duration>,
}

impl LogRun {
    /// Finds the run of a container in the pod.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Unresolved`] if there is no such pod, container or run.
    pub(crate) fn find(pod: Option<&Pod>, container: &str, which: WhichRun) -> Result<Self> {
        let missing = |what: String, why: &str| Error::unresolved(what, why);
        let pod = pod.ok_or_else(|| missing("the pod".to_owned(), "the mock back end does not hold this pod"))?;
        let found = pod.containers.iter().find(|known| known.name == container);
        let found = found.ok_or_else(|| {
            missing(format!("container {container:?}"), &format!("pod {} has no such container", pod.key))
        })?;
        let newest = match &found.run {
            Run::Pending => None,
            Run::Running { started_at, .. } => Some((found.restarts, *started_at, None)),
            Run::BackOff { ended, .. } | Run::Ended(ended) => {
                ended.started_at.map(|started_at| (found.restarts, started_at, ended.finished_at))
            }
        };
        let before = found.last.as_ref().and_then(|last| {
            last.started_at.map(|started_at| (found.restarts.saturating_sub(1), started_at, last.finished_at))
        });
        let wanted = match which {
            WhichRun::Newest => newest,
            // As with a kubelet, the run that ended last counts as the previous one while the next has not begun.
            WhichRun::Previous if matches!(found.run, Run::BackOff { .. }) => newest,
            WhichRun::Previous => before,
            WhichRun::Number(number) => [newest, before].into_iter().flatten().find(|run| run.0 == number),
        };
        let (number, started_at, finished_at) = wanted.ok_or_else(|| match which {
            WhichRun::Newest => missing(format!("container {container:?}"), "the container has not started yet"),
            _ => missing(
                format!("an earlier run of container {container:?}"),
                &format!("previous terminated container {container:?} in pod {} not found", pod.key),
            ),
        })?;
        let script = pod.script().container(container);
        let text = match script.and_then(|script| script.log.as_deref()) {
            Some(text) => text.lines().map(str::to_owned).collect(),
            None => vec![format!("mock container {container} of pod {} runs (run {})", pod.key, number + 1)],
        };
        let interval = script.and_then(|script| script.log_interval);
        Ok(Self { number, started_at, finished_at, text, interval })
    }

    /// How many lines have been written at this moment.
    pub(crate) fn count(&self, now: Timestamp) -> u64 {
        let until = self.finished_at.map_or(now, |finished_at| finished_at.min(now));
        let Ok(elapsed) = Duration::try_from(until.duration_since(self.started_at)) else { return 0 };
        match self.interval {
            _ if self.text.is_empty() => 0,
            None => self.text.len() as u64,
            Some(interval) => u64::try_from(elapsed.as_nanos() / interval.as_nanos()).unwrap_or(u64::MAX - 1) + 1,
        }
    }

    /// When a line is written; the first has number 0. `None` if it never is.
    pub(crate) fn written_at(&self, line: u64) -> Option<Timestamp> {
        match self.interval {
            None => (line < self.text.len() as u64).then_some(self.started_at),
            Some(_) if self.text.is_empty() => None,
            Some(interval) => Some(after(self.started_at, times(interval, line))),
        }
    }

    /// The first line written at this moment or later.
    pub(crate) fn first_since(&self, since: Timestamp) -> u64 {
        let Ok(elapsed) = Duration::try_from(since.duration_since(self.started_at)) else { return 0 };
        match self.interval {
            None if elapsed.is_zero() => 0,
            None => self.text.len() as u64,
            Some(interval) => u64::try_from(elapsed.as_nanos().div_ceil(interval.as_nanos())).unwrap_or(u64::MAX),
        }
    }

    /// The bytes of one line. `{n}` in the text is the line's number, counted from 1.
    pub(crate) fn line(&self, line: u64, timestamps: bool) -> String {
        let index = usize::try_from(line % (self.text.len().max(1) as u64)).unwrap_or(0);
        let text = self.text.get(index).map_or("", String::as_str).replace("{n}", &(line + 1).to_string());
        match self.written_at(line).filter(|_| timestamps) {
            Some(at) => format!("{at:.9} {text}\n"),
            None => format!("{text}\n"),
        }
    }
}

fn times(interval: Duration, count: u64) -> Duration {
    let nanos = interval.as_nanos().saturating_mul(u128::from(count));
    u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
}
