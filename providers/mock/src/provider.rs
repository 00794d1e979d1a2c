//! [`MockProvider`]: the contract on top of the back end.

use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use vk_core::resolved::Target;
use vk_core::{BackendInstance, PodUid, ResolvedPod};
use vk_provider::provider::{
    Accepted, Adopt, Create, Listing, LookupReply, PageToken, Provider, Terminate, Terminating, Update, Updated,
};
use vk_provider::{Answer, Description, Error, Interfaces, ObservationSink, Result};

use crate::backend::{Clock, MockBackend, QUEUE, Request, script_of};
use crate::client::Client;
use crate::logs::MockLogs;
use crate::port_forward::MockPortForward;
use crate::sessions::MockSessions;
use crate::stats::MockStats;

/// The name of this provider, as in `--provider mock`.
pub const NAME: &str = "mock";

/// Pods that one page of a list has at most.
const PAGE: usize = 500;

/// Pretends to run pods. Cheap to clone: all clones lead to the same [`MockBackend`].
#[derive(Debug, Clone)]
pub struct MockProvider {
    client: Client,
    description: Arc<Description>,
    instance: BackendInstance,
}

impl MockProvider {
    /// A provider whose pods live in memory only, and the back end that it leads to.
    ///
    /// `wall` is the wall-clock time now; from there on the back end's clock is tokio's. The returned back end has to be
    /// run by the caller.
    pub fn in_memory(node_name: &str, wall: Timestamp) -> (Self, MockBackend) {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let backend = MockBackend::in_memory(node_name, wall, receiver);
        (Self::new(node_name, requests, backend.clock()), backend)
    }

    /// A provider whose pods live in this file, so that they survive a restart. Blocks on the disk.
    ///
    /// # Errors
    /// [`vk_provider::ErrorKind::Unavailable`] if the file cannot be read or written,
    /// [`vk_provider::ErrorKind::Invalid`] if it holds something else.
    pub fn open(file: PathBuf, node_name: &str, wall: Timestamp) -> Result<(Self, MockBackend)> {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let backend = MockBackend::open(file, node_name, wall, receiver)?;
        Ok((Self::new(node_name, requests, backend.clock()), backend))
    }

    fn new(node_name: &str, requests: mpsc::Sender<Request>, clock: Clock) -> Self {
        let client = Client::new(requests, clock);
        let mut description = Description::new(NAME);
        description.support = crate::support();
        description.interfaces = interfaces(&client);
        Self { client, description: Arc::new(description), instance: BackendInstance::new(format!("mock/{node_name}")) }
    }
}

fn interfaces(client: &Client) -> Interfaces {
    let mut interfaces = Interfaces::default();
    let sessions = Arc::new(MockSessions::new(client.clone()));
    interfaces.logs = Some(Arc::new(MockLogs::new(client.clone())));
    interfaces.exec = Some(sessions.clone());
    interfaces.attach = Some(sessions);
    interfaces.port_forward = Some(Arc::new(MockPortForward::new(client.clone())));
    interfaces.stats = Some(Arc::new(MockStats::new(client.clone())));
    interfaces
}

impl Provider for MockProvider {
    fn describe(&self) -> &Description {
        &self.description
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        request.check_instance(&self.instance)?;
        let Create { pod, context, cancel, .. } = request;
        let create = self.client.ask_scripted(|attempt, reply| {
            let (pod, events) = (Arc::clone(&pod), Arc::clone(&context.events));
            Request::Create { pod, events, attempt, reply }
        });
        let observation = tokio::select! {
            biased;
            created = create => created?,
            () = cancel.cancelled() => return Err(Error::cancelled()),
        };
        Ok(Accepted::observed(observation).with_instance(self.instance.clone()))
    }

    async fn adopt(&self, request: Adopt) -> Result<()> {
        let (uid, events) = (request.target.uid, request.context.events);
        self.client.ask(|reply| Request::Adopt { uid, events, reply }).await
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        let (uid, grace) = (request.target.uid, request.grace);
        let observation = self
            .client
            .ask_scripted(|attempt, reply| Request::Terminate { uid: uid.clone(), grace, attempt, reply })
            .await?;
        Ok(observation.map_or_else(Terminating::accepted, Terminating::observed))
    }

    async fn remove(&self, target: Target) -> Result<()> {
        self.client.ask_scripted(|attempt, reply| Request::Remove { uid: target.uid.clone(), attempt, reply }).await
    }

    async fn lookup(&self, target: Target) -> Result<LookupReply> {
        let found = self
            .client
            .ask_scripted(|attempt, reply| Request::Lookup { uid: target.uid.clone(), attempt, reply })
            .await?;
        let reply = found.map_or_else(LookupReply::absent, LookupReply::found);
        Ok(reply.with_instance(self.instance.clone()))
    }

    async fn list(&self, page: Option<PageToken>) -> Result<Listing> {
        let after = page.map(|PageToken(uid)| PodUid::from(uid));
        let pods = self.client.ask(|reply| Request::List { after, limit: PAGE, reply }).await?;
        let next = pods.get(PAGE - 1).map(|last| PageToken(last.uid.to_string()));
        let listing = Listing::complete(pods).with_instance(self.instance.clone());
        Ok(match next {
            Some(next) => listing.with_next(next),
            None => listing,
        })
    }

    async fn admit(&self, pod: &ResolvedPod) -> Result<()> {
        script_of(pod).map(drop)
    }

    async fn update(&self, request: Update) -> Result<Updated> {
        let Update { pod, change, .. } = request;
        let held = self
            .client
            .ask_scripted(|attempt, reply| Request::Update { pod: Arc::clone(&pod), change, attempt, reply })
            .await?;
        let answer = if held { Answer::Applied } else { Answer::Infeasible };
        let mut updated = Updated::all(&change, answer);
        updated.resources = change.resources.then_some(Answer::Infeasible);
        updated.ephemeral = change.ephemeral.then_some(Answer::Unsupported);
        // The core enforces deadlines.
        updated.deadline = change.deadline.then_some(Answer::Unsupported);
        Ok(updated)
    }

    async fn watch(&self, sink: ObservationSink) -> Result<()> {
        let (open, closed) = oneshot::channel();
        self.client.send(Request::Subscribe { sink, open }).await?;
        // The back end never answers here: it drops its end when the subscription is over.
        drop(closed.await);
        Err(Error::unavailable("the subscription to the mock back end has ended"))
    }
}
