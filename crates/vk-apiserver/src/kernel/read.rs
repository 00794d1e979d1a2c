//! GET of one object and lists: snapshots, pages and resourceVersions
//! (Kubernetes documentation, "Kubernetes API Concepts").

use std::sync::Arc;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::{DecodeError, Engine as _};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Call, Kernel, Reply};
use crate::api_error::ApiError;
use crate::object::Object;
use crate::request::check_list_options;
use crate::storage::Key;

const PAGE_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";
/// How tokens are encoded.
const VERSION: &str = "meta.k8s.io/v1";

/// Where the next page starts, and of which snapshot.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct ContinueToken {
    v: String,
    /// -1 after the snapshot was forgotten: the rest of the list is as it is now.
    rv: i64,
    start: String,
}

impl ContinueToken {
    fn encode(revision: Option<u64>, last: &Key) -> String {
        let rv = revision.and_then(|revision| i64::try_from(revision).ok()).unwrap_or(-1);
        let token = Self { v: VERSION.into(), rv, start: format!("{}/{}", last.namespace, last.name) };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
    }

    /// The snapshot, if the token holds to one, and the key after which the next page starts.
    fn decode(text: &str) -> Result<(Option<u64>, Key), ApiError> {
        let invalid =
            |why: String| ApiError::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| match error {
            DecodeError::InvalidByte(offset, _) => invalid(format!("illegal base64 data at input byte {offset}")),
            other => invalid(other.to_string()),
        })?;
        let token: Self = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
        if token.v != VERSION {
            return Err(invalid(format!("server does not recognize this encoded version {}", token.v)));
        }
        if token.rv == 0 {
            return Err(invalid(format!("incorrect encoded start resourceVersion (version {VERSION})")));
        }
        let (namespace, name) = token.start.split_once('/').ok_or_else(|| invalid("no start key".into()))?;
        Ok((u64::try_from(token.rv).ok(), Key::new(namespace, name)))
    }
}

impl Kernel {
    pub(super) fn get(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let format = call.request.format()?;
        if let Some(asked) = revision_of(call.request.query.text("resourceVersion"))
            .map_err(|error| ApiError::unexpected(error.message.trim_start_matches("invalid resource version: ")))?
        {
            self.refuse_future(asked)?;
        }
        let object = self
            .storage
            .get(call.resource.storage, &call.key())
            .ok_or_else(|| ApiError::not_found(call.resource, &call.path.name))?;
        Ok(Reply::json(StatusCode::OK, &format.render(call.resource, object, call.now.wall)))
    }

    pub(super) fn list(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let format = call.request.format()?;
        check_list_options(&call.request.query)?;
        let selector = call.request.selector()?;
        selector.fields.check(call.resource).map_err(ApiError::bad_request)?;
        let (revision, after) = self.list_position(call)?;
        let limit = usize::try_from(call.request.query.number("limit")?.unwrap_or_default()).unwrap_or_default();
        // A list that may be of any age comes from the watch cache, which knows no pages.
        let limit = if call.request.query.text("resourceVersion") == "0" { 0 } else { limit };
        let namespace = &call.path.namespace;
        let mut selected = self
            .snapshot(call, revision, after.as_ref())?
            .into_iter()
            .filter(|object| namespace.is_empty() || object.namespace() == namespace)
            .filter(|object| after.as_ref().is_none_or(|after| Key::of(object) > *after))
            .filter(|object| selector.matches(call.resource, object));
        let page: Vec<Arc<Object>> = match limit {
            0 => selected.by_ref().collect(),
            limit => selected.by_ref().take(limit).collect(),
        };
        let remaining = selected.count();
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if let (Some(last), 1..) = (page.last(), remaining) {
            metadata["continue"] = ContinueToken::encode(Some(revision), &Key::of(last)).into();
            if selector.is_empty() {
                metadata["remainingItemCount"] = remaining.into();
            }
        }
        Ok(Reply::json(StatusCode::OK, &format.render_list(call.resource, &page, metadata, call.now.wall)))
    }

    /// The revision of the list, and after which key its page starts.
    fn list_position(&self, call: &Call<'_>) -> Result<(u64, Option<Key>), ApiError> {
        let query = &call.request.query;
        let current = self.storage.revision();
        let asked = revision_of(query.text("resourceVersion"))?;
        if let Some(text) = query.get("continue").filter(|text| !text.is_empty()) {
            if asked.is_some_and(|asked| asked > 0) {
                return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
            }
            let (revision, last) = ContinueToken::decode(text)?;
            return Ok((revision.unwrap_or(current), Some(last)));
        }
        if let Some(asked) = asked {
            self.refuse_future(asked)?;
        }
        match (query.text("resourceVersionMatch"), asked) {
            ("Exact", Some(asked)) => Ok((asked, None)),
            _ => Ok((current.saturating_sub(call.behind).max(1), None)),
        }
    }

    fn refuse_future(&self, asked: u64) -> Result<(), ApiError> {
        let current = self.storage.revision();
        if asked > current { Err(ApiError::version_too_large(asked, current)) } else { Ok(()) }
    }

    fn snapshot(&self, call: &Call<'_>, revision: u64, after: Option<&Key>) -> Result<Vec<Arc<Object>>, ApiError> {
        let collection = self.storage.collection(call.resource.storage);
        if revision >= self.storage.revision() {
            return Ok(collection.objects(None).cloned().collect());
        }
        let past = collection.at(revision).map_err(|compacted| {
            let oldest = compacted.oldest;
            match after {
                // The token that comes with the refusal leads through the rest of the list as it is now.
                Some(after) => ApiError::expired(PAGE_EXPIRED).with_continue(ContinueToken::encode(None, after)),
                None => ApiError::expired(format!(
                    "The resourceVersion for the provided list is too old: {revision} ({oldest})"
                )),
            }
        })?;
        Ok(past.into_values().collect())
    }
}

/// A resourceVersion parameter: `None` when it was not given.
pub(super) fn revision_of(text: &str) -> Result<Option<u64>, ApiError> {
    let invalid = |why: &str| {
        ApiError::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: {why}"
        ))
    };
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        _ if text.is_empty() => Ok(None),
        Ok(revision) => Ok(Some(revision)),
        Err(_) => Err(invalid(if is_number { "value out of range" } else { "invalid syntax" })),
    }
}
