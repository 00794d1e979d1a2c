//! The server as a real `kube` client sees it, on paused time and without a socket.

mod deletion;
mod determinism;
mod faults;
mod lists;
mod nodes;
mod pods;
mod support;
mod tokens;
mod watches;
