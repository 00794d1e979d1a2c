//! Content negotiation: whole objects, or only their metadata.

use serde_json::{Map, Value, json};

use crate::api_error::ApiError;
use crate::object::Object;
use crate::resource::Resource;

/// The form in which objects are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The object itself.
    Full,
    /// `meta.k8s.io/v1 PartialObjectMetadata`.
    Metadata,
}

impl Format {
    /// Takes the first media type that the server can write.
    pub(crate) fn negotiate(accept: &str) -> Result<Self, ApiError> {
        if accept.trim().is_empty() {
            return Ok(Self::Full);
        }
        accept.split(',').find_map(Self::of).ok_or_else(ApiError::not_acceptable)
    }

    fn of(range: &str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next()?;
        if !matches!(media, "application/json" | "*/*") {
            return None;
        }
        let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let parameter = |name| parameters.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
        match parameter("as") {
            None => Some(Self::Full),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList")
                if parameter("g") == Some("meta.k8s.io") && parameter("v") == Some("v1") =>
            {
                Some(Self::Metadata)
            }
            Some(_) => None,
        }
    }

    /// An object of this resource, in its served form.
    pub(crate) fn render(self, resource: &Resource, stored: &Object) -> Value {
        match self {
            Self::Full => resource.strategy.to_served(stored).into_value(),
            Self::Metadata => json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": stored.at("/metadata").cloned().unwrap_or_else(|| Map::new().into()),
            }),
        }
    }

    /// An element of a list: elements of a typed list carry neither kind nor apiVersion.
    pub(crate) fn render_item(self, resource: &Resource, stored: &Object) -> Value {
        let mut item = self.render(resource, stored);
        if let (Self::Full, Value::Object(fields)) = (self, &mut item) {
            fields.remove("kind");
            fields.remove("apiVersion");
        }
        item
    }

    /// The kind and apiVersion of a list.
    pub(crate) fn list_type(self, resource: &Resource) -> (String, String) {
        match self {
            Self::Full => (format!("{}List", resource.kind), resource.api_version()),
            Self::Metadata => ("PartialObjectMetadataList".into(), "meta.k8s.io/v1".into()),
        }
    }

    /// What a bookmark carries.
    pub(crate) fn bookmark(self, resource: &Resource, revision: u64, initial_events_end: bool) -> Value {
        let (kind, api_version) = match self {
            Self::Full => (resource.kind.to_owned(), resource.api_version()),
            Self::Metadata => ("PartialObjectMetadata".to_owned(), "meta.k8s.io/v1".to_owned()),
        };
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if initial_events_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let mut bookmark = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
        if self == Self::Full && resource.plural == "pods" {
            bookmark["spec"] = json!({"containers": null});
            bookmark["status"] = json!({});
        }
        bookmark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_can_be_written_is_taken() {
        let metadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
        let metadata_list = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        for (accept, format) in [
            ("", Format::Full),
            ("application/json", Format::Full),
            ("*/*", Format::Full),
            ("application/vnd.kubernetes.protobuf,application/json", Format::Full),
            (table, Format::Full),
            (metadata, Format::Metadata),
            (metadata_list, Format::Metadata),
        ] {
            assert_eq!(Format::negotiate(accept), Ok(format), "{accept}");
        }
        assert!(Format::negotiate("application/vnd.kubernetes.protobuf").is_err());
    }
}
