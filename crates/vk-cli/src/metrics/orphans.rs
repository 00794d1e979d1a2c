//! Pods that the back end holds and the API does not.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use vk_core::orphan::OrphanReport;

/// What is known about orphans.
#[derive(Debug, Clone)]
pub(crate) struct OrphanMetrics {
    left: Gauge,
    stopped: Gauge,
    collected: Counter<u64, AtomicU64>,
}

impl OrphanMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { left: Gauge::default(), stopped: Gauge::default(), collected: Counter::default() };
        registry.register(
            "orphans",
            "Pods that the back end holds and the API does not, and that are left alone",
            metrics.left.clone(),
        );
        registry.register(
            "orphan_collection_stopped",
            "Whether there are so many orphans that a person has to look before they are collected",
            metrics.stopped.clone(),
        );
        registry.register("orphans_collected", "Orphans that were stopped and released", metrics.collected.clone());
        metrics
    }

    /// Shows the newest report.
    pub(crate) fn show(&self, report: OrphanReport) {
        self.left.set(i64::try_from(report.left).unwrap_or(i64::MAX));
        self.stopped.set(i64::from(report.tripped));
        self.collected.inc_by(report.collected.saturating_sub(self.collected.get()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_only_counts_what_is_new() {
        let mut registry = Registry::default();
        let metrics = OrphanMetrics::register(&mut registry);
        let report = |left, collected, tripped| OrphanReport { looked_for: true, left, collected, tripped };
        metrics.show(report(3, 2, true));
        metrics.show(report(1, 2, false));
        metrics.show(report(0, 5, false));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in ["orphans 0\n", "orphan_collection_stopped 0\n", "orphans_collected_total 5\n"] {
            assert!(text.contains(line), "{text}");
        }
    }
}
