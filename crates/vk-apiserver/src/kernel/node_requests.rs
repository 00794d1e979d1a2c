//! Requests that a node answers, not the store: logs, exec, attach, port-forward, `nodes/NAME/proxy`
//! (`pkg/registry/core/pod/strategy.go`, `pkg/registry/core/node/strategy.go`).

use http::Request;
use http::uri::PathAndQuery;
use serde_json::Value;

use super::Kernel;
use crate::api_error::{ApiError, FieldError};
use crate::authorization::{Attributes, Decision};
use crate::clock::Now;
use crate::identity::Identity;
use crate::object::Object;
use crate::request::{Query, ResourcePath, Target};
use crate::resource;

/// The order of kubeadm's `--kubelet-preferred-address-types`: virtual nodes seldom have a name that resolves.
const ADDRESS_TYPES: [&str; 5] = ["InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS"];
const DEFAULT_KUBELET_PORT: u16 = 10250;

/// A request to a node's kubelet API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeRequest {
    /// The node's name.
    pub(crate) node: String,
    /// The address that the node gives, an IP address or a host name.
    pub(crate) address: String,
    /// The port of its kubelet API.
    pub(crate) port: u16,
    /// What is asked of the kubelet.
    pub(crate) path: PathAndQuery,
    /// Whether errors of the kubelet are to be worded as a `metav1.Status`: those of logs are, those of streams pass.
    pub(crate) rewords_errors: bool,
}

/// Where a request goes.
#[derive(Debug)]
pub(crate) enum Destination {
    /// The store answers it.
    Store,
    /// A node does.
    Node(NodeRequest),
    /// Nobody: the log of a pod that has no node yet is empty.
    EmptyLog,
    /// It is refused.
    Refused(ApiError),
}

/// The parts of a pod that a node serves, and its own proxy.
enum Part {
    Log,
    Exec,
    Attach,
    PortForward,
    NodeProxy,
}

impl Part {
    fn of(path: &ResourcePath) -> Option<Self> {
        match (path.group.as_str(), path.plural.as_str(), path.subresource.as_str()) {
            ("", "pods", "log") => Some(Self::Log),
            ("", "pods", "exec") => Some(Self::Exec),
            ("", "pods", "attach") => Some(Self::Attach),
            ("", "pods", "portforward") => Some(Self::PortForward),
            ("", "nodes", subresource) if subresource == "proxy" || subresource.starts_with("proxy/") => {
                Some(Self::NodeProxy)
            }
            _ => None,
        }
    }
}

impl Kernel {
    /// Says where a request goes. Whoever sends it there has to see that it is authorized: this is.
    pub(crate) fn destination<B>(&mut self, request: &Request<B>, identity: &Identity, now: Now) -> Destination {
        let query = Query::read(request.uri().query().unwrap_or_default());
        let Target::Resource(path) = Target::read(request.method(), request.uri().path(), &query) else {
            return Destination::Store;
        };
        let Some(part) = Part::of(&path) else { return Destination::Store };
        let resolved = self.authorize_connection(&path, &part, identity, now).and_then(|()| match part {
            Part::NodeProxy => self.node_proxy(&path, request.uri().query()).map(Some),
            Part::Log => self.log(&path, &query),
            Part::Exec | Part::Attach => self.remote_command(&path, &part, &query).map(Some),
            Part::PortForward => self.port_forward(&path, &query).map(Some),
        });
        match resolved {
            Ok(Some(request)) => Destination::Node(request),
            Ok(None) => Destination::EmptyLog,
            Err(error) => Destination::Refused(error),
        }
    }

    /// To run something in a pod takes `create`, by whatever method: a WebSocket begins with GET (KEP-2862, 1.35).
    fn authorize_connection(
        &mut self,
        path: &ResourcePath,
        part: &Part,
        identity: &Identity,
        now: Now,
    ) -> Result<(), ApiError> {
        self.authorizer.graph.catch_up(now.elapsed);
        let mut attributes = Attributes::of(&Target::Resource(path.clone()), "");
        if let Part::NodeProxy = part {
            attributes.subresource = "proxy".to_owned();
        }
        if matches!(part, Part::Exec | Part::Attach | Part::PortForward) {
            attributes.verb = "create".to_owned();
        }
        match self.authorizer.decide(identity, &attributes) {
            Decision::Allow => Ok(()),
            Decision::Deny(reason) => Err(attributes.forbidden(identity, &reason)),
        }
    }

    fn log(&self, path: &ResourcePath, query: &Query) -> Result<Option<NodeRequest>, ApiError> {
        check_log_options(&path.name, query)?;
        let pod = self.pod(path)?;
        let container = container(&pod, query.text("container"))?;
        if pod.text("/spec/nodeName").is_empty() {
            return Ok(None);
        }
        let mut arguments = Vec::new();
        for flag in ["follow", "previous", "timestamps"] {
            if query.flag(flag) {
                arguments.push((flag, "true"));
            }
        }
        for name in ["sinceSeconds", "sinceTime", "tailLines", "limitBytes", "stream"] {
            if let Some(value) = query.get(name).filter(|value| !value.is_empty()) {
                arguments.push((name, value));
            }
        }
        let target = format!("/containerLogs/{}/{}/{container}", path.namespace, path.name);
        Ok(Some(NodeRequest { rewords_errors: true, ..self.request_to(&pod, &target, &arguments)? }))
    }

    fn remote_command(&self, path: &ResourcePath, part: &Part, query: &Query) -> Result<NodeRequest, ApiError> {
        let pod = self.pod(path)?;
        let container = container(&pod, query.text("container"))?;
        let mut arguments = Vec::new();
        for (name, kubelet_name) in [("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty")] {
            if query.flag(name) {
                arguments.push((kubelet_name, "1"));
            }
        }
        let verb = match part {
            Part::Exec => {
                arguments.extend(query.all("command").into_iter().map(|word| ("command", word)));
                "exec"
            }
            _ => "attach",
        };
        self.request_to(&pod, &format!("/{verb}/{}/{}/{container}", path.namespace, path.name), &arguments)
    }

    fn port_forward(&self, path: &ResourcePath, query: &Query) -> Result<NodeRequest, ApiError> {
        let pod = self.pod(path)?;
        let ports: Vec<(&str, &str)> = query.all("ports").into_iter().map(|port| ("port", port)).collect();
        self.request_to(&pod, &format!("/portForward/{}/{}", path.namespace, path.name), &ports)
    }

    fn node_proxy(&self, path: &ResourcePath, query: Option<&str>) -> Result<NodeRequest, ApiError> {
        let rest = path.subresource.strip_prefix("proxy").unwrap_or_default();
        let mut target = if rest.is_empty() { "/".to_owned() } else { rest.to_owned() };
        if let Some(query) = query {
            target.push('?');
            target.push_str(query);
        }
        self.request_to_node(&path.name, &target)
    }

    fn pod(&self, path: &ResourcePath) -> Result<std::sync::Arc<Object>, ApiError> {
        let found = self.storage.find("pods", &path.namespace, &path.name).cloned();
        found.ok_or_else(|| match resource::find("", "pods") {
            Some(pods) => ApiError::not_found(pods, &path.name),
            None => ApiError::path_not_found(),
        })
    }

    fn request_to(&self, pod: &Object, path: &str, arguments: &[(&str, &str)]) -> Result<NodeRequest, ApiError> {
        let node = pod.text("/spec/nodeName");
        if node.is_empty() {
            return Err(ApiError::bad_request(format!("pod {} does not have a host assigned", pod.name())));
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(arguments);
        let query = query.finish();
        let separator = if query.is_empty() { "" } else { "?" };
        self.request_to_node(node, &format!("{path}{separator}{query}"))
    }

    fn request_to_node(&self, name: &str, path: &str) -> Result<NodeRequest, ApiError> {
        let node = self.storage.find("nodes", "", name).ok_or_else(|| match resource::find("", "nodes") {
            Some(nodes) => ApiError::not_found(nodes, name),
            None => ApiError::path_not_found(),
        })?;
        let address = ADDRESS_TYPES.iter().find_map(|kind| address_of(node, kind)).ok_or_else(|| {
            ApiError::internal(format!("no preferred addresses found; known addresses: [] of node {name}"))
        })?;
        let port = node.integer("/status/daemonEndpoints/kubeletEndpoint/Port");
        let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
        let path = path.parse().map_err(|_| ApiError::bad_request("the path or a parameter is no part of a URL"))?;
        Ok(NodeRequest {
            node: name.to_owned(),
            address: address.to_owned(),
            port: port.unwrap_or(DEFAULT_KUBELET_PORT),
            path,
            rewords_errors: false,
        })
    }
}

fn address_of<'node>(node: &'node Object, kind: &str) -> Option<&'node str> {
    let text = |address: &'node Value, field: &str| address.get(field).and_then(Value::as_str);
    let addresses = node.items("/status/addresses").iter();
    addresses
        .into_iter()
        .find(|address| text(address, "type") == Some(kind))
        .and_then(|address| text(address, "address"))
}

/// The container that is meant: the only one, or the one that is named.
fn container(pod: &Object, asked: &str) -> Result<String, ApiError> {
    let names = |field: &str| -> Vec<&str> {
        let containers = pod.items(&format!("/spec/{field}")).iter();
        containers.filter_map(|container| container.get("name").and_then(Value::as_str)).collect()
    };
    let (regular, init) = (names("containers"), names("initContainers"));
    let pod_name = pod.name();
    if !asked.is_empty() {
        let known = regular.iter().chain(&init).chain(&names("ephemeralContainers")).any(|name| *name == asked);
        return if known {
            Ok(asked.to_owned())
        } else {
            Err(ApiError::bad_request(format!("container {asked} is not valid for pod {pod_name}")))
        };
    }
    match regular.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(ApiError::bad_request(format!("a container name must be specified for pod {pod_name}"))),
        many => {
            let mut choice = format!("choose one of: [{}]", many.join(" "));
            if !init.is_empty() {
                choice.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
            }
            Err(ApiError::bad_request(format!("a container name must be specified for pod {pod_name}, {choice}")))
        }
    }
}

/// `ValidatePodLogOptions`.
fn check_log_options(pod: &str, query: &Query) -> Result<(), ApiError> {
    let mut errors = Vec::new();
    if let Some(lines) = query.number("tailLines")?.filter(|lines| *lines < 0) {
        errors.push(FieldError::invalid("tailLines", lines, "must be greater than or equal to 0"));
    }
    if let Some(bytes) = query.number("limitBytes")?.filter(|bytes| *bytes < 1) {
        errors.push(FieldError::invalid("limitBytes", bytes, "must be greater than 0"));
    }
    let seconds = query.number("sinceSeconds")?;
    if seconds.is_some() && query.get("sinceTime").is_some() {
        errors.push(FieldError::forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"));
    } else if let Some(seconds) = seconds.filter(|seconds| *seconds < 1) {
        errors.push(FieldError::invalid("sinceSeconds", seconds, "must be greater than 0"));
    }
    if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid("", "PodLogOptions", pod, &errors)) }
}
