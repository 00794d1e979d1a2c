//! The server as a `tower::Service`.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use futures::future::{BoxFuture, FutureExt as _, pending};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::Service;

use super::{ApiServer, Link, ResponseBody, body, watch_stream};
use crate::api_error::ApiError;
use crate::fault::{Outcome, RequestClass, reason_of};
use crate::identity::Identity;
use crate::kernel::Reply;
use crate::request::MAX_BODY_BYTES;

/// What a client sees of a broken connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nobody listens.
    #[error("connection refused by the in-process API server")]
    Refused,
    /// The connection broke; whether the server acted is unknown.
    #[error("connection reset by the in-process API server")]
    Reset,
    /// The client's own body could not be read.
    #[error("the request body could not be read")]
    RequestBody,
}

/// One client's way to the server.
#[derive(Clone, Debug)]
pub struct ApiService {
    server: ApiServer,
    identity: Arc<Identity>,
    link: Link,
}

impl ApiService {
    pub(super) fn new(server: ApiServer, identity: Identity, link: Link) -> Self {
        Self { server, identity: Arc::new(identity), link }
    }

    async fn answer<B>(self, request: Request<B>) -> Result<Response<ResponseBody>, TransportError>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, request_body) = request.into_parts();
        let class = RequestClass::of(&parts.method, &parts.uri, &self.identity);
        self.reach().await?;
        let bytes = read(request_body).await?;
        let fault = self.server.request_fault(&class);
        pass(fault.delay_before).await;
        match fault.outcome {
            Outcome::ResetBefore => return Err(TransportError::Reset),
            Outcome::HangBefore => return self.hang().await,
            Outcome::Refuse { code, retry_after } => {
                let error = refusal(code, retry_after);
                pass(fault.delay_after).await;
                return Ok(complete(Reply::error(&error), &self, class));
            }
            Outcome::Serve | Outcome::ResetAfter | Outcome::HangAfter | Outcome::Truncate => {}
        }
        self.reach().await?;
        let epoch = self.server.shared.power.get().epoch;
        let reply = self.act(&Request::from_parts(parts, bytes), fault.stale_by);
        pass(fault.delay_after).await;
        match fault.outcome {
            Outcome::ResetAfter => return Err(TransportError::Reset),
            Outcome::HangAfter => return self.hang().await,
            _ => {}
        }
        // A partition or a restart in the meantime has lost the answer.
        self.reach().await.map_err(|_| TransportError::Reset)?;
        if self.server.shared.power.get().epoch != epoch {
            return Err(TransportError::Reset);
        }
        match (fault.outcome, reply) {
            (Outcome::Truncate, Reply::Complete(response)) => Ok(response.map(|bytes| body::truncated(&bytes))),
            (_, reply) => Ok(complete(reply, &self, class)),
        }
    }

    /// Waits out a silent link; an error if nobody listens at its other end.
    async fn reach(&self) -> Result<(), TransportError> {
        if self.link.passes().await && self.server.shared.power.get().on {
            Ok(())
        } else {
            Err(TransportError::Refused)
        }
    }

    fn act(&self, request: &Request<Bytes>, stale_by: u64) -> Reply {
        let now = self.server.now();
        let mut kernel = self.server.shared.kernel.lock();
        let reply = kernel.handle_stale(request, &self.identity, now, stale_by);
        let revision = kernel.revision();
        drop(kernel);
        self.server.announce(revision);
        reply
    }

    /// Never answers, but breaks with the link and with the server.
    async fn hang<T>(&self) -> Result<T, TransportError> {
        let power = &self.server.shared.power;
        let epoch = power.get().epoch;
        tokio::select! {
            biased;
            _ = power.wait_for(|power| !power.on || power.epoch != epoch) => Err(TransportError::Reset),
            () = self.link.refuses() => Err(TransportError::Reset),
            () = pending() => Err(TransportError::Reset),
        }
    }
}

impl<B> Service<Request<B>> for ApiService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = TransportError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        answer_boxed(self.clone(), request)
    }
}

fn answer_boxed<B>(
    service: ApiService,
    request: Request<B>,
) -> BoxFuture<'static, Result<Response<ResponseBody>, TransportError>>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    assert_send(service.answer(request)).boxed()
}

fn assert_send<F: Future + Send>(future: F) -> F {
    future
}

/// Lets time pass; a timer of zero would still take a tick.
async fn pass(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

/// The body; of one that is too large, one byte more than is allowed, so that the kernel sees it.
async fn read<B>(request_body: B) -> Result<Bytes, TransportError>
where
    B: http_body::Body,
{
    let mut request_body = std::pin::pin!(request_body);
    let mut bytes = BytesMut::new();
    while bytes.len() <= MAX_BODY_BYTES {
        let Some(frame) = request_body.frame().await else { break };
        let Ok(mut data) = frame.map_err(|_| TransportError::RequestBody)?.into_data() else { continue };
        let wanted = data.remaining().min(MAX_BODY_BYTES + 1 - bytes.len());
        bytes.put(data.copy_to_bytes(wanted));
    }
    Ok(bytes.freeze())
}

fn refusal(code: u16, retry_after: Option<u32>) -> ApiError {
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let error = ApiError::new(code, reason_of(code), format!("injected fault: {code}"));
    match retry_after {
        Some(seconds) => error.with_retry_after(seconds),
        None => error,
    }
}

fn complete(reply: Reply, service: &ApiService, class: RequestClass) -> Response<ResponseBody> {
    match reply {
        Reply::Complete(response) => response.map(body::whole),
        Reply::Watch(watch) => {
            let events = watch_stream::events(service.server.clone(), service.link.clone(), class, watch);
            let mut response = Response::new(body::streamed(events));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
    }
}
