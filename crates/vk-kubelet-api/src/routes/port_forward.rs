//! `/portForward/{namespace}/{pod}`: connections to the ports of a pod, on the upgraded connection.

mod connections;
pub(super) mod options;

use std::sync::Arc;
use std::time::Duration;

pub(super) use connections::ForwardedConnections;
use connections::Placed;
use futures::FutureExt;
use http::StatusCode;
use http::request::Parts;
use options::ports;
use tokio::time::timeout;
use vk_core::{ContainerState, Target};
use vk_provider::{PortForward, PortForwardRequest};
use vk_streaming::port_forward::{Connect, Connection, serve as serve_session};
use vk_streaming::{PortForwardProtocol, Upgrade};

use super::Reply;
use super::lookup::find_pod;
use super::route::ForwardPath;
use super::upgrade::{settings, upgrade};
use crate::limits::Limits;
use crate::pod_source::PodEntry;
use crate::response::Refusal;
use crate::server::NodeServices;

/// Begins a session.
pub(super) async fn serve(
    node: &NodeServices,
    limits: &Limits,
    forwards: ForwardedConnections,
    path: &ForwardPath,
    query: &str,
    request: &mut Parts,
) -> Result<Reply, Refusal> {
    let ports = ports(query)?;
    let agreed = Upgrade::port_forward(&request.method, &request.headers);
    let over_channels =
        agreed.as_ref().is_ok_and(|agreed| matches!(agreed.protocol(), PortForwardProtocol::Channels(_)));
    if over_channels && ports.is_empty() {
        return Err(Refusal::bad_request("query parameter \"port\" is required"));
    }
    let pod = find_pod(node, limits, &path.pod, path.uid.as_deref()).await?;
    if !may_have_network(&pod) {
        // In the kubelet's words, and with its status: `kubectl` shows the text.
        let message = format!("pod not found (\"{}_{}\")", path.pod.pod, path.pod.namespace);
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message));
    }
    let forward = node.interfaces.port_forward.clone();
    let forward = forward.ok_or_else(|| Refusal::missing("forward ports"))?;
    let connect = connect(forward, pod.target, forwards, limits.backend_timeout);
    let settings = settings(limits);
    upgrade(request, agreed, move |io, protocol| {
        async move {
            let end = serve_session(io, protocol, &ports, &settings, connect).await;
            tracing::debug!(?protocol, ?end, "a port-forward has ended");
        }
        .boxed()
    })
}

/// Whether anything of the pod runs, or will run again: between two runs of its containers a pod keeps its network.
fn may_have_network(pod: &PodEntry) -> bool {
    pod.containers.iter().any(|container| match &container.state {
        Some(ContainerState::Running { .. } | ContainerState::Unknown) => true,
        Some(ContainerState::Waiting { .. }) => container.last.is_some(),
        _ => false,
    })
}

/// Connects by the provider, and words what went wrong as a kubelet does.
fn connect(forward: Arc<dyn PortForward>, target: Target, forwards: ForwardedConnections, bound: Duration) -> Connect {
    Arc::new(move |port| {
        let (forward, target, forwards) = (forward.clone(), target.clone(), forwards.clone());
        async move {
            let connecting = async {
                let place = forwards.place()?;
                let request = PortForwardRequest::new(target.clone(), port);
                match timeout(bound, forward.connect(request)).await {
                    Ok(Ok(connection)) => Ok(Box::new(Placed::new(connection, place)) as Box<dyn Connection>),
                    Ok(Err(error)) => Err(error.message),
                    Err(_) => Err("the back end did not answer in time".to_owned()),
                }
            };
            let reason = match connecting.await {
                Ok(connection) => return Ok(connection),
                Err(reason) => reason,
            };
            let (pod, uid) = (&target.key, &target.uid);
            tracing::debug!(%pod, port, reason, "a port could not be forwarded");
            Err(format!("error forwarding port {port} to pod {pod}, uid {uid}: {reason}"))
        }
        .boxed()
    })
}
