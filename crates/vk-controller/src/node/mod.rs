//! The Node object and its lease, kept as the provider describes them.
//!
//! Two parts that do not wait for each other (invariant 7):
//!
//! * [`LeaseKeeper`] renews the lease on a runtime and over a connection of its own. It starts first, and tells whether the
//!   node is ours.
//! * [`NodeController`] registers the Node, watches it, repairs it, and brings it back when it was deleted. It asks the
//!   provider for the node's shape and whether the back end answers; a provider that hangs becomes a condition.
//!
//! What they do is decided in [`vk_core::node`]; here requests are sent and answers carried back.

mod answer;
mod client_source;
mod controller;
mod lease_keeper;
mod own_watch;
mod ping;
mod registration;
mod shape;
mod status;

pub use client_source::{ClientSource, SharedClient};
pub use controller::{NodeController, NodeSettings};
pub use lease_keeper::{LeaseHandle, LeaseKeeper, LeaseReport};
pub use status::{NodeHandle, NodeStatus};

#[cfg(test)]
mod tests;
