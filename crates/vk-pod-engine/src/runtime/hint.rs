//! Hints: which pods may have changed. They coalesce, so a burst of events needs no room.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use vk_core::PodUid;

/// Where [`super::ContainerRuntime::watch`] puts its hints. Cheap to clone; no method blocks.
#[derive(Clone)]
pub struct HintSink(Arc<HintBoard>);

impl HintSink {
    pub(crate) fn new(board: Arc<HintBoard>) -> Self {
        Self(board)
    }

    /// Something of this pod may have changed.
    pub fn pod(&self, uid: PodUid) {
        self.0.post(|pending| {
            pending.pods.insert(uid);
        });
    }

    /// The subscription stands: everything is listed once more, which closes the gap before it.
    pub fn live(&self) {
        self.0.post(|pending| pending.everything = true);
    }
}

impl fmt::Debug for HintSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HintSink")
    }
}

/// What has been hinted at and not been looked at yet.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// List everything.
    pub(crate) everything: bool,
    /// List these pods.
    pub(crate) pods: BTreeSet<PodUid>,
}

/// The engine's end of a [`HintSink`].
#[derive(Default)]
pub(crate) struct HintBoard {
    pending: Mutex<Pending>,
    posted: Notify,
}

impl HintBoard {
    fn post(&self, note: impl FnOnce(&mut Pending)) {
        note(&mut self.pending.lock());
        self.posted.notify_one();
    }

    /// Waits for hints and takes all of them.
    pub(crate) async fn take(&self) -> Pending {
        self.posted.notified().await;
        std::mem::take(&mut *self.pending.lock())
    }
}
