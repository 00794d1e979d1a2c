//! Volumes: where their files are kept, and when they are renewed.

mod refresh;
mod store;

pub(crate) use refresh::refresh_delay;
pub use store::{EmptyDir, TerminationLogKey, VolumeKey, VolumeStore};
