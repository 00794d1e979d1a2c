//! The IO shell of a virtual kubelet.
//!
//! Controllers here carry out what `vk-core` decides: they feed watch events, answers and timers to its pure functions and
//! turn the effects that come out into requests and provider calls. Wall time, randomness and the executor come in through
//! [`env::Env`] (invariant 13 of `ARCHITECTURE.md`), so that the same controllers run in simulation.

pub mod env;
pub mod events;
mod expiry;
mod fanout;
pub mod node;
pub mod pod;
pub mod references;
mod silence;
