//! Seeded schedules of user actions and faults, with the invariants checked at the end.
//!
//! A schedule is made from a seed, run on simulated time against the unmodified controllers, calmed, and then judged by
//! what the back end's ledger and the API server's history say happened. The same seed gives the same trace.

mod action;
mod judge;
mod run;
mod weather;

pub use action::{Action, Schedule};
pub use judge::Violation;
pub use run::{Outcome, run};
