//! A provider that runs nothing.
//!
//! Its pods are Running at once and stay so, unless annotations script something else: that is what makes it useful for
//! load tests, for tests of whatever watches pods, and for trying out a cluster. Pods are kept in a file of the state
//! directory, so they survive a restart of the agent.
//!
//! # Configuration
//! The Go project's JSON file, unchanged; see [`NodeConfig`]:
//! ```json
//! {"my-node": {"cpu": "20", "memory": "100Gi", "pods": "1000", "others": {"nvidia.com/gpu": "1"}, "providerID": "mock://1"}}
//! ```
//!
//! # Annotations
//! Each has the prefix `mock.virtual-kubelet.io/`. Durations are written as in `500ms` or `1m30s`. What concerns containers
//! is a plain value for all of `spec.containers`, a list as in `main=5s,setup=1s`, or JSON as in `{"main": "5s"}`; init
//! containers and sidecars are concerned only by name. An annotation that cannot be read refuses the pod.
//!
//! | annotation | value | what happens |
//! |---|---|---|
//! | `start-delay` | duration | the pod is `ContainerCreating` for so long |
//! | `provision-error` | error | the pod is accepted, and refused when it would start |
//! | `run-for` | duration, by container | each run ends after so long; unless given, it lasts until it is stopped |
//! | `exit-code` | 0 to 255, by container | … with this exit code; 0 unless given, 1 for a crash |
//! | `exit-reason` | CamelCase, by container | … and this reason, as in `OOMKilled` |
//! | `crash-loop` | `forever` or a number, by container | all, or so many, runs crash first, with `exit-code` and `exit-reason` |
//! | `crash-after` | duration, by container | … so long after their start; `1s` unless given |
//! | `stop-delay` | duration or `forever`, by container | takes so long to stop: exit code 0 within the grace, else 137 |
//! | `log` | text, by container (plain or JSON) | what is written; `{n}` is the line's number |
//! | `log-interval` | duration, by container | the lines are written one by one, for ever |
//! | `cpu` | quantity, by container | a run uses so many processors; `1m` unless given |
//! | `memory` | quantity, by container | … and so much memory; `8Mi` unless given |
//! | `lose-after` | duration | the back end forgets the pod |
//! | `disrupt-after` | duration | the platform ends the pod |
//! | `unreachable-after`, `unreachable-for` | duration | contact with the pod is lost, and comes back |
//! | `CALL-error` | error, numbered | the call fails |
//! | `CALL-hang` | duration or `forever`, numbered | the call takes so long |
//!
//! `CALL` is `create`, `terminate`, `remove`, `lookup` or `update`. Numbered values are written `unavailable@2`,
//! `unavailable@1-3` or several of them with commas between; without a number every call is meant. Errors are `invalid`,
//! `unsupported`, `unresolved`, `rejected`, `exhausted-pod`, `exhausted-node`, `conflict`, `outcome-unknown`,
//! `outcome-unknown-applied` (the call took effect all the same), `unavailable`, `unauthenticated` and `internal`.
//!
//! # Sessions
//! `exec` knows `echo WORDS`, `cat`, `exit CODE`, `sleep SECONDS` (or `infinity`) and `zeros BYTES`; `attach` hears what is
//! written to the log. A pod has an echo server on port 7 and an HTTP server on port 80; nothing listens on other ports.
//!
//! # Restarts
//! Containers are restarted as the pod's restart policy wants it, with the kubelet's back-off. The run after the last crash is
//! an ordinary one: it ends well after `run-for`, or lasts.

mod backend;
mod client;
mod config;
mod factory;
#[cfg(test)]
mod fixtures;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod logs;
mod port_forward;
mod provider;
mod script;
mod sessions;
mod stats;

pub use backend::MockBackend;
pub use config::NodeConfig;
pub use factory::MockFactory;
pub use provider::{MockProvider, NAME};
pub use script::ANNOTATION_PREFIX;

use vk_core::support::{SupportTable, TokenVolume};

/// All fields: nothing runs, so nothing is missed. The token volume is left out, or every mock pod would cost the API server
/// a token.
fn support() -> SupportTable {
    SupportTable::everything().with_token_volume(TokenVolume::Omit)
}
