//! A world for tests of virtual kubelets.
//!
//! * [`backend`]: a back end in memory whose every method can fail, hang or forget, with a ledger of what really ran;
//! * [`world`]: an API server, a back end, and agents that can be started, stopped and killed;
//! * [`behaviour`]: what every agent must do, written once and run both on the API server in process and on a real one;
//! * [`cluster_behaviour`]: what the controllers of a cluster do, without any agent, for the same two;
//! * [`interposer`]: what can be put between an agent and its surroundings, to crash it or to make it wrong;
//! * [`scenario`]: short scenarios, judged as schedules are; [`boundary`]: with a crash at every effect; [`mutant`]: with
//!   agents that are wrong;
//! * [`simulation`]: seeded schedules of user actions and faults, with the invariants checked at the end.

pub mod backend;
pub mod behaviour;
pub mod boundary;
pub mod cluster_behaviour;
pub mod interposer;
pub mod mutant;
pub mod scenario;
pub mod simulation;
pub mod world;

pub use backend::{Backend, Fault, Method};
pub use world::{AgentInstance, Ring, World};
