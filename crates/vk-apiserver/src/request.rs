//! What a request asks for: the path, the verb, the options and the wanted form of the answer.

mod accept;
mod content;
mod duplicates;
mod options;
mod path;
#[cfg(feature = "serve")]
mod protobuf;
mod query;

use bytes::Bytes;
use http::Request;

pub(crate) use accept::{Format, accepts_aggregated_discovery};
pub(crate) use content::{ContentType, DeleteOptions, Preconditions};
pub(crate) use duplicates::duplicate_fields;
pub(crate) use options::{WriteOptions, check_list_options, check_watch_options};
pub use path::Verb;
pub(crate) use path::{ResourcePath, Target};
pub(crate) use query::Query;

use crate::api_error::ApiError;
use crate::selector::{FieldSelector, LabelSelector, Selector};

/// The largest body that is read, as in kube-apiserver.
pub(crate) const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// A request, read but not yet judged.
#[derive(Clone, Debug)]
pub(crate) struct ApiRequest {
    pub(crate) target: Target,
    pub(crate) query: Query,
    pub(crate) accept: String,
    pub(crate) content_type: ContentType,
    pub(crate) body: Bytes,
}

impl ApiRequest {
    /// Reads an HTTP request. Paths and verbs that nobody serves are read too: authorization comes first.
    pub(crate) fn read(request: &Request<Bytes>) -> Self {
        let query = Query::read(request.uri().query().unwrap_or_default());
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (content_type, body) = read_body(header(http::header::CONTENT_TYPE), request.body());
        Self {
            target: Target::read(request.method(), request.uri().path(), &query),
            accept: header(http::header::ACCEPT).to_owned(),
            content_type,
            body,
            query,
        }
    }

    /// The wanted form of the answer.
    pub(crate) fn format(&self) -> Result<Format, ApiError> {
        Format::negotiate(&self.accept, self.query.text("includeObject"))
    }

    /// The selectors of a list, watch or deletecollection.
    pub(crate) fn selector(&self) -> Result<Selector, ApiError> {
        let labels = LabelSelector::parse(self.query.text("labelSelector")).map_err(ApiError::bad_request)?;
        let fields = FieldSelector::parse(self.query.text("fieldSelector")).map_err(ApiError::bad_request)?;
        Ok(Selector { labels, fields })
    }
}

#[cfg(not(feature = "serve"))]
fn read_body(media: &str, body: &Bytes) -> (ContentType, Bytes) {
    (ContentType::read(media), body.clone())
}

/// What comes in protobuf and can be read goes on as JSON.
#[cfg(feature = "serve")]
fn read_body(media: &str, body: &Bytes) -> (ContentType, Bytes) {
    let content_type = ContentType::read(media);
    let is_protobuf = matches!(&content_type, ContentType::Other(other) if other == protobuf::MEDIA_TYPE);
    match is_protobuf.then(|| protobuf::to_json(body)).flatten() {
        Some(json) => (ContentType::Json, json),
        None => (content_type, body.clone()),
    }
}
