//! The pod state machine: `step(event, now) -> effects`, without IO (`ARCHITECTURE.md`, "One pod's way").
//!
//! One machine a pod, by UID. It is fed what the API server shows, what the back end reports, the results of the effects it
//! asked for, and ticks; it answers with effects for a shell that holds no decision of its own. At most one provider call
//! and one API write are under way for a pod at any time.
//!
//! The rules are written as one level-triggered decision for each of the two lanes (`calls`, `writes`), taken anew after
//! every event from everything that is known, so that no order of events needs a path of its own.

mod absorb;
mod answer;
mod calls;
mod changes;
mod conclude;
mod effect;
mod event;
mod instance;
mod lane;
mod occupancy;
mod policy;
mod state;
mod wake;
mod writes;

pub use answer::Refusal;
pub use effect::{Call, Changes, Effect, EffectId, Write};
pub use event::{CallOutcome, Created, Event, LookedUp, Updated, WriteOutcome};
pub use occupancy::Occupancy;
pub use policy::{BackendPolicy, Release};
pub use state::{ApiSide, BackendView, PodMachine, StatusBasis};

#[cfg(test)]
mod tests;
