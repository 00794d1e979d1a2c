//! Resolution of what a pod refers to: environment, downward API, files of volumes.

mod data;

pub use data::{ConfigMapData, NodeFacts, SecretData, ServiceFacts, ServicePort};
