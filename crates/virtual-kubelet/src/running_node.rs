//! [`RunningNode`]: a node that an agent keeps.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use vk_controller::env::Env;
use vk_controller::node::{LeaseHandle, NodeHandle, NodeStatus};
use vk_controller::pod::{PodControllerDefect, PodDirectory};
use vk_core::node::lease::{LeaseConflict, LeaseState};
use vk_core::orphan::OrphanReport;

use crate::heartbeat::Heartbeat;

/// A node that an agent keeps. Dropping it ends the node's controllers at once; [`RunningNode::stop`] lets them finish.
/// Pods keep running either way.
pub struct RunningNode {
    node: NodeHandle,
    directory: PodDirectory,
    lease: LeaseHandle,
    orphans: watch::Receiver<OrphanReport>,
    shutdown: Shutdown,
    ends: [watch::Receiver<bool>; 2],
    defect: watch::Receiver<Option<PodControllerDefect>>,
    _guards: [DropGuard; 3],
    _env: Env,
    _heartbeat: Arc<Heartbeat>,
}

/// What a node runs on: it outlives the agent that made it.
pub(crate) struct Kept {
    pub(crate) env: Env,
    pub(crate) heartbeat: Arc<Heartbeat>,
}

/// The three ends of a node, in their order: each part may still use what ends after it.
#[derive(Clone, Default)]
pub(crate) struct Shutdown {
    /// Pods and the kubelet API.
    pub(crate) pods: CancellationToken,
    /// The Node object.
    pub(crate) node: CancellationToken,
    /// The lease: whoever comes next may begin.
    pub(crate) lease: CancellationToken,
}

impl Shutdown {
    /// Ends everything at once.
    pub(crate) fn cancel(&self) {
        [&self.pods, &self.node, &self.lease].into_iter().for_each(CancellationToken::cancel);
    }
}

/// The parts of a node that runs.
pub(crate) struct Parts {
    pub(crate) node: NodeHandle,
    pub(crate) directory: PodDirectory,
    pub(crate) lease: LeaseHandle,
    pub(crate) orphans: watch::Receiver<OrphanReport>,
    /// Of the pod controller and the kubelet API.
    pub(crate) ends: [watch::Receiver<bool>; 2],
    /// Why nobody keeps the node's pods any more.
    pub(crate) defect: watch::Receiver<Option<PodControllerDefect>>,
}

/// Why a node has ended that nobody stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeFailure {
    /// Another agent has taken it.
    #[error(transparent)]
    Taken(#[from] LeaseConflict),
    /// A defect: the process should end, so that it is started again. The lease is given up, so that the node does not look
    /// as if somebody kept it.
    #[error(transparent)]
    Defect(#[from] PodControllerDefect),
}

impl RunningNode {
    pub(crate) fn new(kept: Kept, parts: Parts, shutdown: Shutdown) -> Self {
        let Parts { node, directory, lease, orphans, ends, defect } = parts;
        kept.env.spawn("back-end recovery", tell_recoveries(node.status(), directory.clone()));
        let guard = |token: &CancellationToken| token.clone().drop_guard();
        Self {
            node,
            directory,
            lease,
            orphans,
            _guards: [guard(&shutdown.pods), guard(&shutdown.node), guard(&shutdown.lease)],
            shutdown,
            ends,
            defect,
            _env: kept.env,
            _heartbeat: kept.heartbeat,
        }
    }

    /// Waits until the Node is registered. `false` if the node ended before.
    pub async fn registered(&self) -> bool {
        self.node.registered().await
    }

    /// What is known about the node, now and after each change.
    pub fn status(&self) -> watch::Receiver<NodeStatus> {
        self.node.status()
    }

    /// What is known about orphans, now and after each change.
    pub fn orphans(&self) -> watch::Receiver<OrphanReport> {
        self.orphans.clone()
    }

    /// Read access to the node's pods.
    pub fn directory(&self) -> &PodDirectory {
        &self.directory
    }

    /// Waits until the node ends.
    ///
    /// # Errors
    /// If another agent has taken it, or a defect has ended it.
    pub async fn ended(&self) -> Result<(), NodeFailure> {
        let mut report = self.lease.report();
        let ended =
            report.wait_for(|report| matches!(report.state, LeaseState::Refused(_) | LeaseState::Released)).await;
        let state = ended.map(|report| report.state.clone());
        // The lease is given up after a defect, and because of it.
        if let Some(defect) = self.defect.borrow().clone() {
            return Err(defect.into());
        }
        match state {
            Ok(LeaseState::Refused(conflict)) => Err(conflict.into()),
            _ => Ok(()),
        }
    }

    /// Ends the node: streams finish or are cut, last statuses are written, the Node is deleted if that was asked for
    /// ([`NodeSettings::deregister_on_exit`](vk_controller::node::NodeSettings::deregister_on_exit)), and the lease is left to
    /// whoever comes next. Pods keep running.
    pub async fn stop(mut self) {
        self.shutdown.pods.cancel();
        for end in &mut self.ends {
            // An error means that it has ended already.
            let _ended = end.wait_for(|ended| *ended).await.is_ok();
        }
        self.shutdown.node.cancel();
        self.node.ended().await;
        self.shutdown.lease.cancel();
        let mut report = self.lease.report();
        let over = |state: &LeaseState| matches!(state, LeaseState::Refused(_) | LeaseState::Released);
        let _released = report.wait_for(|report| over(&report.state)).await.is_ok();
    }
}

impl fmt::Debug for RunningNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningNode").finish_non_exhaustive()
    }
}

/// Nobody sits out a back-off once the back end answers again.
async fn tell_recoveries(mut status: watch::Receiver<NodeStatus>, directory: PodDirectory) {
    loop {
        if status.wait_for(|status| !status.backend.is_reachable()).await.is_err() {
            return;
        }
        if status.wait_for(|status| status.backend.is_reachable()).await.is_err() {
            return;
        }
        directory.backend_recovered().await;
    }
}
