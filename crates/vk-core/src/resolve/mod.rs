//! Resolution of what a pod refers to: environment, downward API, files of volumes.
//!
//! [`references`] says what has to be gathered, [`container_env`] and [`resolve_volume`] turn a pod and the gathered
//! [`ReferenceData`] into what a container gets, with the kubelet's semantics throughout.

mod data;
mod error;
mod late;
mod reference;

pub use data::{ConfigMapData, NodeFacts, SecretData, ServiceFacts, ServicePort};
pub use error::ResolveError;
pub use late::{LateField, LateFields, LatePart, LateValue};
pub use reference::{Data, Reference, ReferenceData, TokenRequest};
