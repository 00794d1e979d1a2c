//! What can be put between an agent and the world: it sees and changes every request, every provider call, every answer.
//!
//! The agent itself is never changed. Crashes at a chosen effect ([`crate::boundary`]) and deliberate bugs
//! ([`crate::mutant`]) are both made of this.

mod api;
mod asked;
mod provider;

use std::fmt;
use std::sync::Arc;

pub use api::{ApiInterposer, Exchange, Onward, answer, each_event, success};
pub use asked::Asked;
pub use provider::{described, observed};
use virtual_kubelet::kube::Client;
use virtual_kubelet::provider::{BoxNodeProvider, BoxProvider};
use vk_apiserver::ApiService;

type Make<T> = Arc<dyn Fn() -> T + Send + Sync>;
type Wrap<T> = Arc<dyn Fn(T) -> T + Send + Sync>;

/// Everything that stands between each agent of a world and its surroundings.
///
/// What was added last is nearest to the agent. Each agent that starts gets its own: what an interposer remembers dies with
/// the process, unless it is held outside of the closure.
#[derive(Clone, Default)]
pub struct Interposition {
    api: Vec<Make<Arc<dyn ApiInterposer>>>,
    provider: Vec<Wrap<BoxProvider>>,
    node_provider: Vec<Wrap<BoxNodeProvider>>,
}

impl Interposition {
    /// Nothing in between.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same, with one more between the agent and the API server.
    #[must_use]
    pub fn with_api<I: ApiInterposer>(mut self, make: impl Fn() -> I + Send + Sync + 'static) -> Self {
        self.api.push(Arc::new(move || Arc::new(make())));
        self
    }

    /// The same, with one more between the agent and the back end.
    #[must_use]
    pub fn with_provider(mut self, wrap: impl Fn(BoxProvider) -> BoxProvider + Send + Sync + 'static) -> Self {
        self.provider.push(Arc::new(wrap));
        self
    }

    /// The same, with one more between the agent and the back end's description of its node.
    #[must_use]
    pub fn with_node_provider(
        mut self,
        wrap: impl Fn(BoxNodeProvider) -> BoxNodeProvider + Send + Sync + 'static,
    ) -> Self {
        self.node_provider.push(Arc::new(wrap));
        self
    }

    /// Both: this one nearer to the agent than `outer`.
    #[must_use]
    pub fn within(self, mut outer: Self) -> Self {
        outer.api.extend(self.api);
        outer.provider.extend(self.provider);
        outer.node_provider.extend(self.node_provider);
        outer
    }

    /// How one agent makes its clients.
    pub(crate) fn clients(&self, service: ApiService) -> Arc<dyn Fn() -> Client + Send + Sync> {
        let way = self.api.iter().fold(Onward::to(service), |way, make| way.through(make()));
        Arc::new(move || way.client())
    }

    pub(crate) fn around_provider(&self, provider: BoxProvider) -> BoxProvider {
        self.provider.iter().fold(provider, |provider, wrap| wrap(provider))
    }

    pub(crate) fn around_node_provider(&self, provider: BoxNodeProvider) -> BoxNodeProvider {
        self.node_provider.iter().fold(provider, |provider, wrap| wrap(provider))
    }
}

impl fmt::Debug for Interposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (api, provider, node) = (self.api.len(), self.provider.len(), self.node_provider.len());
        write!(f, "Interposition({api} to the API server, {provider} to the back end, {node} for the node)")
    }
}
