//! Parts of manifests.

use serde_json::{Value, json};

/// The image of every container: `cargo xtask e2e` has made it.
pub(crate) const IMAGE: &str = "busybox:test";

/// A shell command that runs until SIGTERM, and then ends at once with 0: the first process of a container ignores signals
/// that it does not handle.
pub(crate) const RUN_UNTIL_STOPPED: &str = "trap 'exit 0' TERM; sleep 100000 & wait $!";

/// A container that runs a shell script.
pub(crate) fn script(name: &str, script: &str) -> Value {
    json!({ "name": name, "image": IMAGE, "command": ["sh", "-c", script] })
}

/// A container that runs until it is stopped.
pub(crate) fn sleeper(name: &str) -> Value {
    script(name, RUN_UNTIL_STOPPED)
}
