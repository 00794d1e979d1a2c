//! Volumes: where their files are kept.

mod store;

pub use store::{EmptyDir, TerminationLogKey, VolumeKey, VolumeStore};
