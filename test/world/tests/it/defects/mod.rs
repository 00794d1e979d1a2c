//! Every known defect of the Go project and its providers, reproduced: `docs/defects.md` is the table.
//!
//! Here are those that need faults of the API server, its controllers, or hours of time. Those that a real control plane
//! can show too are behaviours of `vk-testkit`; those of one decision are unit tests where it is taken.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

mod cluster;
mod ending;
mod identity;
mod node;
mod outage;
mod references;
mod restart;
mod retries;
mod status;
mod table;
