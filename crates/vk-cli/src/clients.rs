//! Clients of the API server: each with a connection of its own, all of them counted.

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::client::ClientBuilder;
use kube::{Client, Config};
use virtual_kubelet::controller::node::ClientSource;

use crate::metrics::ApiRequestsLayer;

/// Makes clients, which have to be made on the runtime that uses them.
#[derive(Clone)]
pub(crate) struct Clients {
    config: Config,
    counted: ApiRequestsLayer,
}

impl Clients {
    pub(crate) fn new(config: Config, counted: ApiRequestsLayer) -> Self {
        Self { config, counted }
    }

    /// A new client.
    pub(crate) fn make(&self) -> kube::Result<Client> {
        Ok(ClientBuilder::try_from(self.config.clone())?.with_layer(&self.counted).build())
    }
}

impl ClientSource for Clients {
    fn connect(&self) -> BoxFuture<'_, kube::Result<Client>> {
        async { self.make() }.boxed()
    }
}
