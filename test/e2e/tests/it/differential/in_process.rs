//! The API server in process.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use test_exchanges::{Names, User};
use tower::ServiceExt as _;
use vk_apiserver::{ApiServer, Controllers, Identity, Options};

/// A server of which, as of the real one, nothing but the API server runs.
pub(super) struct InProcess {
    server: ApiServer,
    names: Names,
}

impl InProcess {
    pub(super) fn new(names: &Names) -> Self {
        let mut options = Options::default();
        options.controllers = Controllers::none();
        Self { server: ApiServer::new(options, Timestamp::now), names: names.clone() }
    }

    /// The code and the body of the answer.
    pub(super) async fn send(&self, user: User, request: Request<Bytes>) -> (u16, String) {
        let identity = match user {
            User::Admin => Identity::admin(),
            User::Node => Identity::node(&self.names.node),
            User::Other => Identity::node(&self.names.other),
            User::Joe => Identity::user("joe"),
        };
        let response = self.server.service(identity).oneshot(request.map(Full::new)).await.unwrap();
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (code, String::from_utf8_lossy(&bytes).into_owned())
    }
}
