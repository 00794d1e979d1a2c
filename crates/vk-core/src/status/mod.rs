//! From observations to `PodStatus`, and from there to the smallest patch that brings the API to say so.

mod ended;
mod input;
mod restart;

pub use ended::{ExpectedContainer, ended};
pub use input::{EndCause, Phase, StatusInput, StatusPlan, Verdict};
pub use restart::ContainerRestart;
