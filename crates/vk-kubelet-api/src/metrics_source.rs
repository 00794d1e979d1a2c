//! [`MetricsSource`]: what the agent counts about itself.

use std::fmt;

use crate::request_metrics::RequestMetrics;

/// Behind `/metrics`: the agent's own metrics.
pub trait MetricsSource: fmt::Debug + Send + Sync {
    /// All of them, as an OpenMetrics 1.0 document that ends with `# EOF`. They are converted for scrapers that know
    /// Prometheus' text format only.
    ///
    /// # Errors
    /// If they cannot be written.
    fn open_metrics(&self) -> Result<String, fmt::Error>;

    /// Where requests to the kubelet API are counted, if they are.
    fn requests(&self) -> Option<&RequestMetrics> {
        None
    }
}
