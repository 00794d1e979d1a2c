//! Seeded schedules of user actions and faults, with the invariants checked at the end.
//!
//! A schedule is made from a seed, run on simulated time against the unmodified controllers, calmed, and then judged by
//! what the back end's ledger and the API server's history say happened. The same seed gives the same trace. A schedule
//! that breaks an invariant is shrunk to a short one, which can be written down and run again.

mod action;
mod agents;
mod draw;
mod facts;
mod judge;
mod run;
mod schedule;
mod shrink;
mod soak;
mod user;
mod violation;
mod weather;
mod witness;

pub use action::{Action, Containers, Instance, NAMES, Policy, Shape, Slot};
pub use run::{Outcome, run, run_behind};
pub use schedule::Schedule;
pub use shrink::shrink;
pub use soak::{Failure, Soak, Tally, soak};
pub use violation::{Rule, Violation};
pub use weather::{ApiFault, RequestKind};
pub use witness::Witness;
