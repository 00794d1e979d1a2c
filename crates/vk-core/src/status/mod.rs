//! From observations to `PodStatus`, and from there to the smallest patch that brings the API to say so.

mod input;

pub use input::{EndCause, Phase, StatusInput, StatusPlan, Verdict};
