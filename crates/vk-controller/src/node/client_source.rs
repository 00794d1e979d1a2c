//! [`ClientSource`]: how the heartbeat gets a connection of its own.

use futures::future::BoxFuture;
use kube::Client;

/// Makes clients. A client has to be made on the runtime that uses it: it leaves a worker there.
///
/// Turn `kube::Config::default_retry` off in what you make: kube would repeat refused requests by itself, for minutes, while
/// the control plane counts seconds.
pub trait ClientSource: Send + Sync + 'static {
    /// A new client, with a connection of its own.
    ///
    /// # Errors
    /// If the configuration or the credentials cannot be read just now. The caller asks again.
    fn connect(&self) -> BoxFuture<'_, kube::Result<Client>>;
}

impl<F, W> ClientSource for F
where
    F: Fn() -> W + Send + Sync + 'static,
    W: Future<Output = kube::Result<Client>> + Send + 'static,
{
    fn connect(&self) -> BoxFuture<'_, kube::Result<Client>> {
        Box::pin(self())
    }
}

/// A client that is there already: where everything runs on one executor, as in simulation.
#[derive(Clone)]
pub struct SharedClient(pub Client);

impl ClientSource for SharedClient {
    fn connect(&self) -> BoxFuture<'_, kube::Result<Client>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}
