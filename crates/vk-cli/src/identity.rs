//! Who the API server takes us for, and whether that one may do what an agent does.

use kube::Client;
use virtual_kubelet::permissions::{may_deregister, missing_permissions, own_user};
use vk_core::node::Identity;

use crate::api_server::chain;

/// Asks who we are, and warns of what that one may not do. Both are only information: where the API server does not say, the
/// agent goes on.
pub(crate) async fn identify(client: &Client) -> Identity {
    let user = match own_user(client).await {
        Ok(user) => user,
        Err(error) => {
            tracing::info!(error = chain(&error), "the API server does not say who we are");
            return Identity::Unknown;
        }
    };
    let identity = Identity::of_user(&user);
    tracing::info!(user, "known to the API server");
    match missing_permissions(client, identity).await {
        Ok(missing) => {
            for permission in missing {
                tracing::warn!(user, "not permitted: {permission}: add it to the ClusterRole");
            }
        }
        Err(error) => tracing::info!(error = chain(&error), "the API server does not say what we may do"),
    }
    identity
}

/// Warns at the start if `--deregister-on-exit` will not work at the end.
pub(crate) async fn check_deregistration(client: &Client, node: &str) {
    match may_deregister(client, node).await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(
            "--deregister-on-exit: not permitted: delete nodes/{node}: no role has this by default, under either identity; \
             without it the node stays registered"
        ),
        Err(error) => {
            tracing::info!(error = chain(&error), "the API server does not say whether we may delete our node")
        }
    }
}
