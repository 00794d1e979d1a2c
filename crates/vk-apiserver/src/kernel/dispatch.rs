//! From a request to the function that answers it.

use serde_json::{Map, Value};

use super::update::Part;
use super::{Kernel, Reply};
use crate::api_error::ApiError;
use crate::authorization::{Attributes, Decision};
use crate::clock::Now;
use crate::identity::Identity;
use crate::object::Object;
use crate::request::{ApiRequest, MAX_BODY_BYTES, ResourcePath, Target, Verb};
use crate::resource::{self, REGISTRY, Resource};
use crate::storage::Key;

/// One authorized request to a resource that is served.
#[derive(Clone, Copy)]
pub(crate) struct Call<'request> {
    pub(crate) request: &'request ApiRequest,
    pub(crate) path: &'request ResourcePath,
    pub(crate) resource: &'static Resource,
    pub(crate) identity: &'request Identity,
    pub(crate) now: Now,
    /// By how many revisions a list is to be out of date.
    pub(crate) behind: u64,
}

impl Call<'_> {
    pub(crate) fn key(&self) -> Key {
        Key::new(&*self.path.namespace, &*self.path.name)
    }

    /// The body as a JSON object of the expected kind, not yet checked against its type.
    pub(crate) fn json_body(&self, kind: &str, api_version: &str) -> Result<Object, ApiError> {
        self.request.content_type.require_json()?;
        json_object(&self.request.body, kind, api_version)
    }

    /// The answer to a write.
    pub(crate) fn object_reply(&self, code: http::StatusCode, stored: &Object) -> Result<Reply, ApiError> {
        Ok(Reply::json(code, &self.request.format()?.render(self.resource, stored, self.now.wall)))
    }
}

/// A JSON object that says it is of this kind, or says nothing.
pub(super) fn json_object(body: &[u8], kind: &str, api_version: &str) -> Result<Object, ApiError> {
    let unreadable = |error: String| {
        ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {error}"
        ))
    };
    let value: Value = serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
    // Go reads null into an empty object.
    let value = if value.is_null() { Value::Object(Map::new()) } else { value };
    let mut object = Object::from_value(value).map_err(|_| unreadable("the document is no object".into()))?;
    object.set_default("/kind", kind);
    object.set_default("/apiVersion", api_version);
    if object.text("/kind") != kind || object.text("/apiVersion") != api_version {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({}, Kind={}) does not match the expected API version ({api_version}, Kind={kind})",
            object.text("/apiVersion"),
            object.text("/kind"),
        )));
    }
    Ok(object)
}

impl Kernel {
    pub(super) fn serve(&mut self, request: &ApiRequest, identity: &Identity, now: Now, behind: u64) -> Reply {
        let served = self.authorize(request, identity, now).and_then(|()| {
            if request.body.len() > MAX_BODY_BYTES {
                return Err(ApiError::too_large(MAX_BODY_BYTES));
            }
            match &request.target {
                Target::Path { method, path } => self.serve_path(method, path, &request.accept),
                Target::Resource(path) => self.serve_resource(request, path, identity, now, behind),
            }
        });
        served.unwrap_or_else(|error| Reply::error(&error))
    }

    fn authorize(&mut self, request: &ApiRequest, identity: &Identity, now: Now) -> Result<(), ApiError> {
        self.authorizer.graph.catch_up(now.elapsed);
        let attributes = Attributes::of(&request.target, request.query.text("fieldSelector"));
        match self.authorizer.decide(identity, &attributes) {
            Decision::Allow => Ok(()),
            Decision::Deny(reason) => Err(attributes.forbidden(identity, &reason)),
        }
    }

    fn serve_resource(
        &mut self,
        request: &ApiRequest,
        path: &ResourcePath,
        identity: &Identity,
        now: Now,
        behind: u64,
    ) -> Result<Reply, ApiError> {
        if let Some(reply) = self.review(request, path, identity, now) {
            return reply;
        }
        if !REGISTRY.iter().any(|resource| resource.group == path.group) {
            return Ok(Reply::page_not_found());
        }
        let resource = resource::find(&path.group, &path.plural)
            .filter(|resource| resource.version == path.version)
            .filter(|resource| path.subresource.is_empty() || resource.has_subresource(&path.subresource))
            .ok_or_else(ApiError::path_not_found)?;
        let call = Call { request, path, resource, identity, now, behind };
        self.check_scope(&call)?;
        match (path.subresource.as_str(), path.verb) {
            ("", Verb::Get) => self.get(&call),
            ("", Verb::List) => self.list(&call),
            ("", Verb::Watch) => self.watch(&call),
            ("", Verb::Create) => self.create(&call),
            ("", Verb::Delete) => self.delete(&call),
            ("", Verb::DeleteCollection) if resource.storage == "namespaces" => Err(not_allowed()),
            ("", Verb::DeleteCollection) => self.delete_collection(&call),
            ("binding", Verb::Create) => self.bind(&call),
            ("eviction", Verb::Create) => self.evict(&call),
            ("token", Verb::Create) => self.request_token(&call),
            ("binding" | "eviction" | "token", _) => Err(not_allowed()),
            (subresource, Verb::Get) if !subresource.is_empty() => self.get(&call),
            (_, Verb::Update | Verb::Patch) if path.name.is_empty() => Err(not_allowed()),
            (subresource, Verb::Update) => self.update(&call, Part::named(subresource)?),
            (subresource, Verb::Patch) => self.patch(&call, Part::named(subresource)?),
            _ => Err(not_allowed()),
        }
    }

    /// Objects in namespaces are addressed with a namespace, others without one.
    fn check_scope(&self, call: &Call<'_>) -> Result<(), ApiError> {
        let across = matches!(call.path.verb, Verb::List | Verb::Watch);
        let has_namespace = !call.path.namespace.is_empty();
        match (call.resource.namespaced, has_namespace) {
            (true, true) | (false, false) => Ok(()),
            (true, false) if across => Ok(()),
            (true, false) if call.path.name.is_empty() => Err(not_allowed()),
            _ => Err(ApiError::path_not_found()),
        }
    }
}

pub(super) fn not_allowed() -> ApiError {
    ApiError::method_not_allowed("the server does not allow this method on the requested resource")
}
