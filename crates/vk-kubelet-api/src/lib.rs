//! The HTTPS API that a kubelet serves on port 10250, for a virtual node.
//!
//! The API server comes here for `kubectl logs`, and people with the right come directly. A request passes, in this order:
//!
//! 1. [`certificates`]: TLS 1.2 or 1.3 with a serving certificate that is read again when its files change;
//! 2. [`authentication`]: who is asking, by client certificate or bearer token;
//! 3. [`authorization`]: whether they may, by SubjectAccessReview;
//! 4. the route: what they asked for.
//!
//! Secure by default (invariant 14 of `ARCHITECTURE.md`): without a serving certificate, or without a way to authenticate
//! clients, [`Settings`] cannot be made and nothing listens. Everything is bounded by [`Limits`] (invariant 12).
//!
//! What the API shows comes from outside through [`NodeServices`]: the pods ([`PodSource`]), the provider's interfaces, the
//! authorizer, health checks and the wall clock. One [`KubeletApi`] serves one node; an agent with several nodes runs
//! several, each on its own port.

pub mod authentication;
pub mod authorization;
pub mod certificates;
mod clock;
mod digest;
mod exposition;
mod health;
mod limits;
mod logs;
mod memory;
mod metrics_source;
mod names;
mod pod_source;
mod probes;
#[cfg(test)]
mod recorded_client;
mod request_metrics;
mod response;
mod routes;
mod server;
mod settings;
mod stats;

pub use authentication::{
    AuthenticationError, BearerToken, TOKEN_CACHE_TTL, TokenAuthenticator, TokenReviewAuthenticator, UserInfo,
};
pub use authorization::{
    Attributes, AuthorizationError, AuthorizationTtls, Authorizer, Decision, RememberingAuthorizer,
    SubjectAccessReviewAuthorizer, Verb,
};
pub use certificates::CertificateError;
pub use clock::WallClock;
pub use exposition::ExpositionFormat;
pub use health::HealthCheck;
pub use limits::Limits;
pub use metrics_source::MetricsSource;
pub use pod_source::{ContainerEntry, PodEntry, PodSource, RunningPod};
pub use request_metrics::{CountedRequest, RequestMetrics};
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub use routes::fuzz;
pub use server::{Drained, KubeletApi, NodeServices, StartError};
pub use settings::{Options, Setting, Settings, SettingsError};
