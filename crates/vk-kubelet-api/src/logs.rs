//! Container logs: what was asked for, whether there can be any, and how they are cut and written.

mod availability;
mod follow;
mod options;
mod output;
pub(crate) mod snapshot;

pub(crate) use availability::why_unavailable;
pub(crate) use follow::LogFollower;
pub(crate) use options::LogOptions;
pub(crate) use output::LogOutput;
pub(crate) use snapshot::Cut;
