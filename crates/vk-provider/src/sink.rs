//! Where a provider's `watch` puts what it sees.

use std::fmt;
use std::sync::Arc;

use vk_core::PodObservation;

/// The core's end of an [`ObservationSink`].
pub trait ObservationReceiver: Send + Sync {
    /// Takes a snapshot. Never blocks; a newer snapshot of the same pod replaces one that was not looked at yet.
    fn observe(&self, observation: PodObservation);

    /// The subscription stands: what happens from now on will be observed.
    fn live(&self);
}

/// Handed to [`crate::Provider::watch`]. Cheap to clone; no method blocks.
#[derive(Clone)]
pub struct ObservationSink(Arc<dyn ObservationReceiver>);

impl ObservationSink {
    /// A sink that leads to this receiver.
    pub fn new(receiver: Arc<dyn ObservationReceiver>) -> Self {
        Self(receiver)
    }

    /// Reports a pod as it is now.
    pub fn observe(&self, observation: PodObservation) {
        self.0.observe(observation);
    }

    /// Says that the subscription stands; the core lists once more after this.
    pub fn live(&self) {
        self.0.live();
    }
}

impl fmt::Debug for ObservationSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObservationSink")
    }
}
