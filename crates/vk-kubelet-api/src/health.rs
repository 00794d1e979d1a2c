//! Checks behind `/healthz`.

use futures::future::BoxFuture;

/// One check of the agent's health, by name.
pub trait HealthCheck: Send + Sync {
    /// A path segment, as in `/healthz/syncloop`.
    fn name(&self) -> &str;

    /// Whether all is well; if not, why.
    fn check(&self) -> BoxFuture<'_, Result<(), String>>;
}
