//! The second ring: the unmodified controllers on the API server in process, on simulated time.

mod behaviour;
mod events;
mod simulation;
