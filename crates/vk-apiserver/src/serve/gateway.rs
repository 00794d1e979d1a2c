//! Every request: who sends it, who answers it.

use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tower::ServiceExt as _;

use super::authentication::{self, Unauthorized};
use super::connection::{Body, Later, empty, refused};
use super::relay::{Relay, Relayed};
use crate::api_error::ApiError;
use crate::identity::Identity;
use crate::kernel::Destination;
use crate::server::ApiServer;

/// What the connections of one served cluster share.
pub(super) struct Gateway {
    server: ApiServer,
    relay: Relay,
}

impl Gateway {
    pub(super) fn new(server: ApiServer, relay: Relay) -> Self {
        Self { server, relay }
    }

    /// Answers one request. What is left to be done for it is for the connection to drive.
    pub(super) async fn respond(
        &self,
        certificate: Option<&Identity>,
        request: Request<Incoming>,
    ) -> (Response<Body>, Later) {
        let identity = authentication::identify(&self.server, certificate, request.headers());
        let identity = identity.and_then(|identity| authentication::impersonate(identity, request.headers()));
        let identity = match identity {
            Ok(identity) => identity,
            Err(Unauthorized) => return (refused(&ApiError::unauthorized()), Later::none()),
        };
        match self.server.destination(&request, &identity) {
            Destination::Store => (self.store(identity, request).await, Later::none()),
            Destination::EmptyLog => (Response::new(empty()), Later::none()),
            Destination::Refused(error) => (refused(&error), Later::none()),
            Destination::Node(to) => match self.relay.pass(&to, request).await {
                Ok(Relayed { response, later }) => (response, later),
                Err(error) => {
                    tracing::debug!(node = to.node, path = %to.path, %error, "a request was not passed on to its node");
                    (refused(&ApiError::internal(error)), Later::none())
                }
            },
        }
    }

    async fn store(&self, identity: Identity, request: Request<Incoming>) -> Response<Body> {
        match self.server.service(identity).oneshot(request).await {
            Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
            Err(error) => refused(&ApiError::internal(error)),
        }
    }
}
