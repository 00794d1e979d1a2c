//! Responses as the kubelet words them: plain text, because `kubectl` shows the body as it is.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use vk_core::{Error, ErrorKind};

/// Body of every response; an error cuts it.
pub(crate) type Body = UnsyncBoxBody<Bytes, Error>;

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");

/// A body of known length.
pub(crate) fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A plain-text response.
pub(crate) fn text(status: StatusCode, content: impl Into<Bytes>) -> Response<Body> {
    with_type(status, PLAIN_TEXT, full(content))
}

/// A response of plain text that is still being written.
pub(crate) fn text_stream(body: Body) -> Response<Body> {
    with_type(StatusCode::OK, PLAIN_TEXT, body)
}

/// A JSON response.
pub(crate) fn json(content: impl Into<Bytes>) -> Response<Body> {
    json_stream(full(content))
}

/// A JSON response that is still being written.
pub(crate) fn json_stream(body: Body) -> Response<Body> {
    with_type(StatusCode::OK, JSON, body)
}

/// A response of any type.
pub(crate) fn with_type(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    response
}

/// A request that is not served, and what to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// The method that would have been taken.
    allowed: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), allowed: None }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::method_not_allowed_but("GET")
    }

    /// Another method than the one that is served.
    pub(crate) fn method_not_allowed_but(allowed: &'static str) -> Self {
        Self { allowed: Some(allowed), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed") }
    }

    /// The provider has no such interface.
    pub(crate) fn missing(what: &str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, format!("the provider of this virtual node cannot {what}"))
    }

    /// The back end, or whoever knows the pods, did not answer in time.
    pub(crate) fn late(who: &str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, format!("{who} did not answer in time"))
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = text(self.status, self.message);
        if let Some(allowed) = self.allowed {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }
}

/// `kubectl` shows the body of 400, 500, 501 and 502, but not that of 404, 503 or 504; the kubelet itself answers 400 to
/// whatever its runtime says.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match &error.kind {
            ErrorKind::Unsupported { .. } => StatusCode::NOT_IMPLEMENTED,
            ErrorKind::Exhausted { .. }
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Unavailable
            | ErrorKind::Unauthenticated => StatusCode::BAD_GATEWAY,
            ErrorKind::Cancelled | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}
