//! Content negotiation: whole objects, only their metadata, or rows of a table.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::object::Object;
use crate::resource::Resource;
use crate::table::{Include, TableOptions, partial_metadata};

/// The form in which objects are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The object itself.
    Full,
    /// `meta.k8s.io/v1 PartialObjectMetadata`.
    Metadata,
    /// `meta.k8s.io/v1 Table`.
    Table(TableOptions),
}

/// JSON of one kind, as a client names it in `Accept`.
struct Range<'header> {
    form: Option<&'header str>,
    group: Option<&'header str>,
    version: Option<&'header str>,
}

impl<'header> Range<'header> {
    /// `None` if this is not JSON.
    fn read(range: &'header str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        if !matches!(parts.next()?, "application/json" | "*/*") {
            return None;
        }
        let mut read = Self { form: None, group: None, version: None };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name {
                "as" => read.form = Some(value),
                "g" => read.group = Some(value),
                "v" => read.version = Some(value),
                _ => {}
            }
        }
        Some(read)
    }
}

/// Whether a client takes discovery of all groups in one document. It gets that then, in whichever order it asks.
pub(crate) fn accepts_aggregated_discovery(accept: &str) -> bool {
    let aggregated = (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2"));
    accept.split(',').filter_map(Range::read).any(|range| (range.form, range.group, range.version) == aggregated)
}

impl Format {
    /// Takes the first media type that the server can write. `include` is what rows of a table hold of their object.
    pub(crate) fn negotiate(accept: &str, include: &str) -> Result<Self, ApiError> {
        if accept.trim().is_empty() {
            return Ok(Self::Full);
        }
        let format = accept.split(',').find_map(Self::of).ok_or_else(ApiError::not_acceptable)?;
        match format {
            Self::Table(options) => Ok(Self::Table(TableOptions { include: read_include(include)?, ..options })),
            other => Ok(other),
        }
    }

    fn of(range: &str) -> Option<Self> {
        let range = Range::read(range)?;
        let Some(form) = range.form else { return Some(Self::Full) };
        if (range.group, range.version) != (Some("meta.k8s.io"), Some("v1")) {
            return None;
        }
        match form {
            "PartialObjectMetadata" | "PartialObjectMetadataList" => Some(Self::Metadata),
            "Table" => Some(Self::Table(TableOptions { include: Include::Metadata, headers: true })),
            _ => None,
        }
    }

    /// An object of this resource, in its served form.
    pub(crate) fn render(self, resource: &Resource, stored: &Object, now: Timestamp) -> Value {
        match self {
            Self::Full => resource.strategy.to_served(stored).into_value(),
            Self::Metadata => partial_metadata(stored),
            Self::Table(options) => {
                let metadata = json!({"resourceVersion": stored.resource_version()});
                options.table(resource, vec![options.row(resource, stored, now)], metadata)
            }
        }
    }

    /// A list with its `metadata`.
    pub(crate) fn render_list(
        self,
        resource: &Resource,
        page: &[Arc<Object>],
        metadata: Value,
        now: Timestamp,
    ) -> Value {
        let (kind, api_version) = match self {
            Self::Full => (format!("{}List", resource.kind), resource.api_version()),
            Self::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
            Self::Table(options) => {
                let rows = page.iter().map(|object| options.row(resource, object, now)).collect();
                return options.table(resource, rows, metadata);
            }
        };
        let items: Vec<Value> = page.iter().map(|object| self.render_item(resource, object, now)).collect();
        json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items})
    }

    /// An element of a list: elements of a typed list carry neither kind nor apiVersion.
    fn render_item(self, resource: &Resource, stored: &Object, now: Timestamp) -> Value {
        let mut item = self.render(resource, stored, now);
        if let (Self::Full, Value::Object(fields)) = (self, &mut item) {
            fields.remove("kind");
            fields.remove("apiVersion");
        }
        item
    }

    /// What a bookmark carries.
    pub(crate) fn bookmark(
        self,
        resource: &Resource,
        revision: u64,
        initial_events_end: bool,
        now: Timestamp,
    ) -> Value {
        let mut bookmark = Object::default();
        bookmark.set("/kind", resource.kind);
        bookmark.set("/apiVersion", resource.api_version());
        bookmark.set("/metadata/resourceVersion", revision.to_string());
        if initial_events_end {
            bookmark.set("/metadata/annotations", json!({"k8s.io/initial-events-end": "true"}));
        }
        if self == Self::Full {
            if resource.plural == "pods" {
                bookmark.set("/spec", json!({"containers": null}));
                bookmark.set("/status", json!({}));
            }
            return bookmark.into_value();
        }
        self.render(resource, &bookmark, now)
    }

    /// The form of the events of a watch after the first one.
    pub(crate) fn after_first_event(self) -> Self {
        match self {
            Self::Table(options) => Self::Table(TableOptions { headers: false, ..options }),
            other => other,
        }
    }
}

fn read_include(text: &str) -> Result<Include, ApiError> {
    match text {
        "" | "Metadata" => Ok(Include::Metadata),
        "None" => Ok(Include::Nothing),
        "Object" => Ok(Include::Object),
        _ => Err(ApiError::bad_request(format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: {text:?}: must be 'Metadata', 'Object', 'None', or empty"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aggregated_discovery_is_given_to_those_who_take_it() {
        let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let older = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
        assert!(accepts_aggregated_discovery(&format!("{older},{aggregated};profile=nopeer,application/json")));
        assert!(accepts_aggregated_discovery(&format!("application/json,{aggregated}")));
        assert!(!accepts_aggregated_discovery(older));
        assert!(!accepts_aggregated_discovery(""));
    }

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
            (table, Format::Table(TableOptions { include: Include::Object, headers: true })),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Format::Full),
            (metadata, Format::Metadata),
            (metadata_list, Format::Metadata),
        ] {
            assert_eq!(Format::negotiate(accept, "Object"), Ok(format), "{accept}");
        }
        assert!(Format::negotiate("application/vnd.kubernetes.protobuf", "").is_err());
        assert!(Format::negotiate(table, "Everything").is_err());
        assert!(Format::negotiate(metadata, "Everything").is_ok());
    }
}
