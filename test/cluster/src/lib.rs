//! Runs the real things that tests talk to: a Kubernetes control plane ([`ControlPlane`]) and a Docker engine
//! ([`DockerEngine`]), each private to its owner and on this machine alone.
//!
//! Both live in one directory and under one guard process, which ends every process and removes the directory when the
//! owner drops them, is interrupted or is killed. Both can be stopped, paused and started again part by part, for tests of
//! what happens during an outage.
//!
//! A test that only uses a cluster attaches to the one `cargo xtask test` started ([`Cluster::from_env`]); a test that breaks
//! the control plane starts its own ([`ControlPlane::start`]).

mod authority;
mod cache;
mod certificates;
mod clients;
mod cluster;
mod component;
mod control_plane;
mod deadline;
mod docker;
mod files;
mod go_module;
mod guard;
mod kubeconfig;
mod layout;
mod logs;
mod metrics_server;
mod packages;
mod ports;
mod process;
mod programs;
mod service_account;

pub use cache::cache_directory;
pub use certificates::{CertificateContent, ServingCertificate};
pub use clients::Clients;
pub use cluster::{CLUSTER_VARIABLE, Cluster};
pub use component::Component;
pub use control_plane::{ControlPlane, ControlPlaneOptions};
pub use docker::{DockerEngine, DockerOptions};
pub use guard::end;
pub use metrics_server::MetricsServer;
pub use packages::{Requirement, ensure_installed};
pub use programs::Programs;
