//! A client that shows a certificate, or none, and speaks either protocol.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::pki::{Authority, Identity, provider};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// How to connect.
pub(crate) struct Connector<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) server_authority: &'a Authority,
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) alpn: Vec<&'static [u8]>,
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
}

impl<'a> Connector<'a> {
    pub(crate) fn new(address: SocketAddr, server_authority: &'a Authority, protocol: Protocol) -> Self {
        let alpn: &[u8] = if protocol == Protocol::Http2 { b"h2" } else { b"http/1.1" };
        Self { address, server_authority, identity: None, alpn: vec![alpn], versions: vec![&TLS12, &TLS13] }
    }

    pub(crate) fn identity(mut self, identity: &'a Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Connects and shakes hands. In TLS 1.3 a server's refusal shows only with the first answer.
    pub(crate) async fn tls(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.server_authority.certificate()).unwrap();
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match self.identity {
            Some(identity) => builder.with_client_auth_cert(identity.chain(), identity.key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(config)).connect(self.address.ip().into(), stream).await
    }

    pub(crate) async fn connect(&self) -> Result<Client, Box<dyn std::error::Error>> {
        let stream = self.tls().await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let stream = TokioIo::new(stream);
        Ok(if http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            Client::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(stream).await?;
            tokio::spawn(connection.with_upgrades());
            Client::Http1(sender)
        })
    }
}

/// A connection. Dropping it closes it.
pub(crate) enum Client {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Client {
    pub(crate) async fn send(&mut self, request: Request<Empty<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    pub(crate) async fn request(&mut self, method: Method, path: &str) -> hyper::Result<Response<Incoming>> {
        let uri = match self {
            Self::Http1(_) => path.to_owned(),
            Self::Http2(_) => format!("https://127.0.0.1{path}"),
        };
        let request = Request::builder().method(method).uri(uri).header("host", "127.0.0.1");
        self.send(request.body(Empty::new()).unwrap()).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> (StatusCode, String) {
        self.try_get(path).await.unwrap()
    }

    pub(crate) async fn try_get(&mut self, path: &str) -> hyper::Result<(StatusCode, String)> {
        let response = self.request(Method::GET, path).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    /// A response that goes on.
    pub(crate) async fn open(&mut self, path: &str) -> Incoming {
        let response = self.request(Method::GET, path).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body()
    }
}

/// The next piece of a body, or `None` at its end.
pub(crate) async fn next(body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
    loop {
        match body.frame().await? {
            Ok(frame) => {
                // In HTTP/2 an empty frame may carry the end.
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}
