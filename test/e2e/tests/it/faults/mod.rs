//! The faults of the simulation on the real thing: each scenario has a control plane and a Docker engine of its own, and
//! breaks something for minutes. `cargo xtask e2e faults` runs them one after the other; docs/reliability.md has their figures.
//!
//! What counts is seen from the containers' own side: each of them writes a line to a file of the host when it starts.

mod bad_connection;
mod churn;
mod dockerd_outage;
mod ground;
mod history;
mod kill_loop;
mod ledger;
mod outages;
mod partition;
mod proxy;
mod report;
mod restart;
mod settings;
mod starts;
mod user;
mod verdict;

pub(crate) use ledger::Ledger;
pub(crate) use verdict::{Row, Rule};
