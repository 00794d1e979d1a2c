//! Short scenarios: what users, the back end and others do to one or two pods, while an agent is kept running.
//!
//! Unlike a [`crate::behaviour`], a scenario does not care how often the agent dies on the way, and is judged in the end by
//! what the back end's ledger and the API server's history say. [`crate::boundary`] plays each of them with a crash at every
//! effect; [`crate::mutant`] plays some of them with agents that are wrong.

mod catalogue;
mod circumstance;
mod meter;
mod play;
mod scripts;
mod stage;

pub use catalogue::{CATALOGUE, find};
use futures::future::BoxFuture;
pub use play::play;
pub(crate) use play::{play_with_crashes, said};
pub use stage::Stage;

use crate::backend::Nature;
use crate::interposer::Interposition;

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What happens, in a few words.
    pub name: &'static str,
    /// What kind of back end there is.
    pub nature: fn() -> Nature,
    /// What else is odd about the surroundings.
    pub circumstances: fn() -> Interposition,
    /// What happens. It panics if what must come does not.
    pub script: for<'a> fn(&'a Stage) -> BoxFuture<'a, ()>,
    /// Whether a crash at every effect is tried: those that are about time-outs take too long for that.
    pub at_every_effect: bool,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
