//! The contract between a virtual kubelet and the back end that runs its pods.
//!
//! A back end that takes whole pods implements [`Provider`]; one that only runs containers implements the
//! `ContainerRuntime` of `vk-pod-engine` and gets a `Provider` made out of it. Neither sees the Kubernetes API: what they
//! need from it comes through [`PodContext`].
//!
//! The rules that hold for every method:
//!
//! * Pods are told apart by UID and nothing else. Namespace and name are for messages.
//! * Calls are idempotent and return on acceptance; what became of them is told by observations.
//! * A provider reports what it observes. Phases, conditions and readiness are computed by the core.
//! * A provider does not retry. It says what kind of failure it was ([`Error`]), and the core decides.
//! * A future may be dropped at any await; cancellation tokens are cancelled first.

pub mod context;
pub mod description;
pub mod erased;
pub mod factory;
pub mod interfaces;
pub mod layer;
pub mod node;
pub mod probes;
pub mod provider;
pub mod sink;
pub mod stats;
pub mod streams;
pub mod update;

pub use context::{ClusterData, ConfigMapData, Data, DataRef, EventSink, PodContext, SecretData, TokenRequest};
pub use description::{Description, Observe, PollPolicy, Recovery, Retention};
pub use erased::{BoxNodeProvider, BoxProvider};
pub use factory::{ConfigDocument, NodeContext, ProviderFactory};
pub use interfaces::{
    Attach, AttachRequest, Exec, ExecRequest, Interfaces, LogReply, LogRequest, LogStream, Logs, PortForward,
    PortForwardRequest,
};
pub use layer::LayeredProvider;
pub use node::{NaiveNodeProvider, NodeAddress, NodeCondition, NodeProvider, NodeShape, NodeSink, Taint};
pub use probes::{ProbeCounts, ProbeType, Probes};
pub use provider::{
    Accepted, Adopt, Create, Listing, LookupReply, PageToken, Provider, Terminate, Terminating, Update, Updated,
};
pub use sink::{ObservationReceiver, ObservationSink};
pub use stats::{
    ContainerStats, CpuStats, FilesystemStats, InterfaceStats, MemoryStats, NetworkStats, NodeStats, PodStats, Stats,
    StatsReply, StatsRequest,
};
pub use streams::{BoxDuplex, Duplex, Exit, Streams, TerminalSize};
pub use update::{Answer, PodChange};
pub use vk_core::error::{Error, ErrorKind, ExhaustionScope, Result, Retry};
