//! Odd surroundings.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::Request;
use tokio::time::Instant;
use virtual_kubelet::core::Result;
use virtual_kubelet::core::support::SupportTable;
use virtual_kubelet::provider::{BoxNodeProvider, NodeProvider, NodeShape, NodeSink};
use vk_apiserver::{ApiServer, EventFault, FaultPlan, RequestClass, RequestFault, Verb};

use crate::interposer::{Asked, Interposition, Onward, described};

/// A back end that answers no ping.
pub(super) fn hanging_ping() -> Interposition {
    Interposition::none().with_node_provider(|inner| BoxNodeProvider::new(HangingPing { inner }))
}

struct HangingPing {
    inner: BoxNodeProvider,
}

impl NodeProvider for HangingPing {
    async fn shape(&self) -> Result<NodeShape> {
        self.inner.shape().await
    }

    async fn ping(&self) -> Result<()> {
        std::future::pending().await
    }

    async fn watch(&self, sink: NodeSink) -> Result<()> {
        self.inner.watch(sink).await
    }
}

/// A back end that honours little.
pub(super) fn supporting_little() -> Interposition {
    Interposition::none()
        .with_provider(|inner| described(inner, |described| described.support = SupportTable::minimal()))
}

/// The heartbeat of the agent that starts first is never answered again after this long: longer than it takes to start.
const FIRST_HEARTBEATS: Duration = Duration::from_secs(20);

/// The heartbeat of the first agent is lost; everything else of it passes.
pub(super) fn losing_the_first_heartbeat() -> Interposition {
    let agents = AtomicUsize::new(0);
    Interposition::none().with_api(move || {
        let is_first = agents.fetch_add(1, Ordering::Relaxed) == 0;
        let lost_from = Instant::now() + FIRST_HEARTBEATS;
        move |request: Request<Bytes>, onward: Onward| {
            let is_heartbeat = Asked::of(&request).resource == "leases";
            let is_lost = is_first && is_heartbeat && Instant::now() >= lost_from;
            if is_lost { futures::future::pending().boxed() } else { onward.send(request) }
        }
    })
}

/// The first list of pods is as old as this revision, and their watches are silent.
pub(super) struct LaggingWatchCache {
    server: ApiServer,
    revision: u64,
    has_listed: bool,
}

impl LaggingWatchCache {
    pub(super) fn at(server: ApiServer, revision: u64) -> Self {
        Self { server, revision, has_listed: false }
    }
}

impl FaultPlan for LaggingWatchCache {
    fn on_request(&mut self, request: &RequestClass) -> RequestFault {
        let is_list = request.resource == "pods" && request.verb == Verb::List;
        if !is_list || std::mem::replace(&mut self.has_listed, true) {
            return RequestFault::default();
        }
        let stale_by = self.server.inspect(vk_apiserver::Kernel::revision).saturating_sub(self.revision);
        RequestFault { stale_by, ..RequestFault::default() }
    }

    fn on_event(&mut self, request: &RequestClass, _index: u64) -> EventFault {
        if request.resource == "pods" { EventFault::Silence } else { EventFault::None }
    }
}
