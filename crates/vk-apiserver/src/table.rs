//! Objects as rows for people (`meta.k8s.io/v1 Table`; Kubernetes documentation, "Receiving resources as Tables"): what
//! kubectl prints is computed here.

mod age;
mod certificates;
mod config;
mod events;
mod jobs;
mod metadata;
mod nodes;
mod pod_status;
mod pods;
mod services;
mod volumes;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::object::Object;
use crate::resource::Resource;

pub(crate) use certificates::SIGNING_REQUESTS;
pub(crate) use config::{CONFIG_MAPS, RUNTIME_CLASSES, SECRETS};
pub(crate) use events::EVENTS;
pub(crate) use jobs::JOBS;
pub(crate) use metadata::{LEASES, NAMESPACES, SERVICE_ACCOUNTS};
pub(crate) use nodes::NODES;
pub(crate) use pods::PODS;
pub(crate) use services::{ENDPOINTS, SERVICES};
pub(crate) use volumes::{CLAIMS, VOLUMES};

/// How the objects of one kind become rows.
pub(crate) struct Printer {
    columns: &'static [Column],
    /// One cell for each column, at a given time.
    cells: fn(&Object, Timestamp) -> Vec<Value>,
    /// `conditions` of the row, where the kind has any.
    conditions: fn(&Object) -> Option<Value>,
}

impl Printer {
    const fn new(columns: &'static [Column], cells: fn(&Object, Timestamp) -> Vec<Value>) -> Self {
        Self { columns, cells, conditions: |_| None }
    }
}

/// The head of a column. Every column holds texts, as far as clients are told.
struct Column {
    name: &'static str,
    /// `name` for the column that names the object.
    format: &'static str,
    description: &'static str,
    /// 0 for columns that are always shown; 1 for those of `kubectl get --output wide`.
    priority: u8,
}

impl Column {
    const fn new(name: &'static str, description: &'static str) -> Self {
        Self { name, format: "", description, priority: 0 }
    }

    const fn wide(name: &'static str, description: &'static str) -> Self {
        Self { name, format: "", description, priority: 1 }
    }

    const fn name() -> Self {
        Self { name: "Name", format: "name", description: "The object's name.", priority: 0 }
    }

    const fn age() -> Self {
        Self::new("Age", "The time since the object was created.")
    }

    fn definition(&self) -> Value {
        json!({
            "name": self.name, "type": "string", "format": self.format, "description": self.description,
            "priority": self.priority,
        })
    }
}

/// What a row holds of its object (`includeObject`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    Nothing,
    Metadata,
    Object,
}

/// How a client wants its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableOptions {
    pub(crate) include: Include,
    /// Whether columns are defined. In a watch only the first event defines them.
    pub(crate) headers: bool,
}

impl TableOptions {
    /// A table with a row for each object. `metadata` is that of the list, or of the one object.
    pub(crate) fn table(self, resource: &Resource, rows: Vec<Value>, metadata: Value) -> Value {
        let definitions: Option<Vec<Value>> =
            self.headers.then(|| resource.printer.columns.iter().map(Column::definition).collect());
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": definitions,
            "rows": rows,
        })
    }

    pub(crate) fn row(self, resource: &Resource, stored: &Object, now: Timestamp) -> Value {
        let mut row = json!({"cells": (resource.printer.cells)(stored, now)});
        if let Some(conditions) = (resource.printer.conditions)(stored) {
            row["conditions"] = conditions;
        }
        row["object"] = match self.include {
            Include::Nothing => Value::Null,
            Include::Metadata => partial_metadata(stored),
            Include::Object => resource.strategy.to_served(stored).into_value(),
        };
        row
    }
}

/// `meta.k8s.io/v1 PartialObjectMetadata`.
pub(crate) fn partial_metadata(stored: &Object) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": stored.at("/metadata").cloned().unwrap_or_else(|| json!({})),
    })
}

/// A text, or `<none>` where it is empty.
fn or_none(text: &str) -> &str {
    or(text, "<none>")
}

fn or<'text>(text: &'text str, instead: &'text str) -> &'text str {
    if text.is_empty() { instead } else { text }
}

/// The text of a field; empty where there is none.
fn text<'value>(value: &'value Value, pointer: &str) -> &'value str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Whether the object has a condition of this type whose status is `True`; the first of the type decides.
fn condition_holds(object: &Object, kind: &str) -> bool {
    let mut conditions = object.items("/status/conditions").iter();
    conditions.find(|condition| text(condition, "/type") == kind).is_some_and(|found| text(found, "/status") == "True")
}
