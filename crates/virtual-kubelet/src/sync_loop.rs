//! The check `/healthz/syncloop`.

use futures::FutureExt;
use futures::future::BoxFuture;
use vk_controller::pod::PodDirectory;
use vk_kubelet_api::HealthCheck;

/// Whether the pod controller still attends to what comes in. That it waits for the API server is no fault of its own.
pub(crate) struct SyncLoop {
    directory: PodDirectory,
}

impl SyncLoop {
    pub(crate) fn new(directory: PodDirectory) -> Self {
        Self { directory }
    }
}

impl HealthCheck for SyncLoop {
    /// As a kubelet names the same check.
    fn name(&self) -> &str {
        "syncloop"
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        async { if self.directory.answers().await { Ok(()) } else { Err("the pod controller has ended".to_owned()) } }
            .boxed()
    }
}
