//! Makes a pod-level provider out of a runtime that only runs containers.
//!
//! A back end implements [`ContainerRuntime`]; [`PodEngine`] supplies what a kubelet does above that line: the sandbox, init
//! containers and sidecars in their order, restarts with the kubelet's delays, image pulls, probes and hooks, graceful
//! stops, volumes of files, environment. All decisions about a pod are made by [`machine::PodMachine`], which does no IO.

mod engine;
mod env;
pub mod logs;
pub mod machine;
pub mod plan;
pub mod runtime;
mod translate;
pub mod volume;

pub use engine::{EngineConfig, PodEngine};
pub use env::EngineEnv;
pub use runtime::{ContainerRuntime, HintSink, RuntimeFeatures};
