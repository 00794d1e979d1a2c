//! The real programs, run as tests run them: they work, can be broken, and leave nothing behind.

#![cfg(test)]
mod control_plane;
mod docker_engine;
mod killed_owner;
mod traces;
