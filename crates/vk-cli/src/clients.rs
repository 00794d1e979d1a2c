//! Clients of the API server: each with a connection of its own, all of them counted, and what they are refused is told.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tokio::sync::watch;
use tower::{BoxError, Service};
use virtual_kubelet::controller::node::ClientSource;
use virtual_kubelet::permissions::RefusalsLayer;

use crate::metrics::ApiRequestsLayer;

/// Makes clients, which have to be made on the runtime that uses them.
#[derive(Clone)]
pub(crate) struct Clients {
    config: Config,
    counted: ApiRequestsLayer,
    refusals: RefusalsLayer,
    /// Changes when there is a new client certificate in the file that the configuration names.
    renewed: Option<watch::Receiver<u64>>,
}

impl Clients {
    pub(crate) fn new(config: Config, counted: ApiRequestsLayer) -> Self {
        Self { config, counted, refusals: RefusalsLayer::default(), renewed: None }
    }

    /// The same, with connections that are made anew whenever this changes.
    pub(crate) fn renewed_with(mut self, renewed: watch::Receiver<u64>) -> Self {
        self.renewed = Some(renewed);
        self
    }

    /// A new client.
    pub(crate) fn make(&self) -> kube::Result<Client> {
        let client = self.connect_once()?;
        let Some(renewed) = self.renewed.clone() else { return Ok(client) };
        let service = Renewing { clients: Self { renewed: None, ..self.clone() }, client, renewed };
        Ok(Client::new(service, self.config.default_namespace.clone()))
    }

    /// Reads the certificate's file.
    fn connect_once(&self) -> kube::Result<Client> {
        Ok(ClientBuilder::try_from(self.config.clone())?.with_layer(&self.counted).with_layer(&self.refusals).build())
    }
}

impl ClientSource for Clients {
    fn connect(&self) -> BoxFuture<'_, kube::Result<Client>> {
        async { self.make() }.boxed()
    }
}

/// Sends each request on a connection with the newest certificate. What is under way, as a watch, ends on its old one.
struct Renewing {
    clients: Clients,
    client: Client,
    renewed: watch::Receiver<u64>,
}

impl Service<Request<Body>> for Renewing {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if self.renewed.has_changed().unwrap_or(false) {
            self.renewed.mark_unchanged();
            match self.clients.connect_once() {
                Ok(client) => self.client = client,
                Err(error) => {
                    tracing::warn!(%error, "the renewed client certificate cannot be used: the connections stay as they are");
                }
            }
        }
        let client = self.client.clone();
        async move { Ok(client.send(request).await?) }.boxed()
    }
}
