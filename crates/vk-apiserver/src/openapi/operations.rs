//! Which requests there are for the resources of a group.

use serde_json::{Map, Value, json};

use super::base;
use super::kinds::{KINDS, Kind};
use super::schemas::{of, reference};
use crate::resource::{REGISTRY, Resource};

/// Parameters of the query: name, type.
type Parameter = (&'static str, &'static str);

const WRITE: &[Parameter] = &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")];
const DELETE: &[Parameter] = &[
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
];
const READ: &[Parameter] = &[];
const LIST: &[Parameter] = &[
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];

/// One method at a path.
struct Operation {
    method: &'static str,
    action: &'static str,
    parameters: &'static [Parameter],
    /// Media types of the body; none if there is no body.
    takes: &'static [&'static str],
}

impl Operation {
    const fn new(method: &'static str, action: &'static str, parameters: &'static [Parameter]) -> Self {
        Self { method, action, parameters, takes: &[] }
    }

    const fn taking(self, takes: &'static [&'static str]) -> Self {
        Self { takes, ..self }
    }

    fn described(&self, kind: &Kind) -> Value {
        let parameters: Vec<Value> = self
            .parameters
            .iter()
            .map(|(name, kind)| json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}}))
            .collect();
        let content = |media: &[&str], schema: &Value| -> Map<String, Value> {
            media.iter().map(|media| ((*media).to_owned(), json!({"schema": schema}))).collect()
        };
        let answer = content(&["application/json"], &reference(kind));
        let mut described = json!({
            "x-kubernetes-action": self.action, "x-kubernetes-group-version-kind": of(kind), "parameters": parameters,
            "responses": {"200": {"description": "OK", "content": answer}},
        });
        if !self.takes.is_empty() {
            let schema = if self.method == "patch" { json!({"type": "object"}) } else { reference(kind) };
            described["requestBody"] = json!({"content": content(self.takes, &schema), "required": true});
        }
        described
    }
}

const JSON: &[&str] = &["application/json"];
const PATCHES: &[&str] = &["application/json-patch+json", "application/merge-patch+json"];

const CREATE: Operation = Operation::new("post", "post", WRITE).taking(JSON);
const UPDATE: Operation = Operation::new("put", "put", WRITE).taking(JSON);
const PATCH: Operation = Operation::new("patch", "patch", WRITE).taking(PATCHES);
const GET: Operation = Operation::new("get", "get", READ);

const COLLECTION: &[Operation] =
    &[Operation::new("get", "list", LIST), CREATE, Operation::new("delete", "deletecollection", DELETE)];
const NAMESPACES: &[Operation] = &[Operation::new("get", "list", LIST), CREATE];
const EVERYWHERE: &[Operation] = &[Operation::new("get", "list", LIST)];
const ITEM: &[Operation] = &[GET, UPDATE, PATCH, Operation::new("delete", "delete", DELETE)];
const PART: &[Operation] = &[GET, UPDATE, PATCH];
const UPDATED: &[Operation] = &[UPDATE];
const CREATED: &[Operation] = &[CREATE];

/// Every path of a group, with its operations.
pub(super) fn paths(group: &str) -> Map<String, Value> {
    let stored = REGISTRY.iter().filter(|resource| resource.group == group).flat_map(of_resource);
    let reviews = KINDS.iter().filter(|kind| kind.group == group && kind.kind.ends_with("Review")).map(of_review);
    stored.chain(reviews).collect()
}

/// The same for version 2, which places bodies and the types of parameters otherwise.
pub(super) fn paths_of_version_2(group: &str) -> Map<String, Value> {
    let mut paths = paths(group);
    for item in paths.values_mut().filter_map(Value::as_object_mut) {
        flatten_parameters(item);
        item.values_mut().filter_map(Value::as_object_mut).for_each(to_version_2);
    }
    paths
}

fn of_resource(resource: &Resource) -> Vec<(String, Value)> {
    let base = base(resource.group, resource.version);
    let Some(kind) = find(resource.group, resource.kind) else { return Vec::new() };
    let plural = resource.plural;
    let place = if resource.namespaced { format!("{base}/namespaces/{{namespace}}") } else { base.clone() };
    let collection = if resource.storage == "namespaces" { NAMESPACES } else { COLLECTION };
    let mut paths = vec![
        path(format!("{place}/{plural}"), collection, kind),
        path(format!("{place}/{plural}/{{name}}"), ITEM, kind),
    ];
    if resource.namespaced {
        paths.push(path(format!("{base}/{plural}"), EVERYWHERE, kind));
    }
    for subresource in resource.subresources {
        let (operations, taken) = match *subresource {
            "binding" => (CREATED, find("", "Binding")),
            "eviction" => (CREATED, find("policy", "Eviction")),
            "token" => (CREATED, find("authentication.k8s.io", "TokenRequest")),
            "finalize" => (UPDATED, Some(kind)),
            _ => (PART, Some(kind)),
        };
        // A kind of another group is described in that group's document.
        if let Some(taken) = taken.filter(|taken| taken.group == resource.group) {
            paths.push(path(format!("{place}/{plural}/{{name}}/{subresource}"), operations, taken));
        }
    }
    paths
}

fn of_review(kind: &Kind) -> (String, Value) {
    let base = base(kind.group, kind.version);
    let place = if kind.kind.starts_with("Local") { "/namespaces/{namespace}" } else { "" };
    path(format!("{base}{place}/{}s", kind.kind.to_lowercase()), CREATED, kind)
}

fn find(group: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|own| own.group == group && own.kind == kind)
}

/// A path with what stands in braces as parameters.
fn path(path: String, operations: &[Operation], kind: &Kind) -> (String, Value) {
    let mut item: Map<String, Value> =
        operations.iter().map(|operation| (operation.method.to_owned(), operation.described(kind))).collect();
    let parameters: Vec<Value> = ["namespace", "name"]
        .into_iter()
        .filter(|name| path.contains(&format!("{{{name}}}")))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "uniqueItems": true}}))
        .collect();
    if !parameters.is_empty() {
        item.insert("parameters".into(), parameters.into());
    }
    (path, item.into())
}

/// The type of a parameter stands beside its name.
fn flatten_parameters(holder: &mut Map<String, Value>) {
    let parameters = holder.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(Value::Object(schema)) = parameter.remove("schema") {
            parameter.extend(schema);
        }
    }
}

fn to_version_2(operation: &mut Map<String, Value>) {
    flatten_parameters(operation);
    if let Some(body) = operation.remove("requestBody") {
        let (media, schema) = media_and_schema(&body);
        operation.insert("consumes".into(), media.into());
        let body = json!({"name": "body", "in": "body", "required": true, "schema": schema});
        if let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
            parameters.push(body);
        }
    }
    if let Some(answer) = operation.get_mut("responses").and_then(|responses| responses.get_mut("200")) {
        let (media, schema) = media_and_schema(answer);
        *answer = json!({"description": "OK", "schema": schema});
        operation.insert("produces".into(), media.into());
    }
}

/// The media types of a body, and its schema, which is the same for all.
fn media_and_schema(body: &Value) -> (Vec<String>, Value) {
    let content = body.get("content").and_then(Value::as_object);
    let schema = content.and_then(|content| content.values().next()).and_then(|media| media.get("schema"));
    (content.map(|content| content.keys().cloned().collect()).unwrap_or_default(), schema.cloned().unwrap_or_default())
}
