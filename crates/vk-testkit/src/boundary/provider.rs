//! The gate before the back end.

use virtual_kubelet::core::Result;
use virtual_kubelet::core::resolved::{ResolvedPod, Target};
use virtual_kubelet::provider::layer::{Layered, LayeredProvider};
use virtual_kubelet::provider::{
    Accepted, Adopt, BoxProvider, Create, Listing, LookupReply, PageToken, Provider, Terminate, Terminating, Update,
    Updated,
};

use super::Effects;
use super::gate::Process;

pub(super) fn guard(inner: BoxProvider, process: Process) -> BoxProvider {
    BoxProvider::new(Layered(Guarded { inner, process }))
}

struct Guarded {
    inner: BoxProvider,
    process: Process,
}

impl Guarded {
    async fn write<T>(&self, effect: &str, call: impl Future<Output = T> + Send) -> T {
        self.process.pass(Effects::Writes, effect.to_owned(), call).await
    }

    async fn read<T>(&self, effect: &str, call: impl Future<Output = T> + Send) -> T {
        self.process.pass(Effects::Reads, effect.to_owned(), call).await
    }
}

impl LayeredProvider for Guarded {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    fn create(&self, request: Create) -> impl Future<Output = Result<Accepted>> + Send {
        self.write("create", self.inner.create(request))
    }

    fn terminate(&self, request: Terminate) -> impl Future<Output = Result<Terminating>> + Send {
        self.write("terminate", self.inner.terminate(request))
    }

    fn remove(&self, target: Target) -> impl Future<Output = Result<()>> + Send {
        self.write("remove", self.inner.remove(target))
    }

    fn adopt(&self, request: Adopt) -> impl Future<Output = Result<()>> + Send {
        self.write("adopt", self.inner.adopt(request))
    }

    fn update(&self, request: Update) -> impl Future<Output = Result<Updated>> + Send {
        self.write("update", self.inner.update(request))
    }

    fn admit(&self, pod: &ResolvedPod) -> impl Future<Output = Result<()>> + Send {
        self.read("admit", self.inner.admit(pod))
    }

    fn lookup(&self, target: Target) -> impl Future<Output = Result<LookupReply>> + Send {
        self.read("lookup", self.inner.lookup(target))
    }

    fn list(&self, page: Option<PageToken>) -> impl Future<Output = Result<Listing>> + Send {
        self.read("list", self.inner.list(page))
    }
}
