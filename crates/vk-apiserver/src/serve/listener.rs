//! The socket: TLS on it, and every connection that comes in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::authority::{Authority, AuthorityError, KeyPairPem, ServerNames};
use super::connection::{self, HTTP2};
use super::gateway::Gateway;
use super::relay::Relay;
use crate::server::ApiServer;

/// More than these wait in the socket's backlog.
const CONNECTIONS: usize = 4096;
/// Rest after the system refused to hand out a connection, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The user by whom nodes know the API server.
const KUBELET_CLIENT: (&str, &[&str]) = ("kube-apiserver-kubelet-client", &["system:masters"]);

/// Why a server does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A certificate cannot be made or read.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// TLS cannot be set up with these certificates.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// Certificates of clients cannot be verified with this authority.
    #[error("client certificates cannot be verified: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// A server that listens, and is yet to be run.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    gateway: Arc<Gateway>,
}

impl Listening {
    /// Binds the address. Clients and nodes prove themselves with certificates of `authority`, and so does the server,
    /// under these names.
    ///
    /// # Errors
    /// [`ServeError`] names what stands in the way.
    pub async fn bind(
        server: ApiServer,
        authority: &Authority,
        names: &ServerNames,
        address: SocketAddr,
        now: Timestamp,
    ) -> Result<Self, ServeError> {
        let roots = Arc::new(roots(authority)?);
        let acceptor = acceptor(&authority.serving("kube-apiserver", names, now)?, &roots)?;
        let (user, groups) = KUBELET_CLIENT;
        let relay = Relay::new(client(&authority.client(user, groups, now)?, &roots)?);
        let bind = async {
            let listener = TcpListener::bind(address).await?;
            let bound = listener.local_addr()?;
            Ok((listener, bound))
        };
        let (listener, address) = bind.await.map_err(|source| ServeError::Bind { address, source })?;
        Ok(Self { listener, address, acceptor, gateway: Arc::new(Gateway::new(server, relay)) })
    }

    /// Where it listens: the port is the one that was taken.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves for ever; dropping the future breaks every connection.
    pub async fn run(self) -> std::convert::Infallible {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            // The semaphore is never closed.
            let place = places.clone().acquire_owned().await.ok();
            let accepted = tokio::select! {
                biased;
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    let (gateway, acceptor) = (self.gateway.clone(), self.acceptor.clone());
                    connections.spawn(async move {
                        let _place = place;
                        connection::serve(gateway, acceptor, stream).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Listening").field("address", &self.address).finish_non_exhaustive()
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots(authority: &Authority) -> Result<RootCertStore, ServeError> {
    let mut roots = RootCertStore::empty();
    for certificate in authority.own().chain()? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

/// Lets clients without a certificate in: they may have a token.
fn acceptor(own: &KeyPairPem, roots: &Arc<RootCertStore>) -> Result<TlsAcceptor, ServeError> {
    let clients =
        WebPkiClientVerifier::builder_with_provider(roots.clone(), provider()).allow_unauthenticated().build()?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(clients)
        .with_single_cert(own.chain()?, own.private_key()?)?;
    config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Upgrades are a matter of HTTP/1.1, so nothing else is offered.
fn client(own: &KeyPairPem, roots: &Arc<RootCertStore>) -> Result<ClientConfig, ServeError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots.clone());
    Ok(config.with_client_auth_cert(own.chain()?, own.private_key()?)?)
}
