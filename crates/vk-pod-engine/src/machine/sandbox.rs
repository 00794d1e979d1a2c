//! [`SandboxRecord`]: the pod's sandbox, as the machine knows it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vk_core::{Error, Now};

use super::delay::Growing;
use super::effect::{Call, EffectId};
use super::{Effects, PodMachine, words};
use crate::runtime::{RuntimeSandbox, SandboxId};

/// The delay after a sandbox could not be made.
const FIRST_DELAY: Duration = Duration::from_secs(2);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// The pod's sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub(super) struct SandboxRecord {
    /// The one with the highest attempt.
    pub(super) newest: Option<RuntimeSandbox>,
    /// Number of the next one. Never falls.
    pub(super) next_attempt: u32,
    /// Sandboxes that a newer one has replaced.
    pub(super) superseded: Vec<SandboxId>,
    /// The pod's last known addresses: they stay in its status.
    pub(super) ips: Vec<IpAddr>,
    /// Making or stopping it is under way.
    pub(super) call: Option<EffectId>,
    /// The next try comes not before this time.
    pub(super) pause: Option<Duration>,
    pub(super) delay: Growing,
    /// Why there is none yet.
    pub(super) trouble: Option<String>,
    /// Lists from before this point of the sequence do not know the newest.
    pub(super) fence: u64,
    /// A call that may have made one got no answer: nothing is known before the next list.
    pub(super) doubtful: bool,
}

impl SandboxRecord {
    /// The sandbox, if containers can be started in it.
    pub(super) fn ready(&self) -> Option<&RuntimeSandbox> {
        self.newest.as_ref().filter(|sandbox| sandbox.running)
    }

    /// Whether there may be another one than is known.
    pub(super) fn is_unsettled(&self) -> bool {
        self.call.is_some() || self.doubtful
    }

    pub(super) fn set(&mut self, sandbox: RuntimeSandbox) {
        self.next_attempt = self.next_attempt.max(sandbox.attempt + 1);
        if !sandbox.ips.is_empty() {
            self.ips.clone_from(&sandbox.ips);
        }
        if sandbox.running {
            self.trouble = None;
            self.delay.reset();
        }
        self.newest = Some(sandbox);
    }

    /// A call failed: not again before a while has passed.
    fn hold(&mut self, now: Now) {
        self.pause = Some(now.mono.saturating_add(self.delay.next(FIRST_DELAY, LONGEST_DELAY)));
    }
}

impl PodMachine {
    /// Asks for a sandbox, unless that is under way or has just failed.
    pub(super) fn ensure_sandbox(&mut self, now: Now, effects: &mut Effects) {
        if self.sandbox.is_unsettled() || self.sandbox.pause.is_some_and(|until| now.mono < until) {
            return;
        }
        let attempt = self.sandbox.next_attempt;
        self.sandbox.call = Some(self.call(Call::EnsureSandbox { attempt }, effects));
    }

    /// Stops the sandbox, unless that is under way or has just failed.
    pub(super) fn stop_sandbox(&mut self, now: Now, effects: &mut Effects) {
        let Some(id) = self.sandbox.ready().map(|sandbox| sandbox.id.clone()) else { return };
        if self.sandbox.call.is_some() || self.sandbox.pause.is_some_and(|until| now.mono < until) {
            return;
        }
        self.sandbox.call = Some(self.call(Call::StopSandbox { id }, effects));
    }

    pub(super) fn sandbox_made(&mut self, result: Result<RuntimeSandbox, Error>, now: Now, effects: &mut Effects) {
        self.sandbox.call = None;
        self.sandbox.fence = self.sequence;
        match result {
            Ok(sandbox) => {
                self.sandbox.pause = None;
                self.sandbox.set(sandbox);
            }
            Err(error) => {
                self.listing.wanted = true;
                self.sandbox.hold(now);
                if words::is_unanswered(&error) {
                    self.sandbox.doubtful = true;
                } else {
                    let message = format!("Failed to create pod sandbox: {}", error.message);
                    self.record(words::warning(None, "FailedCreatePodSandBox", &message), effects);
                    self.sandbox.trouble = Some(message);
                }
            }
        }
    }

    pub(super) fn sandbox_stopped(&mut self, result: Result<(), Error>, now: Now) {
        self.sandbox.call = None;
        self.sandbox.fence = self.sequence;
        self.listing.wanted = true;
        match result {
            Ok(()) => {
                self.sandbox.pause = None;
                if let Some(sandbox) = &mut self.sandbox.newest {
                    sandbox.running = false;
                }
            }
            Err(_) => self.sandbox.hold(now),
        }
    }
}
