//! A client at the node's own port that sends what it likes.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::patience::PATIENCE;
use super::{Stage, text};

/// What a client shows.
pub(crate) enum Credentials {
    None,
    /// Key and chain, PEM.
    Certificate(String),
    Token(String),
}

/// The node's port.
pub(crate) struct KubeletPort {
    pub(crate) address: SocketAddr,
    roots: RootCertStore,
    runtime: Runtime,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `None` if the connection ended without any.
    pub(crate) status: Option<u16>,
    /// Everything that came, heads included.
    pub(crate) text: String,
}

impl KubeletPort {
    /// The port that the Node names, once it does.
    pub(crate) fn of(stage: &Stage) -> Self {
        let node = stage.until_node("the node names its port", |node| {
            node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64().is_some_and(|port| port > 0)
        });
        let addresses = node["status"]["addresses"].as_array().unwrap();
        let ip = addresses.iter().find(|address| address["type"] == "InternalIP").unwrap();
        let port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64().unwrap();
        let address = SocketAddr::new(text(&ip["address"]).parse().unwrap(), u16::try_from(port).unwrap());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(stage.environment().cluster.authority()).unwrap()).unwrap();
        Self { address, roots, runtime: Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap() }
    }

    /// A connection, its handshake done. In TLS 1.3 a refusal shows only with the first answer.
    pub(crate) async fn connect(&self, credentials: &Credentials) -> std::io::Result<TlsStream<TcpStream>> {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone());
        let config = match credentials {
            Credentials::Certificate(pem) => {
                let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap()
            }
            Credentials::None | Credentials::Token(_) => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(config)).connect(self.address.ip().into(), stream).await
    }

    /// Runs to its end what is done at the port.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { timeout(PATIENCE, work).await.expect("the node holds a connection for ever") })
    }

    /// Sends these bytes, and reads until the node closes.
    pub(crate) fn send(&self, credentials: &Credentials, bytes: &[u8]) -> Answer {
        let read = self.run(async {
            let mut read = Vec::new();
            if let Ok(mut stream) = self.connect(credentials).await {
                // The node may close before it has read everything.
                let _ = stream.write_all(bytes).await;
                let _ = stream.flush().await;
                let _ = stream.read_to_end(&mut read).await;
            }
            read
        });
        let text = String::from_utf8_lossy(&read).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        Answer { status, text }
    }

    /// One request without a body.
    pub(crate) fn request(&self, credentials: &Credentials, method: &str, path: &str, headers: &str) -> Answer {
        let authorization = match credentials {
            Credentials::Token(token) => format!("Authorization: Bearer {token}\r\n"),
            _ => String::new(),
        };
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n{authorization}{headers}\r\n");
        self.send(credentials, head.as_bytes())
    }

    pub(crate) fn get(&self, credentials: &Credentials, path: &str) -> Answer {
        self.request(credentials, "GET", path, "")
    }
}
