//! Data types and pure decisions of a virtual kubelet.
//!
//! Nothing here does IO, waits, or reads a clock: time and randomness come in as arguments (invariant 13 of
//! `ARCHITECTURE.md`). Whatever decides about a pod or a node lives in this crate, so that it can be tested exhaustively.

// `status.declaredFeatures` and `observedGeneration` came with 1.35 (docs/adr/0003).
k8s_openapi::k8s_if_le_1_34! {
    compile_error!("virtual-kubelet needs k8s-openapi with the feature v1_35 or newer");
}

pub mod admission;
pub mod backoff;
pub mod correlation;
pub mod create_gate;
pub mod error;
pub mod identity;
pub mod machine;
pub mod node;
pub mod observation;
pub mod orphan;
pub mod poll;
pub mod quantity;
pub mod record;
pub mod resolve;
pub mod resolved;
pub mod status;
pub mod support;
pub mod time;

pub use error::{Error, ErrorKind, ExhaustionScope, Result, Retry};
pub use identity::{BackendInstance, ClusterId, Handle, PodKey, PodUid};
pub use observation::{
    BackendEvent, ContainerKind, ContainerObservation, ContainerState, EventType, GivenResources, PodObservation,
    Stage, Terminated,
};
pub use resolved::{RawPod, ResolvedPod, Target};
pub use time::Now;
