//! The kubelet API over real TLS on loopback. The authorizer, the pods and the logs behind it are fakes; nothing else is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

mod authentication;
mod authorization;
mod certificates;
mod client;
mod connections;
mod container_logs;
mod kubelet;
mod pki;
mod pods_and_health;
mod port_forwards;
mod protocols;
mod remote_commands;
mod request_metrics;
mod run;
mod shutdown;
mod statistics;
mod tokens;
mod web_socket;
