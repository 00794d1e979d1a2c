//! What an authorizer is asked about.

use serde_json::Value;

use crate::api_error::{ApiError, FieldError};
use crate::identity::Identity;
use crate::request::{ResourcePath, Target};
use crate::selector::FieldSelector;

/// One request, as authorizers see it: names, not objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Attributes {
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) fields: FieldSelector,
    /// Set for requests that are not about a resource.
    pub(crate) path: Option<String>,
}

impl Attributes {
    /// Those of a request.
    pub(crate) fn of(target: &Target, field_selector: &str) -> Self {
        match target {
            Target::Resource(resource) => {
                Self { fields: FieldSelector::parse(field_selector).unwrap_or_default(), ..Self::of_resource(resource) }
            }
            Target::Path { method, path } => Self { verb: method.clone(), path: Some(path.clone()), ..Self::default() },
        }
    }

    fn of_resource(resource: &ResourcePath) -> Self {
        Self {
            verb: resource.verb.as_str().to_owned(),
            group: resource.group.clone(),
            resource: resource.plural.clone(),
            subresource: resource.subresource.clone(),
            // A namespace lies in itself.
            namespace: if resource.plural == "namespaces" { resource.name.clone() } else { resource.namespace.clone() },
            name: resource.name.clone(),
            fields: FieldSelector::default(),
            path: None,
        }
    }

    /// Those that the spec of an access review asks about; an error if it asks about nothing.
    pub(crate) fn of_review(spec: &Value) -> Result<Self, ApiError> {
        let text = |part: &str, field: &str| {
            spec.pointer(&format!("/{part}/{field}")).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let present = |part: &str| spec.get(part).is_some_and(Value::is_object);
        match (present("resourceAttributes"), present("nonResourceAttributes")) {
            (true, false) => Ok(Self {
                verb: text("resourceAttributes", "verb"),
                group: text("resourceAttributes", "group"),
                resource: text("resourceAttributes", "resource"),
                subresource: text("resourceAttributes", "subresource"),
                namespace: text("resourceAttributes", "namespace"),
                name: text("resourceAttributes", "name"),
                fields: review_fields(spec),
                path: None,
            }),
            (false, true) => Ok(Self {
                verb: text("nonResourceAttributes", "verb"),
                path: Some(text("nonResourceAttributes", "path")),
                ..Self::default()
            }),
            (true, true) => {
                let value = spec.get("nonResourceAttributes").cloned().unwrap_or_default();
                let detail = "cannot be specified in combination with resourceAttributes";
                let error = FieldError::invalid("spec.nonResourceAttributes", value, detail);
                Err(ApiError::invalid("authorization.k8s.io", "", "", &[error]))
            }
            (false, false) => {
                let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
                let error = FieldError::invalid("spec.resourceAttributes", Value::Null, detail);
                Err(ApiError::invalid("authorization.k8s.io", "", "", &[error]))
            }
        }
    }

    /// The refusal in the server's words.
    pub(crate) fn forbidden(&self, identity: &Identity, reason: &str) -> ApiError {
        let user = &identity.user;
        let mut sentence = match &self.path {
            Some(path) => format!("User {user:?} cannot {} path {path:?}", self.verb),
            None => {
                let resource = self.resource_with_subresource();
                let scope = match self.namespace.as_str() {
                    "" => "at the cluster scope".to_owned(),
                    namespace => format!("in the namespace {namespace:?}"),
                };
                format!(
                    "User {user:?} cannot {} resource {resource:?} in API group {:?} {scope}",
                    self.verb, self.group
                )
            }
        };
        if !reason.is_empty() {
            sentence.push_str(": ");
            sentence.push_str(reason);
        }
        let qualified = match (self.resource.as_str(), self.group.as_str()) {
            ("", _) => String::new(),
            (resource, "") => resource.to_owned(),
            (resource, group) => format!("{resource}.{group}"),
        };
        let subject = match (qualified.as_str(), self.name.as_str()) {
            ("", _) => "forbidden".to_owned(),
            (resource, "") => format!("{resource} is forbidden"),
            (resource, name) => format!("{resource} {name:?} is forbidden"),
        };
        ApiError::unauthorized_action(&self.group, &self.resource, &self.name, format!("{subject}: {sentence}"))
    }

    /// `pods` or `pods/status`.
    pub(crate) fn resource_with_subresource(&self) -> String {
        match self.subresource.as_str() {
            "" => self.resource.clone(),
            subresource => format!("{}/{subresource}", self.resource),
        }
    }
}

fn review_fields(spec: &Value) -> FieldSelector {
    let selector = spec.pointer("/resourceAttributes/fieldSelector");
    let raw = selector.and_then(|selector| selector.get("rawSelector")).and_then(Value::as_str).unwrap_or_default();
    let listed = selector
        .and_then(|selector| selector.get("requirements"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|requirement| requirement.get("operator").and_then(Value::as_str) == Some("In"))
        .filter_map(|requirement| {
            let key = requirement.get("key")?.as_str()?;
            let [value] = requirement.get("values")?.as_array()?.as_slice() else { return None };
            Some(format!("{key}={}", value.as_str()?))
        })
        .chain(Some(raw.to_owned()).filter(|raw| !raw.is_empty()))
        .collect::<Vec<String>>()
        .join(",");
    FieldSelector::parse(&listed).unwrap_or_default()
}
