//! The real API server, as each of the users sees it.

use std::path::Path;

use http::{HeaderValue, Request};
use kube::Client;
use kube::client::Body;
use test_cluster::Cluster;
use test_exchanges::{Names, User};

use crate::stage::client_config;

/// Clients with the identities of a session.
pub(super) struct Real {
    admin: Client,
    node: Client,
    other: Client,
}

impl Real {
    pub(super) async fn connect(cluster: &Cluster, names: &Names) -> Self {
        Self {
            admin: client(&cluster.admin_kubeconfig()).await,
            node: client(&cluster.node_kubeconfig(&names.node).unwrap()).await,
            other: client(&cluster.node_kubeconfig(&names.other).unwrap()).await,
        }
    }

    /// The code and the body of the answer.
    pub(super) async fn send(&self, user: User, request: Request<bytes::Bytes>) -> (u16, String) {
        let (mut parts, body) = request.into_parts();
        let client = match user {
            User::Admin => &self.admin,
            User::Node => &self.node,
            User::Other => &self.other,
            User::Joe => {
                // https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
                parts.headers.insert("impersonate-user", HeaderValue::from_static("joe"));
                &self.admin
            }
        };
        let response = client.send(Request::from_parts(parts, Body::from(body))).await.unwrap();
        let code = response.status().as_u16();
        let bytes = response.into_body().collect_bytes().await.unwrap();
        (code, String::from_utf8_lossy(&bytes).into_owned())
    }
}

async fn client(kubeconfig: &Path) -> Client {
    Client::try_from(client_config(kubeconfig).await).unwrap()
}
