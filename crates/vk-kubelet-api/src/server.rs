//! The server itself: one listener, one node.

mod activity;
mod connection;
mod gate;
mod graceful;
mod population;
mod socket;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vk_provider::Interfaces;

use crate::authentication::{Authenticator, TokenAuthenticator, Tokens};
use crate::authorization::Authorizer;
use crate::certificates::{CertificateError, CertificateFiles, Reloader};
use crate::clock::WallClock;
use crate::health::HealthCheck;
use crate::limits::Limits;
use crate::metrics_source::MetricsSource;
use crate::pod_source::PodSource;
use crate::routes::Service;
use crate::settings::configuration;
use crate::settings::{Clients, Settings};
use gate::Gate;

/// What the API shows of one node, and who may see it.
#[derive(Clone)]
pub struct NodeServices {
    pub(crate) name: Arc<str>,
    pub(crate) pods: Arc<dyn PodSource>,
    pub(crate) interfaces: Interfaces,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) tokens: Option<Arc<dyn TokenAuthenticator>>,
    pub(crate) health: Vec<Arc<dyn HealthCheck>>,
    pub(crate) clock: WallClock,
    pub(crate) metrics: Option<Arc<dyn MetricsSource>>,
    pub(crate) configuration: Map<String, Value>,
}

impl NodeServices {
    /// The node of this name, with these pods and a provider's interfaces.
    pub fn new(
        name: impl Into<Arc<str>>,
        pods: Arc<dyn PodSource>,
        interfaces: Interfaces,
        authorizer: Arc<dyn Authorizer>,
        clock: WallClock,
    ) -> Self {
        Self {
            name: name.into(),
            pods,
            interfaces,
            authorizer,
            tokens: None,
            health: Vec::new(),
            clock,
            metrics: None,
            configuration: Map::new(),
        }
    }

    /// The same, with somebody who knows bearer tokens.
    #[must_use]
    pub fn with_token_authenticator(mut self, tokens: Arc<dyn TokenAuthenticator>) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// The same, with one more check behind `/healthz`.
    #[must_use]
    pub fn with_health_check(mut self, check: Arc<dyn HealthCheck>) -> Self {
        self.health.push(check);
        self
    }

    /// The same, with the agent's own metrics behind `/metrics`.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn MetricsSource>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// The same, with further fields of a `KubeletConfiguration`
    /// (<https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/>) behind `/configz`; what the server is set
    /// to itself is added.
    #[must_use]
    pub fn with_configuration(mut self, configuration: Map<String, Value>) -> Self {
        self.configuration = configuration;
        self
    }
}

impl fmt::Debug for NodeServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeServices").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why the kubelet API does not listen. The node runs on without it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A certificate, key or bundle cannot be used.
    #[error("the kubelet API cannot start: {0}")]
    Certificate(#[from] CertificateError),
    /// The settings want bearer tokens, and nobody is there who knows them.
    #[error("the kubelet API cannot start: bearer tokens are to be accepted, and there is no token authenticator")]
    NoTokenAuthenticator,
    /// The address cannot be bound.
    #[error("the kubelet API cannot listen on {address}: {source}; is the port (KUBELET_PORT) taken?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// The kubelet API of one node, listening.
pub struct KubeletApi {
    listener: TcpListener,
    address: SocketAddr,
    reloader: Reloader,
    service: Arc<Service>,
    limits: Limits,
}

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that still carried requests at the deadline, and were cut.
    pub cut: usize,
}

impl KubeletApi {
    /// Reads the certificates and binds the address.
    ///
    /// # Errors
    /// [`StartError`] names the setting and the file, or the address.
    pub async fn bind(settings: Settings, mut node: NodeServices) -> Result<Self, StartError> {
        let own = configuration::of(&settings);
        let Settings { bind, serving, clients, limits } = settings;
        let tokens = match (clients.tokens, &node.tokens) {
            (false, _) => None,
            (true, Some(known)) => Some(Tokens::new(known.clone(), limits.authentication_timeout)),
            (true, None) => return Err(StartError::NoTokenAuthenticator),
        };
        let reloader = Reloader::load(CertificateFiles::new(serving, &clients), node.clock.clone()).await?;
        let listen = async {
            let listener = TcpListener::bind(bind).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = listen.await.map_err(|source| StartError::Bind { address: bind, source })?;
        node.configuration.extend(own);
        node.configuration.insert("port".to_owned(), address.port().into());
        warn_of_clients(&clients, address);
        tracing::info!(%address, node = %node.name, "the kubelet API listens");
        let authenticator = Authenticator::new(reloader.state(), tokens, clients.anonymous, node.clock.clone());
        let service = Arc::new(Service::new(node, authenticator, limits.clone()));
        Ok(Self { listener, address, reloader, service, limits })
    }

    /// Where it listens: the port is the one that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is cancelled. Then nothing new is accepted, and what is under way may finish until
    /// [`Limits::drain_timeout`] has passed. Dropping the future cuts everything at once.
    pub async fn run(self, shutdown: CancellationToken) -> Drained {
        let gate = Gate::new(self.service, self.reloader.state(), self.limits.clone(), shutdown.clone());
        let mut reloading = pin!(self.reloader.run(self.limits.certificate_poll_interval));
        let mut serving = pin!(gate.serve(self.listener));
        tokio::select! {
            biased;
            drained = &mut serving => drained,
            never = &mut reloading => match never {},
        }
    }
}

impl fmt::Debug for KubeletApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubeletApi").field("address", &self.address).finish_non_exhaustive()
    }
}

fn warn_of_clients(clients: &Clients, address: SocketAddr) {
    if clients.ca.is_none() {
        tracing::warn!(
            "without a client CA (--client-verify-ca) nobody comes in with a certificate, the API server included: \
             kubectl logs and exec do not work unless it brings a token"
        );
    }
    if clients.anonymous {
        tracing::warn!(
            %address,
            "INSECURE: the kubelet API answers clients without a certificate as system:anonymous \
             (--no-verify-clients and --insecure-allow-anonymous are set); \
             whatever that user is authorized for, anyone who reaches this address can do"
        );
    }
}
