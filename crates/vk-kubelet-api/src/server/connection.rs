//! One connection: handshake, protocol, requests.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::activity::Activity;
use super::gate::Place;
use super::graceful::Graceful;
use crate::authentication::PeerCertificate;
use crate::certificates::{HTTP2, TlsState};
use crate::limits::Limits;
use crate::response::Body;
use crate::routes::{Service, StreamingSession};

/// HTTP/2 clients that stop answering pings are gone.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// What is buffered of an HTTP/2 response that its client does not take.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// What is buffered of an HTTP/1.1 connection in either direction, beyond the head of a request.
const BUFFER_BYTES: usize = 64 * 1024;

/// What serving one connection takes.
pub(super) struct Connection {
    pub(super) service: Arc<Service>,
    pub(super) tls: Arc<TlsState>,
    pub(super) limits: Limits,
    pub(super) shutdown: CancellationToken,
}

/// What the requests of one connection share.
struct Session {
    service: Arc<Service>,
    peer: Option<PeerCertificate>,
    place: Arc<Place>,
    /// Cancelled once the client has authenticated, and, where it did so by token, was allowed something.
    known: CancellationToken,
    activity: Arc<Activity>,
    /// Where the session of an upgrade goes: a connection is upgraded at most once.
    upgrades: mpsc::Sender<StreamingSession>,
}

/// A client whose handshake has ended.
struct Established {
    stream: TlsStream<TcpStream>,
    peer: Option<PeerCertificate>,
}

impl Connection {
    /// Serves until the client goes, idles, or has to go.
    pub(super) async fn serve(self, stream: TcpStream, place: Place) {
        let Some(config) = self.tls.config.clone() else {
            return tracing::debug!("a connection to the kubelet API came before the serving certificate");
        };
        let established = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => return,
            established = timeout(self.limits.handshake_timeout, handshake(config, stream)) => established,
        };
        let Established { stream, peer } = match established {
            Ok(Ok(established)) => established,
            Ok(Err(error)) => return tracing::debug!(%error, "a handshake with the kubelet API failed"),
            Err(_) => return tracing::debug!("a handshake with the kubelet API took too long"),
        };
        let (place, known) = (Arc::new(place), CancellationToken::new());
        if peer.is_some() || self.service.authenticator().allows_anonymous() {
            place.authenticated();
            known.cancel();
        }
        let mut requests = pin!(self.requests(stream, peer, place.clone(), known.clone()));
        // All that a stranger gets is 401, until a token says who it is.
        let in_time = timeout(self.limits.unauthenticated_lifetime, async {
            tokio::select! {
                biased;
                () = known.cancelled() => true,
                () = requests.as_mut() => false,
            }
        });
        match in_time.await {
            Ok(true) => requests.await,
            Ok(false) => {}
            Err(_) => tracing::debug!("a client of the kubelet API did not authenticate in time"),
        }
    }

    async fn requests(
        &self,
        stream: TlsStream<TcpStream>,
        peer: Option<PeerCertificate>,
        place: Arc<Place>,
        known: CancellationToken,
    ) {
        let http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        let activity = Activity::new();
        let (upgrades, mut upgraded) = mpsc::channel(1);
        let standing = if known.is_cancelled() { Standing::Known } else { Standing::Stranger };
        let service = self.service.clone();
        let session = Arc::new(Session { service, peer, place, known, activity: activity.clone(), upgrades });
        let respond = service_fn(move |request| {
            let session = session.clone();
            async move { Ok::<_, Infallible>(session.respond(request).await) }
        });
        let stream = TokioIo::new(stream);
        let served = if http2 {
            self.drive(self.http2(standing).serve_connection(stream, respond), &activity).await
        } else {
            self.drive(self.http1(standing).serve_connection(stream, respond).with_upgrades(), &activity).await
        };
        if let Err(error) = served {
            return tracing::debug!(%error, "a connection to the kubelet API broke");
        }
        if let Ok(session) = upgraded.try_recv() {
            session.await;
        }
    }

    /// The protocol is what ALPN said; it is never guessed from bytes that may not come.
    fn http1(&self, standing: Standing) -> http1::Builder {
        let header_bytes = self.header_bytes(standing);
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .max_headers(self.limits.headers)
            .max_header_size(header_bytes as usize)
            .max_buf_size(BUFFER_BYTES + header_bytes as usize);
        match standing {
            Standing::Stranger if !self.service.authenticator().takes_tokens() => {
                builder.header_read_timeout(self.limits.unauthenticated_lifetime).keep_alive(false)
            }
            // A stranger's connection ends with its lifetime in any case.
            Standing::Stranger | Standing::Known => builder.header_read_timeout(self.limits.idle_timeout),
        };
        builder
    }

    fn header_bytes(&self, standing: Standing) -> u32 {
        match standing {
            Standing::Known => self.limits.authenticated_header_bytes,
            Standing::Stranger => self.limits.header_bytes,
        }
    }

    fn http2(&self, standing: Standing) -> http2::Builder<TokioExecutor> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.streams_per_connection)
            .max_header_list_size(self.header_bytes(standing))
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        builder
    }

    async fn drive(&self, connection: impl Graceful, activity: &Activity) -> hyper::Result<()> {
        let mut connection = pin!(connection);
        let idle = tokio::select! {
            biased;
            served = connection.as_mut() => return served,
            () = self.shutdown.cancelled() => false,
            () = activity.idle_for(self.limits.idle_timeout) => true,
        };
        connection.as_mut().shut_down();
        if idle {
            return self.close(connection).await;
        }
        connection.await
    }

    /// Nothing is under way, so a client that does not take part in the farewell misses nothing.
    async fn close(&self, connection: Pin<&mut impl Graceful>) -> hyper::Result<()> {
        timeout(self.limits.handshake_timeout, connection).await.unwrap_or(Ok(()))
    }
}

fn announces_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) || headers.get_all(CONTENT_LENGTH).iter().any(|length| length != "0")
}

async fn handshake(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<Established> {
    let stream = TlsAcceptor::from(config).accept(stream).await?;
    let chain = stream.get_ref().1.peer_certificates();
    let peer = chain.map(PeerCertificate::from_chain).transpose().map_err(io::Error::other)?;
    Ok(Established { stream, peer })
}

/// Whether a client has authenticated when its first request is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Stranger,
    Known,
}

impl Session {
    fn become_known(&self) {
        if !self.known.is_cancelled() {
            self.place.authenticated();
            self.known.cancel();
        }
    }

    /// The request counts as under way until its response has been written or dropped.
    async fn respond(&self, request: Request<Incoming>) -> Response<Body> {
        let active = self.activity.begin();
        let (mut parts, _body) = request.into_parts();
        let mut counted = self.service.count(&parts);
        let version = parts.version;
        let has_body = announces_body(&parts.headers);
        let mut answer = match self.service.authenticate(&mut parts, self.peer.as_ref()).await {
            // Every pod has a token: one that opens nothing here gets its bearer no more than a stranger's time.
            Ok(user) => self.service.answer(&mut parts, &user, &|| self.become_known()).await,
            Err(refused) => refused,
        };
        // No route reads a body, so nobody knows for sure where one ends: nothing that follows it is taken for a request.
        let ends = answer.response.status() == StatusCode::UNAUTHORIZED || has_body;
        if version < Version::HTTP_2 && ends && answer.session.is_none() {
            answer.response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(session) = answer.session {
            let counted = counted.take();
            let session = async move {
                session.await;
                drop(counted);
            };
            // Dropped, it ends the connection, as it should where a client asks for two.
            drop(self.upgrades.try_send(session.boxed()));
        }
        let held = (active, answer.permit, counted);
        answer.response.map(|body| {
            body.map_frame(move |frame| {
                let _ = &held;
                frame
            })
            .boxed_unsync()
        })
    }
}
