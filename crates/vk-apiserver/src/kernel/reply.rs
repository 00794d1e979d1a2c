//! Answers.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde_json::Value;

use super::Watch;
use crate::api_error::ApiError;

/// What the kernel answers.
#[derive(Debug)]
pub enum Reply {
    /// A whole answer.
    Complete(Response<Bytes>),
    /// A stream of events, to be read with [`super::Kernel::poll_watch`].
    Watch(Box<Watch>),
}

impl Reply {
    /// The HTTP status code.
    #[must_use]
    pub fn code(&self) -> StatusCode {
        match self {
            Self::Complete(response) => response.status(),
            Self::Watch(_) => StatusCode::OK,
        }
    }

    pub(crate) fn json(code: StatusCode, body: &Value) -> Self {
        Self::Complete(response(code, "application/json", body.to_string().into(), None))
    }

    /// A document of another media type than plain JSON.
    pub(crate) fn json_as(media: &'static str, body: &Value) -> Self {
        Self::Complete(response(StatusCode::OK, media, body.to_string().into(), None))
    }

    /// A JSON document that was made before.
    #[cfg(feature = "serve")]
    pub(crate) fn document(body: Bytes) -> Self {
        Self::Complete(response(StatusCode::OK, "application/json", body, None))
    }

    pub(crate) fn text(body: &'static str) -> Self {
        Self::Complete(response(StatusCode::OK, "text/plain; charset=utf-8", Bytes::from_static(body.as_bytes()), None))
    }

    /// Adds warnings, which kubectl prints (KEP-1693).
    pub(crate) fn with_warnings(mut self, warnings: &[String]) -> Self {
        if let Self::Complete(response) = &mut self {
            for warning in warnings {
                let escaped = warning.replace('\\', "\\\\").replace('"', "\\\"");
                if let Ok(value) = header::HeaderValue::from_str(&format!("299 - \"{escaped}\"")) {
                    response.headers_mut().append(header::WARNING, value);
                }
            }
        }
        self
    }

    pub(crate) fn page_not_found() -> Self {
        let body = Bytes::from_static(b"404 page not found\n");
        Self::Complete(response(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", body, None))
    }

    pub(crate) fn error(error: &ApiError) -> Self {
        let body = error.to_status().to_string().into();
        Self::Complete(response(error.code, "application/json", body, error.retry_after))
    }
}

fn response(code: StatusCode, media: &'static str, body: Bytes, retry_after: Option<u32>) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-cache, private"));
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_is_a_header_with_quotes_escaped() {
        let warnings = [r#"unknown field "spec.foo""#.to_owned(), "second".to_owned()];
        let Reply::Complete(response) = Reply::text("ok").with_warnings(&warnings) else { panic!("a watch") };
        let headers: Vec<&str> =
            response.headers().get_all(header::WARNING).iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(headers, [r#"299 - "unknown field \"spec.foo\"""#, r#"299 - "second""#]);
    }
}
