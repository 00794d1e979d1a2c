//! Clients that others have written.

use std::sync::OnceLock;

use test_cluster::Clients;

/// Tells kubectl whether `exec`, `attach` and `cp` try a WebSocket before SPDY.
pub(crate) const WEB_SOCKETS_OF_COMMANDS: &str = "KUBECTL_REMOTE_COMMAND_WEBSOCKETS";

/// `cargo xtask e2e` has built them.
pub(crate) fn clients() -> &'static Clients {
    static CLIENTS: OnceLock<Clients> = OnceLock::new();
    CLIENTS.get_or_init(|| Clients::build().unwrap())
}
