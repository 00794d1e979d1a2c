//! `kubectl exec`, `attach` and `port-forward` as a kubelet serves them: the streaming protocols of Kubernetes, over SPDY/3.1 and over
//! WebSocket. No HTTP server, no pods: what is upgraded comes from outside, and what is run too.
//!
//! 1. [`Upgrade::remote_command`] or [`Upgrade::port_forward`] looks at a request and agrees on a transport and a protocol,
//!    or says why not.
//! 2. The caller answers with [`Upgrade::response`] and gets the connection's bytes.
//! 3. [`remote_command::serve`] gives the handler its stdin, stdout, stderr and terminal sizes, and tells the client how the
//!    command ended. A client that goes takes its handler with it. [`port_forward::serve`] joins the client's connections to
//!    those that its caller makes.
//!
//! Sources: `k8s.io/apimachinery` and `k8s.io/kubelet` at 1.36 (`remotecommand`, `portforward`, `httpstream`, `wsstream`), KEP-4006.

mod outcome;
pub mod port_forward;
pub mod remote_command;
mod settings;
mod upgrade;
mod web_socket;

pub use outcome::Outcome;
pub use settings::Settings;
pub use upgrade::{PortForwardProtocol, Protocol, Upgrade, UpgradeError, Version};
pub use web_socket::Encoding;
