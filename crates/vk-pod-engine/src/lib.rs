//! Makes a pod-level provider out of a runtime that only runs containers.
