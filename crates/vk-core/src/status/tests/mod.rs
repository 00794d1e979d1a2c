//! Tests of [`super::plan`] as a whole: against a server that merges what it is sent, as the real one does.

mod containers;
mod defects;
mod ended;
mod outcomes;
mod patches;
mod properties;
mod scenario;
mod server;
