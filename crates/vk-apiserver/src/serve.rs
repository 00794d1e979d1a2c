//! The server on a real socket, with TLS, for people's clients: for development, tests and a single machine. Production
//! runs on real Kubernetes.

#![expect(
    clippy::disallowed_types,
    reason = "sockets live here and nowhere else in this crate; simulations are built without the feature"
)]

mod authentication;
mod authority;
mod connection;
mod gateway;
mod listener;
mod relay;

pub use authority::{Authority, AuthorityError, KeyPairPem, ServerNames};
pub use listener::{Listening, ServeError};
