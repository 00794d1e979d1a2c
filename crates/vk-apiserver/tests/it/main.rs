//! The server as a real `kube` client sees it, on paused time and without a socket.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

mod controllers;
mod deletion;
mod determinism;
mod faults;
mod jobs;
mod lists;
mod nodes;
mod pods;
mod recorded;
mod support;
mod tokens;
mod watches;
