//! What happens in a schedule.

use std::fmt;
use std::time::Duration;

use virtual_kubelet::controller::env::Random;

use crate::backend::Method;

/// One thing that a user, the world or fate does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A pod is created under the name of this number, if there is none.
    Create {
        /// Which name.
        pod: usize,
        /// Its restart policy is Never; else Always.
        once: bool,
    },
    /// It is deleted, with its grace period.
    Delete(usize),
    /// It is deleted with this grace period in seconds.
    DeleteWithin(usize, u32),
    /// Its containers end by themselves.
    Exit(usize, i32),
    /// Its back-end object vanishes.
    Lose(usize),
    /// Somebody edits its labels.
    Label(usize),
    /// Somebody writes Ready=False into its status.
    Unready(usize),
    /// A provider call goes wrong.
    ProviderFault(Method, ProviderFault),
    /// So many API requests in a hundred go wrong from now on.
    Weather(u32),
    /// The API server restarts.
    RestartServer,
    /// The API server forgets its history: watches have to list anew.
    Compact,
    /// The agent is killed, and started again after this long.
    Crash(Duration),
}

/// How a provider call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderFault {
    /// It answers that the back end is away.
    Unavailable,
    /// It takes effect, and the answer is lost.
    LoseReply,
    /// It takes this many milliseconds.
    Delay(u64),
    /// It panics.
    Panic,
}

/// A schedule: what happens, and how long after what happened before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Decides every random number in the run.
    pub seed: u64,
    /// The actions in order.
    pub steps: Vec<(Duration, Action)>,
}

/// So many names are used: few, so that names come again.
pub(super) const NAMES: usize = 5;

impl Schedule {
    /// The schedule that this seed makes: some thirty actions, one of them a crash.
    pub fn from_seed(seed: u64) -> Self {
        let random = Random::seeded(seed ^ 0x5eed);
        let length = 20 + below(&random, 20);
        let mut steps: Vec<_> = (0..length).map(|_| (pause(&random), action(&random))).collect();
        let crash = Action::Crash(Duration::from_millis(below(&random, 20_000) as u64));
        steps.insert(below(&random, steps.len()), (pause(&random), crash));
        Self { seed, steps }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for (pause, action) in &self.steps {
            writeln!(f, "  after {pause:?}: {action:?}")?;
        }
        Ok(())
    }
}

fn below(random: &Random, bound: usize) -> usize {
    usize::try_from(random.next_u64() % bound.max(1) as u64).unwrap_or(0)
}

/// Mostly short, so that things overlap; sometimes long, so that they end.
fn pause(random: &Random) -> Duration {
    match below(random, 10) {
        0 => Duration::from_secs(below(random, 40) as u64),
        1 | 2 => Duration::from_millis(below(random, 3000) as u64),
        _ => Duration::from_millis(below(random, 60) as u64),
    }
}

fn action(random: &Random) -> Action {
    let pod = below(random, NAMES);
    match below(random, 24) {
        0..=7 => Action::Create { pod, once: below(random, 2) == 0 },
        8..=10 => Action::Delete(pod),
        11 => Action::DeleteWithin(pod, 0),
        12 => Action::DeleteWithin(pod, 1 + below(random, 5) as u32),
        13 | 14 => Action::Exit(pod, below(random, 3) as i32),
        15 => Action::Lose(pod),
        16 => Action::Label(pod),
        17 => Action::Unready(pod),
        18..=20 => Action::ProviderFault(Method::ALL[below(random, Method::ALL.len())], provider_fault(random)),
        21 => Action::Weather(below(random, 60) as u32),
        22 => Action::RestartServer,
        _ => Action::Compact,
    }
}

fn provider_fault(random: &Random) -> ProviderFault {
    match below(random, 4) {
        0 => ProviderFault::Unavailable,
        1 => ProviderFault::LoseReply,
        2 => ProviderFault::Delay(below(random, 10_000) as u64),
        _ => ProviderFault::Panic,
    }
}
