//! The multiplexer, both sides of which are ours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod abuse;
mod back_pressure;
mod ends;
mod flow_control;
mod interoperability;
mod pair;
mod patience;
mod streams;
