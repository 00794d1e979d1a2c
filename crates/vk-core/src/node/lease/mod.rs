//! The node lease: the heartbeat, and the proof that only one agent speaks for a node.
//!
//! A Lease in `kube-node-lease` tells the control plane that the node is alive (KEP-589). An annotation in it names the
//! instance of the agent that renews it, so that a second agent with the same node name is noticed: see [`LeaseMachine`].

mod conflict;
mod event;
mod machine;
mod object;

pub use conflict::LeaseConflict;
pub use event::{LeaseEffect, LeaseEvent, LeaseNotice, LeaseRequest, LeaseState, LeaseTiming};
pub use machine::LeaseMachine;
pub use object::{HOST_ANNOTATION, INSTANCE_ANNOTATION, LeaseHolder, NAMESPACE, ObservedLease};
