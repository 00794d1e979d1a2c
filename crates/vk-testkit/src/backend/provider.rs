//! The provider that leads to a [`Backend`].

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use virtual_kubelet::core::resolved::{ResolvedPod, Target};
use virtual_kubelet::core::support::SupportTable;
use virtual_kubelet::core::{BackendInstance, Error, Result};
use virtual_kubelet::provider::{
    Accepted, Adopt, Answer, Create, Description, Listing, LookupReply, ObservationSink, PageToken, Provider,
    Terminate, Terminating, Update, Updated,
};

use super::ledger::Happening;
use super::workload::Workload;
use super::{Backend, Fault, Method};

/// One agent's way to a [`Backend`]. Once cut, every call fails: a dead process reaches nobody.
#[derive(Clone)]
pub struct SimulatedProvider {
    backend: Backend,
    description: Arc<Description>,
    cut: Arc<AtomicBool>,
}

impl SimulatedProvider {
    pub(super) fn new(backend: Backend) -> Self {
        let mut description = Description::new("simulated");
        description.support = SupportTable::everything();
        Self { backend, description: Arc::new(description), cut: Arc::default() }
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

    fn instance() -> BackendInstance {
        BackendInstance::from("simulated")
    }

    /// Makes the call as the next fault wants it to go.
    async fn call<T>(&self, method: Method, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        if self.cut.load(Ordering::Relaxed) {
            return Err(Error::unavailable("the process is dead"));
        }
        match self.backend.next_fault(method) {
            None => act(),
            Some(Fault::Refuse(error)) => Err(error),
            Some(Fault::LoseReply) => {
                let _lost = act();
                Err(Error::outcome_unknown("no answer"))
            }
            Some(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                if self.cut.load(Ordering::Relaxed) { Err(Error::unavailable("the process is dead")) } else { act() }
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Panic) => std::panic::panic_any("a fault of the simulated provider"),
        }
    }
}

impl Provider for SimulatedProvider {
    fn describe(&self) -> &Description {
        &self.description
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        let act = || {
            let uid = &request.pod.uid;
            self.backend.start(uid, Workload::of(&request.pod));
            let accepted = self.backend.observe(uid).map_or_else(Accepted::default, Accepted::observed);
            Ok(accepted.with_instance(Self::instance()))
        };
        tokio::select! {
            biased;
            () = request.cancel.cancelled() => Err(Error::cancelled()),
            reply = self.call(Method::Create, act) => reply,
        }
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        let uid = request.target.uid;
        let act = || {
            self.backend.change(&uid, |workload| workload.end(143).then_some(Happening::Stopped));
            Ok(self.backend.observe(&uid).map_or_else(Terminating::accepted, Terminating::observed))
        };
        self.call(Method::Terminate, act).await
    }

    async fn remove(&self, target: Target) -> Result<()> {
        self.call(Method::Remove, || {
            self.backend.release(&target.uid);
            Ok(())
        })
        .await
    }

    async fn lookup(&self, target: Target) -> Result<LookupReply> {
        let act = || {
            let reply = self.backend.observe(&target.uid).map_or_else(LookupReply::absent, LookupReply::found);
            Ok(reply.with_instance(Self::instance()))
        };
        self.call(Method::Lookup, act).await
    }

    async fn list(&self, _page: Option<PageToken>) -> Result<Listing> {
        let act = || Ok(Listing::complete(self.backend.observe_all()).with_instance(Self::instance()));
        self.call(Method::List, act).await
    }

    async fn admit(&self, _pod: &ResolvedPod) -> Result<()> {
        self.call(Method::Admit, || Ok(())).await
    }

    async fn adopt(&self, _request: Adopt) -> Result<()> {
        self.call(Method::Adopt, || Ok(())).await
    }

    async fn update(&self, request: Update) -> Result<Updated> {
        self.call(Method::Update, || Ok(Updated::all(&request.change, Answer::Applied))).await
    }

    fn watch(&self, sink: ObservationSink) -> impl Future<Output = Result<()>> + Send {
        let backend = self.backend.clone();
        async move {
            let subscription = Subscription { number: backend.subscribe(sink.clone()), backend };
            sink.live();
            std::future::pending::<()>().await;
            drop(subscription);
            Ok(())
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
