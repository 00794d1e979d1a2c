//! The third ring: the program `virtual-kubelet`, started as a user starts it, against a real control plane, a real Docker
//! engine and the real `kubectl`. `cargo xtask e2e` starts what is needed and runs these tests.

#![cfg(test)]

#[macro_use]
mod stage;

mod agent_restart;
mod api_access;
mod api_server_outage;
mod attacks;
mod bad_pods;
mod bad_settings;
mod bare_provider;
mod behaviours;
mod certificates;
mod client_libraries;
mod container_ends;
mod debugging;
mod declared_features;
mod deletion;
mod development;
mod differential;
mod docker_outage;
mod fallback;
mod faults;
mod hang_ups;
mod images;
mod init_containers;
mod kubectl_in_process;
mod kubelet_metrics;
mod late_dependencies;
mod logs;
mod many_sessions;
mod metrics_server;
mod mock_provider;
mod node;
mod node_proxy;
mod permissions;
mod pod_environment;
mod pod_life;
mod port_forward;
mod probes;
mod prometheus;
mod sessions;
mod terminals;
mod volumes;
mod workloads;
