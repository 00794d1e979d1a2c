//! Runs pods in Docker.
