//! What may catch a mutant.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::future::BoxFuture;

use crate::boundary::{Boundary, Effects, Moment, play_behind};
use crate::interposer::Interposition;
use crate::scenario::{self, play};
use crate::simulation::{Rule, Schedule, run_behind};
use crate::world::{World, simulate_behind};

/// One way to look at an agent.
#[derive(Clone, Copy)]
pub enum Check {
    /// A scenario, played without a crash.
    Scenario(&'static str),
    /// A scenario, played with a crash at every effect.
    Crashes(&'static str),
    /// What every agent must do.
    Behaviour(&'static str, for<'a> fn(&'a World) -> BoxFuture<'a, ()>),
    /// Random schedules of these seeds: one of them catches it.
    Seeds(u64, u64),
    /// Random schedules of these seeds: one of them breaks this very rule.
    Breaks(Rule, u64, u64),
    /// A random schedule that is run twice gives the same run.
    Replay(u64),
}

impl Check {
    /// Looks at an agent with this between it and its surroundings.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn run(&self, interposition: &Interposition) -> Result<(), String> {
        match self {
            Self::Scenario(name) => play(named(name)?, interposition),
            Self::Crashes(name) => crash_everywhere(name, interposition),
            Self::Behaviour(_, behaviour) => behave(*behaviour, interposition),
            Self::Seeds(from, to) => simulate(*from..*to, interposition, |_| true),
            Self::Breaks(rule, from, to) => simulate(*from..*to, interposition, |broken| broken == *rule),
            Self::Replay(seed) => replay(*seed, interposition),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scenario(name) => write!(f, "scenario {name}"),
            Self::Crashes(name) => write!(f, "crashes in {name}"),
            Self::Behaviour(name, _) => write!(f, "behaviour {name}"),
            Self::Seeds(from, to) => write!(f, "simulation, seeds {from} to {}", to.saturating_sub(1)),
            Self::Breaks(rule, from, to) => write!(f, "{rule:?} in seeds {from} to {}", to.saturating_sub(1)),
            Self::Replay(seed) => write!(f, "replay of seed {seed}"),
        }
    }
}

fn named(name: &str) -> Result<&'static scenario::Scenario, String> {
    scenario::find(name).ok_or_else(|| format!("there is no scenario {name}"))
}

fn crash_everywhere(name: &str, interposition: &Interposition) -> Result<(), String> {
    let scenario = named(name)?;
    let whole = play_behind(scenario, Effects::Writes, None, interposition);
    whole.verdict?;
    for effect in 0..whole.effects.len() {
        for moment in Moment::ALL {
            let boundary = Boundary { effect, moment };
            let crashed = play_behind(scenario, Effects::Writes, Some(boundary), interposition);
            crashed.verdict.map_err(|failure| format!("{boundary}: {failure}"))?;
        }
    }
    Ok(())
}

fn behave(behaviour: for<'a> fn(&'a World) -> BoxFuture<'a, ()>, interposition: &Interposition) -> Result<(), String> {
    let run = || simulate_behind(interposition, 1, |world, _server| async move { behaviour(&world).await });
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| scenario::said(&*panic))
}

fn simulate(seeds: Range<u64>, interposition: &Interposition, is_meant: impl Fn(Rule) -> bool) -> Result<(), String> {
    for seed in seeds {
        let outcome = run_behind(&Schedule::from_seed(seed), interposition);
        if let Some(violation) = outcome.violations.iter().find(|violation| is_meant(violation.rule)) {
            return Err(format!("seed {seed}: {violation}"));
        }
    }
    Ok(())
}

fn replay(seed: u64, interposition: &Interposition) -> Result<(), String> {
    let schedule = Schedule::from_seed(seed);
    let traces = [(); 2].map(|()| run_behind(&schedule, interposition).trace);
    if traces[0] == traces[1] { Ok(()) } else { Err("another run of the same seed".to_owned()) }
}
