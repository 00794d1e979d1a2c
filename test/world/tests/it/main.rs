//! The second ring: the unmodified controllers on the API server in process, on simulated time.

mod agent;
mod behaviour;
mod daemon_sets;
mod defects;
mod events;
mod orphans;
mod simulation;
