//! Crashes at every effect: an agent is killed exactly before an effect is applied, exactly after, or once it has seen the
//! reply, and has to come back to a right end from there.
//!
//! An effect is a request to the API server that writes, or a provider call that changes something. They are numbered in
//! the order in which the agent asks for them; simulated time makes that the same in every run. Where the agent only reads
//! ([`Effects::Reads`]), a crash says less, but costs little.

mod gate;
mod provider;

use std::fmt;
use std::sync::Arc;

use gate::Gate;

use crate::interposer::Interposition;
use crate::scenario::{Scenario, play_with_crashes};

/// When, around an effect, the agent dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Before it is applied.
    Before,
    /// It is applied, and the reply is not seen.
    Applied,
    /// The reply was seen and thought about, and nothing further was done.
    Replied,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Before, Self::Applied, Self::Replied];
}

/// Which effects are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effects {
    /// What changes something.
    Writes,
    /// What only asks: lists, beginnings of watches, lookups.
    Reads,
}

/// Where the agent dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// At which effect, from 0.
    pub effect: usize,
    /// When around it.
    pub moment: Moment,
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = match self.moment {
            Moment::Before => "before",
            Moment::Applied => "applied, without a reply:",
            Moment::Replied => "after the reply to",
        };
        write!(f, "{when} effect {}", self.effect)
    }
}

/// What became of one run.
#[derive(Debug, Clone)]
pub struct Crashed {
    /// The effects that were counted, by what they are.
    pub effects: Vec<String>,
    /// Whether the agent died where it should.
    pub died: bool,
    /// What went wrong.
    pub verdict: Result<(), String>,
}

/// Plays a scenario in which the agent dies there; `None` only counts the effects.
pub fn play(scenario: &Scenario, kind: Effects, boundary: Option<Boundary>) -> Crashed {
    play_behind(scenario, kind, boundary, &Interposition::none())
}

/// The same, with this between the agent and its surroundings.
pub fn play_behind(
    scenario: &Scenario,
    kind: Effects,
    boundary: Option<Boundary>,
    interposition: &Interposition,
) -> Crashed {
    let gate = Arc::new(Gate::new(kind, boundary));
    let (to_api, to_back_end) = (gate.clone(), gate.clone());
    let gates = Interposition::none()
        .with_api(move || to_api.guard_api())
        .with_provider(move |inner| provider::guard(inner, to_back_end.process()));
    let verdict = play_with_crashes(scenario, &interposition.clone().within(gates), gate.crashes(), &|| gate.close());
    Crashed { effects: gate.effects(), died: gate.has_struck(), verdict }
}
