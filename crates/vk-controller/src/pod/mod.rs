//! The pod controller: every pod bound to our node, from the API to the back end and back.

mod actor;
mod admission;
mod basis;
mod call;
mod context;
mod defect;
mod departed;
mod directory;
mod input;
mod list;
mod mailbox;
mod orphans;
mod prepare;
mod reads;
mod tenure;
mod timers;
mod watch;
mod wire;
mod write;

use std::sync::Arc;
use std::time::Duration;

use actor::{Actor, Channels, Permits, Work};
use admission::{AdmittedPods, NodeReader};
use call::Caller;
use context::ContextSource;
pub use defect::PodControllerDefect;
use defect::{contained, reported};
pub use directory::{PodDirectory, PodEntry};
use futures::FutureExt;
use futures::future::BoxFuture;
use kube::Client;
use mailbox::Mailbox;
use orphans::{OrphanOutputs, OrphanSearch};
pub use prepare::UnsupportedFields;
use reads::Reads;
use tenure::Tenure;
use tokio::sync::{Notify, mpsc, watch as tokio_watch};
use tokio_util::sync::CancellationToken;
use vk_core::admission::DaemonSetPods;
use vk_core::machine::{BackendPolicy, Release};
use vk_core::orphan::{OrphanPolicy, OrphanReport};
use vk_core::poll::Pace;
use vk_core::resolve::NodeFacts;
use vk_provider::{BoxProvider, Description, ObservationSink, Provider, Recovery, Retention};
use write::PodWriter;

use crate::env::Env;
use crate::events::EventRecorder;
use crate::node::LeaseReport;
use crate::references::References;

/// Messages that may wait for the actor; senders wait when it is full.
const QUEUE: usize = 1024;

/// How a [`PodController`] works. `Default` is right for most nodes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PodSettings {
    /// What becomes of pods that ask for what the provider does not honour.
    pub unsupported: UnsupportedFields,
    /// How many provider calls that prepare, start or update pods may be under way at once.
    pub start_workers: usize,
    /// How many provider calls that stop pods may be under way at once.
    pub stop_workers: usize,
    /// How many provider calls that take over or look up pods may be under way at once, and as many that look up those that
    /// are to stop.
    pub recovery_workers: usize,
    /// How many provider calls that remove what is left of pods may be under way at once.
    pub remove_workers: usize,
    /// How many API writes may be under way at once.
    pub write_workers: usize,
    /// What becomes of the pods of DaemonSets.
    pub daemon_set_pods: DaemonSetPods,
    /// What becomes of orphans.
    pub orphans: OrphanPolicy,
    /// When the back end lets go of pods that have ended.
    pub release: Release,
    /// How long writes that are under way may take at the end.
    pub drain: Duration,
}

impl Default for PodSettings {
    fn default() -> Self {
        Self {
            unsupported: UnsupportedFields::Strict,
            start_workers: 32,
            stop_workers: 32,
            recovery_workers: 32,
            remove_workers: 32,
            write_workers: 64,
            daemon_set_pods: DaemonSetPods::default(),
            orphans: OrphanPolicy::default(),
            release: Release::default(),
            drain: Duration::from_secs(10),
        }
    }
}

/// The clients of a pod controller: a watch takes a connection of its own, writes another.
#[derive(Clone)]
pub struct PodClients {
    /// For the watch of our pods.
    pub watch: Client,
    /// For statuses and deletes.
    pub write: Client,
}

/// What a [`PodController`] is made of.
pub struct PodParts {
    /// The node whose pods it brings to the back end.
    pub node_name: String,
    /// Its clients.
    pub clients: PodClients,
    /// The back end.
    pub provider: BoxProvider,
    /// Where providers find what pods refer to.
    pub references: References,
    /// Where Events go.
    pub recorder: EventRecorder,
    /// What the node is known to have. No pod is admitted before [`NodeFacts::settled`].
    pub node: tokio_watch::Receiver<Arc<NodeFacts>>,
    /// Changes when the API server answers again after an outage: a watch that may be half-open is then begun anew.
    pub reconnect: tokio_watch::Receiver<u64>,
    /// How the node lease stands. While it has lapsed no pod is started, and statuses wait until the heartbeat could have
    /// learned that another agent has the node; once one has it, the controller ends.
    pub lease: tokio_watch::Receiver<LeaseReport>,
    /// How it works.
    pub settings: PodSettings,
}

/// Brings the pods bound to one node to a provider, and what it reports back to the API.
pub struct PodController {
    env: Env,
    parts: PodParts,
    input: mpsc::Receiver<input::Input>,
    sender: mpsc::Sender<input::Input>,
    orphans: tokio_watch::Sender<OrphanReport>,
}

impl PodController {
    /// A controller that does nothing until it is run.
    pub fn new(env: Env, parts: PodParts) -> Self {
        let (sender, input) = mpsc::channel(QUEUE);
        Self { env, parts, input, sender, orphans: tokio_watch::Sender::default() }
    }

    /// Answers questions about pods, for the kubelet API.
    pub fn directory(&self) -> PodDirectory {
        PodDirectory::new(self.sender.clone())
    }

    /// What is known about orphans, now and after each change.
    pub fn orphans(&self) -> tokio_watch::Receiver<OrphanReport> {
        self.orphans.subscribe()
    }

    /// Runs until `shutdown` is cancelled, or the node is another agent's. Pods keep running.
    ///
    /// # Errors
    /// If it ends before that, by a defect of its own. A panic in the decisions about one pod is none: it sets that pod aside
    /// for a while.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), PodControllerDefect> {
        contained("the actor", self.keep_pods(shutdown)).await?
    }

    async fn keep_pods(self, shutdown: CancellationToken) -> Result<(), PodControllerDefect> {
        let Self { env, parts, input, sender, orphans } = self;
        let mailbox = Arc::new(Mailbox::default());
        let list_wanted = Arc::new(Notify::new());
        let (pace, pace_seen) = tokio_watch::channel(Pace::Steady);
        let provider = parts.provider;

        let watched = watch::watch_pods(
            parts.clients.watch,
            parts.node_name.clone(),
            env.clone(),
            parts.reconnect,
            sender.clone(),
        );
        let (defects, mut defect) = mpsc::channel(1);
        let part = |name: &'static str, until: CancellationToken, work: BoxFuture<'static, ()>| {
            let work = reported(name, work, defects.clone());
            env.spawn(name, self::until(until, work));
        };
        // What is written at the end is computed from the newest versions, too.
        let ended = CancellationToken::new();
        let _guard = ended.clone().drop_guard();
        part("pod watch", ended, watched.boxed());
        let reads = Reads::of(provider.describe().observe);
        let listed = list::list_backend(
            provider.clone(),
            reads.clone(),
            env.clone(),
            list_wanted.clone(),
            pace_seen,
            sender.clone(),
        );
        part("back-end list", shutdown.clone(), listed.boxed());
        let sink = ObservationSink::new(mailbox.clone());
        let followed = list::follow_backend(provider.clone(), sink, env.clone(), sender.clone());
        part("back-end watch", shutdown.clone(), followed.boxed());

        let settings = parts.settings;
        let policy = policy_of(provider.describe(), settings.release, env.now().mono);
        let outputs =
            OrphanOutputs { recorder: parts.recorder.clone(), node_name: parts.node_name.clone(), report: orphans };
        let work = Work {
            tenure: Tenure::new(parts.lease, env.now().mono),
            policy,
            orphans: OrphanSearch::new(settings.orphans, policy, outputs),
            admitted: AdmittedPods::new(settings.daemon_set_pods),
            writer: PodWriter::new(parts.clients.write.clone(), parts.node_name.clone(), &provider.describe().support),
            caller: Caller {
                provider,
                contexts: ContextSource { references: parts.references, recorder: parts.recorder, node: parts.node },
                unsupported: settings.unsupported,
                node: NodeReader::new(parts.clients.write, parts.node_name),
            },
            reads,
            permits: Permits {
                starts: settings.start_workers.max(1),
                stops: settings.stop_workers.max(1),
                recoveries: settings.recovery_workers.max(1),
                removals: settings.remove_workers.max(1),
                writes: settings.write_workers.max(1),
            },
        };
        let channels = Channels { input, sender, mailbox, list_wanted, pace };
        let actor = Actor::new(env.clone(), work, channels).run(shutdown, settings.drain);
        tokio::select! {
            biased;
            () = actor => Ok(()),
            Some(defect) = defect.recv() => Err(defect),
        }
    }
}

async fn until(shutdown: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        () = work => {}
    }
}

fn policy_of(description: &Description, release: Release, taken_over: Duration) -> BackendPolicy {
    BackendPolicy {
        lists_all: description.recovery == Recovery::ByUid,
        forgets: description.retention == Retention::Forgets,
        settle: description.settle,
        recreates_lost: description.recreates_lost,
        release,
        taken_over,
    }
}

#[cfg(test)]
mod tests;
