//! The Node object: what it should say, and how it is brought to say so.
//!
//! [`DesiredNode`] is made out of the provider's [`NodeShape`] and the agent's own [`AgentFacts`]; [`plan`] compares it with
//! the [`ObservedNode`] and gives the smallest patches that bring the two together. [`NodeMachine`] decides when they are
//! sent, [`PingMonitor`] whether the back end answers, and [`lease`] keeps the heartbeat, which depends on none of them
//! (invariant 7).

mod agent;
mod change;
mod conditions;
mod desired;
mod event;
mod failure;
mod health;
mod identity;
pub mod lease;
mod machine;
mod name;
mod notice;
mod observed;
mod owned;
mod pace;
mod plan;
mod shape;
mod version;

pub use agent::{AgentFacts, OutagePolicy, go_architecture};
pub use change::{ConditionChange, MetaChange, StatusChange};
pub use conditions::BACKEND_REACHABLE;
pub use desired::DesiredNode;
pub use event::{NodeEffect, NodeEvent, NodeRequest, NodeTiming, Registration};
pub use failure::ApiFailure;
pub use health::{BackendHealth, OutageReason, PingMonitor, PingOutcome, PingPolicy, PingStep};
pub use identity::Identity;
pub use machine::NodeMachine;
pub use name::{InvalidNodeName, NodeName};
pub use notice::NodeNotice;
pub use observed::{ObservedCondition, ObservedNode, ObservedTaint};
pub use owned::OwnedFields;
pub use plan::{NodePlan, Unrepairable, plan};
pub use shape::{NodeAddress, NodeCondition, NodeInfo, NodeShape, Taint};
pub use version::{InvalidVersion, KUBERNETES_VERSION, KubeletVersion};
