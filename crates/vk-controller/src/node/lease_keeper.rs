//! [`LeaseKeeper`]: carries the heartbeat's requests.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use vk_core::node::ApiFailure;
use vk_core::node::lease::{
    self, LeaseEffect, LeaseEvent, LeaseHolder, LeaseMachine, LeaseNotice, LeaseRequest, LeaseState, LeaseTiming,
    ObservedLease,
};

use super::answer;
use super::client_source::ClientSource;
use crate::env::Env;
use crate::fanout::Fanout;

/// Keeps the lease of one node.
pub struct LeaseKeeper {
    holder: LeaseHolder,
    timing: LeaseTiming,
}

/// What is known of the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseReport {
    /// Whether the node is ours: only then may anything be written about it or its pods.
    pub state: LeaseState,
    /// How often the API server has been away and come back: each time, watches that seem open may be dead.
    pub outages: u64,
}

impl LeaseKeeper {
    /// A request that takes longer is given up and made again, over what may be another connection.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// So long the next one may take: a server that is slow is no server that is away, and the lease lasts for both.
    const MORE_PATIENCE: Duration = Duration::from_secs(10);

    /// A keeper with the timing of kubelets.
    pub fn new(holder: LeaseHolder) -> Self {
        Self { holder, timing: LeaseTiming::default() }
    }

    /// The same keeper with another timing.
    #[must_use]
    pub fn with_timing(mut self, timing: LeaseTiming) -> Self {
        self.timing = timing;
        self
    }

    /// Starts the heartbeat on the environment's executor, which should be one that nothing else runs on.
    ///
    /// It ends when another agent holds the node ([`LeaseState::Refused`]) and, after leaving the lease to whoever comes next,
    /// when `shutdown` is cancelled ([`LeaseState::Released`]). Nothing else ends it.
    pub fn start(self, env: &Env, clients: Arc<dyn ClientSource>, shutdown: CancellationToken) -> LeaseHandle {
        let machine = LeaseMachine::new(self.holder.clone(), self.timing);
        let report = Arc::new(Fanout::new(LeaseReport { state: machine.state(), outages: 0 }));
        let outages = Arc::new(Fanout::new(0));
        let (node_uid, node_uid_seen) = watch::channel(None);
        let heartbeat = Heartbeat {
            env: env.clone(),
            machine,
            patience: Self::PATIENCE,
            connection: Some(Connection { clients, client: None, node: self.holder.node.to_string() }),
            in_flight: None,
            node_uid: node_uid_seen,
            report: report.clone(),
            outages: outages.clone(),
        };
        env.spawn("node lease", heartbeat.run(shutdown));
        LeaseHandle { report, outages, node_uid }
    }
}

/// The way to a running [`LeaseKeeper`].
#[derive(Debug, Clone)]
pub struct LeaseHandle {
    report: Arc<Fanout<LeaseReport>>,
    outages: Arc<Fanout<u64>>,
    node_uid: watch::Sender<Option<String>>,
}

impl LeaseHandle {
    /// What is known of the lease, now and after each change.
    pub fn report(&self) -> watch::Receiver<LeaseReport> {
        self.report.subscribe()
    }

    /// Changes when the API server answers again after an outage: watches should be begun anew.
    pub fn reconnect(&self) -> watch::Receiver<u64> {
        self.outages.subscribe()
    }

    /// Tells to which Node the lease belongs; `None` while there is none.
    pub(super) fn set_node_uid(&self, uid: Option<String>) {
        self.node_uid.send_if_modified(|known| std::mem::replace(known, uid.clone()) != uid);
    }
}

type Answer = (Connection, u64, Result<ObservedLease, ApiFailure>);

struct Heartbeat {
    env: Env,
    machine: LeaseMachine,
    /// How long the next request may take.
    patience: Duration,
    /// Travels with the request that is under way.
    connection: Option<Connection>,
    in_flight: Option<BoxFuture<'static, Answer>>,
    node_uid: watch::Receiver<Option<String>>,
    report: Arc<Fanout<LeaseReport>>,
    outages: Arc<Fanout<u64>>,
}

/// Whoever waits for the heartbeat learns that it has ended, however that came.
impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.report.close();
        self.outages.close();
    }
}

impl Heartbeat {
    async fn run(mut self, shutdown: CancellationToken) {
        let mut shutdown = Some(shutdown);
        let mut event = LeaseEvent::Tick;
        loop {
            let effects = self.machine.step(event, self.env.now(), self.env.random().next_u64());
            for effect in effects {
                self.carry_out(effect);
            }
            self.publish();
            if self.machine.is_final() {
                return;
            }
            event = self.next_event(&mut shutdown).await;
        }
    }

    fn carry_out(&mut self, effect: LeaseEffect) {
        match effect {
            LeaseEffect::Notice(notice) => tell(&notice),
            LeaseEffect::Send { id, request } => {
                self.in_flight = self.connection.take().map(|connection| connection.send(id, request, self.patience));
            }
        }
    }

    fn publish(&self) {
        let report = LeaseReport { state: self.machine.state(), outages: self.machine.outages() };
        self.outages.publish_change(report.outages);
        self.report.publish_change(report);
    }

    async fn next_event(&mut self, shutdown: &mut Option<CancellationToken>) -> LeaseEvent {
        let wake = self.machine.next_wake().map(|at| self.env.started() + at);
        tokio::select! {
            biased;
            (connection, id, result) = arrival(&mut self.in_flight) => {
                self.connection = Some(connection);
                let was_short = self.patience == LeaseKeeper::PATIENCE;
                self.patience = match &result {
                    Err(ApiFailure::Unavailable(_)) if was_short => LeaseKeeper::MORE_PATIENCE,
                    _ => LeaseKeeper::PATIENCE,
                };
                LeaseEvent::Answered { id, result }
            }
            () = cancelled(shutdown) => LeaseEvent::Release,
            uid = changed(&mut self.node_uid) => LeaseEvent::NodeUid(uid),
            () = sleep_until(wake) => LeaseEvent::Tick,
        }
    }
}

/// Waits for the answer to what is under way, if anything is.
async fn arrival(in_flight: &mut Option<BoxFuture<'static, Answer>>) -> Answer {
    match in_flight {
        Some(request) => {
            let answer = request.await;
            *in_flight = None;
            answer
        }
        None => std::future::pending().await,
    }
}

/// Comes once.
async fn cancelled(shutdown: &mut Option<CancellationToken>) {
    match shutdown {
        Some(token) => {
            token.cancelled().await;
            *shutdown = None;
        }
        None => std::future::pending().await,
    }
}

/// Never comes once the sender is gone: the lease goes on without it.
async fn changed(node_uid: &mut watch::Receiver<Option<String>>) -> Option<String> {
    match node_uid.changed().await {
        Ok(()) => node_uid.borrow_and_update().clone(),
        Err(_) => std::future::pending().await,
    }
}

pub(super) async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn tell(notice: &LeaseNotice) {
    if notice.is_warning() {
        tracing::warn!("{notice}");
    } else {
        tracing::info!("{notice}");
    }
}

struct Connection {
    clients: Arc<dyn ClientSource>,
    client: Option<Client>,
    node: String,
}

impl Connection {
    fn send(mut self, id: u64, request: LeaseRequest, patience: Duration) -> BoxFuture<'static, Answer> {
        Box::pin(async move {
            let result = answer::answered(patience, self.exchange(request)).await;
            if matches!(result, Err(ApiFailure::Unauthenticated(_))) {
                // Perhaps the credentials have been renewed where they came from.
                self.client = None;
            }
            (self, id, result.map(ObservedLease::from))
        })
    }

    async fn exchange(&mut self, request: LeaseRequest) -> kube::Result<Lease> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.client.insert(self.clients.connect().await?).clone(),
        };
        let leases: Api<Lease> = Api::namespaced(client, lease::NAMESPACE);
        match request {
            LeaseRequest::Read => leases.get(&self.node).await,
            LeaseRequest::Create(body) => {
                let body: Lease = serde_json::from_value(body).map_err(kube::Error::SerdeError)?;
                leases.create(&PostParams::default(), &body).await
            }
            LeaseRequest::Patch(body) => leases.patch(&self.node, &PatchParams::default(), &Patch::Merge(body)).await,
        }
    }
}
