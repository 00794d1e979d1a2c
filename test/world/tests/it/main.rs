//! The second ring: the unmodified controllers on the API server in process, on simulated time.

mod agent;
mod behaviour;
mod boundaries;
mod cluster_behaviour;
mod daemon_sets;
mod defects;
mod events;
mod mutants;
mod orphans;
mod repository;
mod simulation;
mod two_agents;
