//! A Kubernetes API server in process, as true as a kubelet can tell.
//!
//! [`Kernel`] is the server without IO: a request and the time go in, bytes come out, and the same requests give the
//! same bytes. [`ApiServer`] is the thin shell around it: hand [`ApiServer::service`] to `kube::Client::new`.
//!
//! What it does follows kube-apiserver 1.36: storage with one increasing resourceVersion, lists and watches with
//! selectors, pages and bookmarks, tables for kubectl, the three patch formats, graceful deletion, defaulting and
//! validation of what a node agent meets, the node authorizer, NodeRestriction, ServiceAccount tokens. Server-side apply
//! is refused. With the feature `serve` there is what people need beyond that: a socket with TLS, OpenAPI, bodies in
//! protobuf. Faults ([`FaultPlan`], [`Link`], [`ApiServer::restart`], [`ApiServer::set_clock_skew`]) happen on demand.
//!
//! ```
//! use vk_apiserver::{ApiServer, Identity, Options, VirtualClock};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let clock = VirtualClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
//! let server = ApiServer::new(Options::default(), clock);
//! let client = kube::Client::new(server.service(Identity::node("virtual-1")), "default");
//! # let version = client.apiserver_version().await.unwrap();
//! # assert_eq!(version.minor, "36");
//! # });
//! ```

mod admission;
mod api_error;
mod authorization;
mod certificate_request;
mod clock;
mod controller;
mod defaults;
mod fault;
mod identity;
mod kernel;
mod object;
#[cfg(feature = "serve")]
mod openapi;
mod patch;
mod quantity;
mod random;
mod record;
mod request;
mod resource;
mod selector;
#[cfg(feature = "serve")]
pub mod serve;
mod server;
mod storage;
mod table;
mod tokens;
mod validation;

pub use api_error::ApiError;
pub use authorization::PolicyRule;
pub use clock::{Clock, Now, VirtualClock};
pub use fault::{EventFault, FaultPlan, NoFaults, Outcome, RequestClass, RequestFault};
pub use identity::Identity;
pub use kernel::{Controllers, Kernel, Options, Reply, Watch, WatchStep};
pub use object::Object;
pub use record::RequestRecord;
pub use request::Verb;
pub use server::{ApiServer, ApiService, Link, LinkState, ResponseBody, TransportError};
pub use storage::{Change, ChangeKind};
