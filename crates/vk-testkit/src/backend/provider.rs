//! The provider that leads to a [`Backend`].

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use virtual_kubelet::core::resolved::{ResolvedPod, Target};
use virtual_kubelet::core::{Error, ErrorKind, PodUid, Result, Retry};
use virtual_kubelet::provider::{
    Accepted, Adopt, Answer, Create, Description, Listing, LookupReply, ObservationSink, PageToken, Provider,
    Terminate, Terminating, Update, Updated,
};

use super::fault::Twist;
use super::{Backend, Fault, Method, Nature};

/// One agent's way to a [`Backend`]. Once cut, every call fails: a dead process reaches nobody.
#[derive(Clone)]
pub struct SimulatedProvider {
    backend: Backend,
    nature: Nature,
    description: Arc<Description>,
    cut: Arc<AtomicBool>,
}

impl SimulatedProvider {
    pub(super) fn new(backend: Backend, nature: Nature) -> Self {
        Self { backend, nature, description: Arc::new(nature.description()), cut: Arc::default() }
    }

    /// The same back end, described differently.
    #[must_use]
    pub fn described(mut self, change: impl FnOnce(&mut Description)) -> Self {
        let mut description = Description::clone(&self.description);
        change(&mut description);
        self.description = Arc::new(description);
        self
    }

    /// From now on nothing that this provider is asked for reaches the back end.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    fn reach(&self) -> Result<()> {
        if self.cut.load(Ordering::Relaxed) { Err(Error::unavailable("the process is dead")) } else { Ok(()) }
    }

    /// Makes the call as the next fault wants it to go.
    async fn call<T: Send + 'static>(
        &self,
        method: Method,
        uid: Option<&PodUid>,
        act: impl FnOnce(Twist) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.reach()?;
        let now = self.backend.now();
        let fault = self.backend.state.lock().next_fault(method, now);
        let twist = fault.as_ref().map_or(Twist::None, Fault::twist);
        match fault {
            Some(Fault::Refuse(error)) => {
                if let (Method::Admit | Method::Create, Retry::Never, Some(uid)) = (method, error.retry, uid) {
                    let mut state = self.backend.state.lock();
                    state.refused.insert(uid.clone());
                    if matches!(error.kind, ErrorKind::Rejected { .. }) {
                        state.rejected.insert(uid.clone());
                    }
                }
                Err(error)
            }
            Some(Fault::LoseReply) => {
                let _lost = act(twist);
                Err(Error::outcome_unknown("no answer"))
            }
            Some(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                self.reach()?;
                act(twist)
            }
            Some(Fault::SlowReply(delay)) => {
                let reply = act(twist);
                tokio::time::sleep(delay).await;
                self.reach()?;
                reply
            }
            Some(Fault::LateEffect(delay)) => {
                // It is on its way, and does not end with the process that has sent it.
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let _lost = act(twist);
                });
                Err(Error::outcome_unknown("no answer yet"))
            }
            Some(Fault::Hang) => std::future::pending().await,
            // Unlike a panic of its own, this one is not printed.
            Some(Fault::Panic) => std::panic::resume_unwind(Box::new("a fault of the simulated provider")),
            None | Some(Fault::WrongPod | Fault::Stale | Fault::Ignore | Fault::FailLater(_)) => act(twist),
        }
    }
}

impl Provider for SimulatedProvider {
    fn describe(&self) -> &Description {
        &self.description
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        let (backend, pod, bare) = (self.backend.clone(), request.pod.clone(), self.nature.answers_bare);
        let (uid, cancel) = (pod.uid.clone(), request.cancel.clone());
        let act = move |twist| {
            request.check_instance(&backend.instance())?;
            backend.start(&pod, twist);
            let observed = backend.observe(&pod.uid, twist).filter(|_| !bare);
            let mut accepted = observed.map_or_else(Accepted::default, Accepted::observed);
            accepted.handle = backend.workload(&pod.uid).and_then(|workload| workload.handle());
            Ok(accepted.with_instance(backend.instance()))
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::cancelled()),
            reply = self.call(Method::Create, Some(&uid), act) => reply,
        }
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        let (backend, bare) = (self.backend.clone(), self.nature.answers_bare);
        let act = move |twist| {
            let Some(uid) = backend.find(&request.target) else { return Ok(Terminating::accepted()) };
            if twist != Twist::Ignore {
                backend.change(&uid, |workload, now| workload.terminate(request.grace, now));
            }
            let observed = backend.observe(&uid, twist).filter(|_| !bare);
            Ok(observed.map_or_else(Terminating::accepted, Terminating::observed))
        };
        self.call(Method::Terminate, None, act).await
    }

    async fn remove(&self, target: Target) -> Result<()> {
        let backend = self.backend.clone();
        let act = move |_| {
            backend.release(&target);
            Ok(())
        };
        self.call(Method::Remove, None, act).await
    }

    async fn lookup(&self, target: Target) -> Result<LookupReply> {
        let backend = self.backend.clone();
        let act = move |twist| {
            let observed = backend.find(&target).and_then(|uid| backend.observe(&uid, twist));
            let reply = observed.map_or_else(LookupReply::absent, LookupReply::found);
            Ok(reply.with_instance(backend.instance()))
        };
        self.call(Method::Lookup, None, act).await
    }

    async fn list(&self, page: Option<PageToken>) -> Result<Listing> {
        let (backend, size) = (self.backend.clone(), self.nature.page);
        let act = move |twist| {
            let after = page.map(|PageToken(uid)| uid);
            let all = backend.observe_all(twist).into_iter();
            let mut rest = all.filter(|pod| after.as_ref().is_none_or(|after| pod.uid.as_str() > after.as_str()));
            let pods: Vec<_> = rest.by_ref().take(if size == 0 { usize::MAX } else { size }).collect();
            let last = pods.last().map(|pod| PageToken(pod.uid.to_string()));
            let listing = Listing::complete(pods).with_instance(backend.instance());
            Ok(match (last, rest.next()) {
                (Some(last), Some(_)) => listing.with_next(last),
                _ => listing,
            })
        };
        self.call(Method::List, None, act).await
    }

    async fn admit(&self, pod: &ResolvedPod) -> Result<()> {
        self.call(Method::Admit, Some(&pod.uid), |_| Ok(())).await
    }

    async fn adopt(&self, _request: Adopt) -> Result<()> {
        self.call(Method::Adopt, None, |_| Ok(())).await
    }

    async fn update(&self, request: Update) -> Result<Updated> {
        let backend = self.backend.clone();
        let act = move |_| {
            let missing = || Error::unavailable("there is no such pod to be seen");
            let uid = backend.find(&request.target).ok_or_else(missing)?;
            backend.change(&uid, |workload, now| workload.update(&request.pod, request.change, now));
            Ok(Updated::all(&request.change, Answer::Applied))
        };
        self.call(Method::Update, None, act).await
    }

    fn watch(&self, sink: ObservationSink) -> impl Future<Output = Result<()>> + Send {
        let (backend, polled, provider) = (self.backend.clone(), self.nature.polled, self.clone());
        async move {
            if polled {
                return std::future::pending().await;
            }
            provider.call(Method::Watch, None, |_| Ok(())).await?;
            let (number, breaks) = backend.subscribe(sink.clone());
            let subscription = Subscription { number, backend };
            sink.live();
            // An error, too, means that it broke.
            drop(breaks.await);
            drop(subscription);
            Err(Error::unavailable("the subscription broke"))
        }
    }
}

struct Subscription {
    backend: Backend,
    number: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.backend.unsubscribe(self.number);
    }
}
