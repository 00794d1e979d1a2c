//! Kubernetes Events about pods and the node: aggregated as the kubelet does it, none lost in a burst.

mod involved;
mod queue;
mod tell;
mod writer;

use std::sync::Arc;

pub use involved::Involved;
use kube::Client;
use queue::Queue;
pub use tell::{tell_of_node, warning_if};
use vk_core::BackendEvent;
use vk_provider::EventSink;

use crate::env::Env;

/// Takes Events and writes them in the background. Cheap to clone; recording never blocks.
#[derive(Debug, Clone)]
pub struct EventRecorder {
    queue: Arc<Queue>,
}

impl EventRecorder {
    /// A recorder that writes with this client, as a component on this node.
    pub fn new(client: Client, node_name: impl Into<String>, env: &Env) -> Self {
        let queue = Arc::new(Queue::default());
        let writer = writer::Writer::new(client, node_name.into(), env.clone());
        env.spawn("events", writer.run(Arc::downgrade(&queue)));
        Self { queue }
    }

    /// Records an event about this object.
    pub fn record(&self, involved: &Involved, event: BackendEvent) {
        self.queue.push(involved, event);
    }

    /// A sink for events about this object alone.
    pub fn for_object(&self, involved: Involved) -> impl EventSink + use<> {
        ObjectSink { recorder: self.clone(), involved }
    }
}

struct ObjectSink {
    recorder: EventRecorder,
    involved: Involved,
}

impl EventSink for ObjectSink {
    fn record(&self, event: BackendEvent) {
        self.recorder.record(&self.involved, event);
    }
}
