//! GET of one object and lists: snapshots, pages and resourceVersions
//! (Kubernetes documentation, "Kubernetes API Concepts").

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Call, Kernel, Reply};
use crate::api_error::{ApiError, FieldError};
use crate::object::Object;
use crate::storage::Key;

/// Where the next page starts, and of which snapshot.
#[derive(Serialize, Deserialize)]
struct ContinueToken {
    v: String,
    rv: u64,
    start: String,
}

impl ContinueToken {
    fn encode(revision: u64, last: &Key) -> String {
        let token =
            Self { v: "meta.k8s.io/v1".into(), rv: revision, start: format!("{}/{}", last.namespace, last.name) };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
    }

    fn decode(text: &str) -> Result<(u64, Key), ApiError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let token: Option<Self> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let invalid = || ApiError::bad_request("continue key is not valid: encoded token was not recognized");
        let token = token.ok_or_else(invalid)?;
        let (namespace, name) = token.start.split_once('/').ok_or_else(invalid)?;
        Ok((token.rv, Key::new(namespace, name)))
    }
}

impl Kernel {
    pub(super) fn get(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let format = call.request.format()?;
        let object = self
            .storage
            .get(call.resource.storage, &call.key())
            .ok_or_else(|| ApiError::not_found(call.resource, &call.path.name))?;
        Ok(Reply::json(StatusCode::OK, &format.render(call.resource, object)))
    }

    pub(super) fn list(&self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let format = call.request.format()?;
        let selector = call.request.selector()?;
        selector.fields.check(call.resource).map_err(ApiError::bad_request)?;
        let (revision, after) = self.list_position(call)?;
        let limit = usize::try_from(call.request.query.number("limit")?.unwrap_or_default()).unwrap_or_default();
        let namespace = &call.path.namespace;
        let mut selected = self
            .snapshot(call, revision)?
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
            metadata["continue"] = ContinueToken::encode(revision, &Key::of(last)).into();
            if selector.is_empty() {
                metadata["remainingItemCount"] = remaining.into();
            }
        }
        let items: Vec<Value> = page.iter().map(|object| format.render_item(call.resource, object)).collect();
        let (kind, api_version) = format.list_type(call.resource);
        let list = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items});
        Ok(Reply::json(StatusCode::OK, &list))
    }

    /// The revision of the list, and after which key its page starts.
    fn list_position(&self, call: &Call<'_>) -> Result<(u64, Option<Key>), ApiError> {
        let query = &call.request.query;
        let current = self.storage.revision();
        let asked = revision_of(query.text("resourceVersion"))?;
        let rule = query.text("resourceVersionMatch");
        if let Some(text) = query.get("continue").filter(|text| !text.is_empty()) {
            if !rule.is_empty() {
                return Err(forbidden_match("resourceVersionMatch is forbidden when continue is provided"));
            }
            let (revision, last) = ContinueToken::decode(text)?;
            return Ok((revision, Some(last)));
        }
        match (rule, asked) {
            ("", _) | ("NotOlderThan" | "Exact", Some(_)) => {}
            ("NotOlderThan" | "Exact", None) => {
                return Err(forbidden_match("resourceVersionMatch is forbidden unless resourceVersion is provided"));
            }
            (other, _) => {
                let supported = ["Exact", "NotOlderThan", ""];
                let error = FieldError::not_supported("resourceVersionMatch", other, &supported);
                return Err(ApiError::invalid_options(error));
            }
        }
        if let Some(asked) = asked.filter(|asked| *asked > current) {
            return Err(ApiError::version_too_large(asked, current));
        }
        match (rule, asked) {
            ("Exact", Some(asked)) => Ok((asked, None)),
            _ => Ok((current.saturating_sub(call.behind).max(1), None)),
        }
    }

    fn snapshot(&self, call: &Call<'_>, revision: u64) -> Result<Vec<Arc<Object>>, ApiError> {
        let collection = self.storage.collection(call.resource.storage);
        if revision >= self.storage.revision() {
            return Ok(collection.objects(None).cloned().collect());
        }
        let past = collection.at(revision).map_err(|compacted| {
            let oldest = compacted.oldest;
            match call.request.query.get("continue") {
                Some(_) => ApiError::expired(
                    "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.",
                ),
                None => ApiError::expired(format!("The resourceVersion for the provided list is too old: {revision} ({oldest})")),
            }
        })?;
        Ok(past.into_values().collect())
    }
}

/// A resourceVersion parameter: `None` when it was not given.
pub(super) fn revision_of(text: &str) -> Result<Option<u64>, ApiError> {
    let invalid = || {
        ApiError::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
        ))
    };
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| invalid()) }
}

pub(super) fn forbidden_match(detail: &str) -> ApiError {
    ApiError::invalid_options(FieldError::forbidden("resourceVersionMatch", detail))
}
