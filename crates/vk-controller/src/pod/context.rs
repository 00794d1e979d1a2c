//! Makes the [`PodContext`] of a pod.

use std::sync::Arc;

use tokio::sync::watch;
use vk_core::record::PodSnapshot;
use vk_core::resolve::NodeFacts;
use vk_provider::PodContext;

use crate::events::{EventRecorder, Involved};
use crate::references::References;

/// What contexts are made of: the way to the cluster's data, to its Events, and the node's facts.
#[derive(Clone)]
pub(super) struct ContextSource {
    pub(super) references: References,
    pub(super) recorder: EventRecorder,
    pub(super) node: watch::Receiver<Arc<NodeFacts>>,
}

impl ContextSource {
    pub(super) fn context(&self, pod: &PodSnapshot) -> PodContext {
        let span = tracing::info_span!("pod", pod = %pod.key, uid = %pod.uid);
        let events = self.recorder.for_object(Involved::pod(&pod.key, &pod.uid));
        PodContext::new(self.references.for_pod(pod), Arc::new(events), self.node.borrow().clone(), span)
    }
}
