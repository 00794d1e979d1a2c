//! From a request to a response: who asks, whether they may, what they get.

mod configz;
mod container_logs;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod healthz;
mod lookup;
mod metrics;
mod pods;
mod port_forward;
mod remote_command;
mod route;
mod run;
mod running_pods;
mod stats_summary;
mod upgrade;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::authentication::{Authenticator, PeerCertificate, UserInfo};
use crate::authorization::{Attributes, Decision};
use crate::limits::Limits;
use crate::request_metrics::CountedRequest;
use crate::response::{Body, Refusal};
use crate::server::NodeServices;
use crate::stats::StatsReader;
use port_forward::ForwardedConnections;
use remote_command::RemoteCommands;
pub(crate) use route::PathLabel;
use route::{Endpoint, Route};

/// Everything that answering requests takes, shared by all connections.
pub(crate) struct Service {
    node: NodeServices,
    authenticator: Authenticator,
    limits: Limits,
    requests: Arc<Semaphore>,
    forwards: ForwardedConnections,
    stats: StatsReader,
}

/// A response, and the place among the requests under way that it holds until its body has ended.
pub(crate) struct Answer {
    pub(crate) response: Response<Body>,
    pub(crate) permit: Option<OwnedSemaphorePermit>,
    /// What happens on the connection after an upgrade. It has to be run once the response has been written.
    pub(crate) session: Option<StreamingSession>,
}

/// A session on an upgraded connection.
pub(crate) type StreamingSession = BoxFuture<'static, ()>;

/// What a route answers.
enum Reply {
    Response(Response<Body>),
    Upgrade(Response<Body>, StreamingSession),
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Self {
        Self::Response(response)
    }
}

impl Service {
    pub(crate) fn new(node: NodeServices, authenticator: Authenticator, limits: Limits) -> Self {
        let requests = Arc::new(Semaphore::new(limits.requests));
        let stats = StatsReader::new(node.interfaces.stats.clone(), node.clock.clone(), limits.clone());
        let forwards = ForwardedConnections::new(&limits);
        Self { node, authenticator, limits, requests, forwards, stats }
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// Counts a request until what is returned is dropped.
    pub(crate) fn count(&self, request: &Parts) -> Option<CountedRequest> {
        let metrics = self.node.metrics.as_ref()?.requests()?;
        Some(metrics.begin(&request.method, request.uri.path()))
    }

    /// Who sends a request; if nobody can say, the answer.
    pub(crate) async fn authenticate(
        &self,
        request: &mut Parts,
        peer: Option<&PeerCertificate>,
    ) -> Result<UserInfo, Answer> {
        self.authenticator.authenticate(peer, &mut request.headers).await.map_err(|error| {
            tracing::debug!(%error, "request to the kubelet API refused");
            Answer::refused(Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized"))
        })
    }

    /// Answers one request of this user, and says so once they turn out to be allowed to send it. Its body is not read: no
    /// route takes one.
    pub(crate) async fn answer(&self, request: &mut Parts, user: &UserInfo, authorized: &(dyn Fn() + Sync)) -> Answer {
        let Ok(permit) = self.requests.clone().try_acquire_owned() else {
            let message = format!("the kubelet API has reached its limit of {} requests", self.limits.requests);
            tracing::warn!(limit = self.limits.requests, "too many requests to the kubelet API");
            return Answer::refused(Refusal::new(StatusCode::TOO_MANY_REQUESTS, message));
        };
        // A provider that panics costs its caller the answer, not everyone else on the connection.
        match AssertUnwindSafe(self.respond(request, user, authorized)).catch_unwind().await {
            Ok(Ok(Reply::Response(response))) => Answer::complete(response, permit),
            Ok(Ok(Reply::Upgrade(response, session))) => {
                let session = async move {
                    session.await;
                    drop(permit);
                };
                Answer { response, permit: None, session: Some(session.boxed()) }
            }
            Ok(Err(refusal)) => Answer::complete(refusal.into_response(), permit),
            Err(_) => {
                tracing::error!(path = request.uri.path(), "a request to the kubelet API panicked");
                let refusal = Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
                Answer::complete(refusal.into_response(), permit)
            }
        }
    }

    async fn respond(
        &self,
        request: &mut Parts,
        user: &UserInfo,
        authorized: &(dyn Fn() + Sync),
    ) -> Result<Reply, Refusal> {
        let route = Route::parse(request.uri.path());
        self.authorize(&route, &request.method, user).await?;
        authorized();
        let query = request.uri.query().unwrap_or_default().to_owned();
        let sessions = RemoteCommands { node: &self.node, limits: &self.limits };
        match route.endpoint {
            Endpoint::Unserved => Err(Refusal::not_found("404 page not found")),
            Endpoint::Exec(path) => sessions.exec(&path, &query, request).await,
            Endpoint::Attach(path) => sessions.attach(&path, &query, request).await,
            Endpoint::PortForward(path) => {
                let forwards = self.forwards.clone();
                port_forward::serve(&self.node, &self.limits, forwards, &path, &query, request).await
            }
            Endpoint::Run(path) => {
                run::serve(&self.node, &self.limits, &path, &query, &request.method).await.map(Reply::from)
            }
            _ if request.method != Method::GET => Err(Refusal::method_not_allowed()),
            Endpoint::ContainerLogs(path) => {
                container_logs::serve(&self.node, &self.limits, &path, &query).await.map(Reply::from)
            }
            Endpoint::Pods => pods::serve(&self.node, &self.limits).await.map(Reply::from),
            Endpoint::RunningPods => running_pods::serve(&self.node, &self.limits).await.map(Reply::from),
            Endpoint::StatsSummary => stats_summary::serve(&self.node, &self.stats, &query).await.map(Reply::from),
            Endpoint::Metrics(page) => {
                metrics::serve(&self.node, &self.limits, &self.stats, page, request).await.map(Reply::from)
            }
            Endpoint::Configz => Ok(configz::serve(&self.node).into()),
            Endpoint::Healthz(check) => {
                healthz::serve(&self.node, &self.limits, check.as_deref(), &query).await.map(Reply::from)
            }
        }
    }

    /// Any one of the route's subresources is enough.
    async fn authorize(&self, route: &Route, method: &Method, user: &UserInfo) -> Result<(), Refusal> {
        let verb = route.verb(method).ok_or_else(Refusal::method_not_allowed)?;
        for &subresource in route.subresources {
            let attributes = Attributes::new(self.node.name.clone(), subresource, verb);
            let asked = self.node.authorizer.authorize(user, &attributes);
            let decision = match timeout(self.limits.authorization_timeout, asked).await {
                Ok(Ok(decision)) => decision,
                Ok(Err(error)) => return Err(undecided(user, &attributes, &error.to_string())),
                Err(_) => return Err(undecided(user, &attributes, "the authorizer did not answer in time")),
            };
            match decision {
                Decision::Allowed => return Ok(()),
                Decision::Denied { reason } => tracing::debug!(?user, ?attributes, reason, "not authorized"),
            }
        }
        let subresources = route.subresources.join(" ");
        let user = user.name.escape_default();
        tracing::info!(%user, %verb, subresources, "request to the kubelet API forbidden");
        Err(Refusal::new(
            StatusCode::FORBIDDEN,
            format!("Forbidden (user={user}, verb={verb}, resource=nodes, subresource(s)=[{subresources}])\n"),
        ))
    }
}

impl Answer {
    fn refused(refusal: Refusal) -> Self {
        Self { response: refusal.into_response(), permit: None, session: None }
    }

    fn complete(response: Response<Body>, permit: OwnedSemaphorePermit) -> Self {
        Self { response, permit: Some(permit), session: None }
    }
}

/// The reason stays in the log: it may tell of the cluster's inner workings.
fn undecided(user: &UserInfo, attributes: &Attributes, reason: &str) -> Refusal {
    let Attributes { verb, subresource, .. } = attributes;
    let user = user.name.escape_default();
    tracing::warn!(%user, %verb, subresource, reason, "a request to the kubelet API could not be authorized");
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        format!("Authorization error (user={user}, verb={verb}, resource=nodes, subresource={subresource})"),
    )
}
