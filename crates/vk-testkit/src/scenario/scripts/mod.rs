//! What happens in each scenario.

#![allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]

mod api_trouble;
mod back_end_trouble;
mod end;
mod life;
mod node;

pub(super) use api_trouble::*;
pub(super) use back_end_trouble::*;
pub(super) use end::*;
pub(super) use life::*;
pub(super) use node::*;
