//! Sessions from end to end, with clients made of the protocols' own parts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod over_spdy;
mod over_web_socket;
mod port_forward;
