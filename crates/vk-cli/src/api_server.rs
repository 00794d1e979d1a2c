//! The first contact with the API server: waits for it, and tells trouble with credentials from trouble with the network.

#[cfg(test)]
mod tests;

use std::error::Error;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::admin::Readiness;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// An API server that comes back is noticed within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Time between two messages about the same trouble.
const REMINDER: Duration = Duration::from_secs(30);

/// What cannot be waited out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error(
        "the API server at {server} refuses our credentials ({answer}): they are missing, wrong or have expired; renew \
         those of the kubeconfig or of the service account"
    )]
    Credentials { server: String, answer: String },
    #[error(
        "the API server at {server} does not let us read the Service default/kubernetes ({answer}): grant it, as the \
         shipped ClusterRole does, or give --cluster-id"
    )]
    ClusterId { server: String, answer: String },
}

/// What one attempt came to.
enum Contact {
    Made {
        cluster_id: String,
    },
    Refused(Refused),
    /// Nobody there yet, and why.
    Missed(String),
}

/// Waits until the API server answers, for as long as that takes, and returns the cluster's id: the given one, or the UID
/// of the Service `default/kubernetes`.
pub(crate) async fn wait(
    client: &Client,
    server: &str,
    cluster_id: Option<&str>,
    readiness: &watch::Sender<Readiness>,
) -> Result<String, Refused> {
    let mut pause = FIRST_PAUSE;
    let mut reminded: Option<Instant> = None;
    loop {
        let reason = match contact(client, server, cluster_id).await {
            Contact::Made { cluster_id } => {
                if reminded.is_some() {
                    tracing::info!(server, "the API server answers");
                }
                return Ok(cluster_id);
            }
            Contact::Refused(refused) => return Err(refused),
            Contact::Missed(reason) => reason,
        };
        if reminded.is_none_or(|at| at.elapsed() >= REMINDER) {
            tracing::warn!(server, reason, "the API server does not answer: waiting for it");
            reminded = Some(Instant::now());
        }
        readiness.send_replace(Readiness::NotReady(format!("waiting for the API server at {server}: {reason}")));
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn contact(client: &Client, server: &str, cluster_id: Option<&str>) -> Contact {
    let services: Api<Service> = Api::namespaced(client.clone(), "default");
    let error = match (services.get_metadata("kubernetes").await, cluster_id) {
        (Ok(_), Some(id)) => return Contact::Made { cluster_id: id.to_owned() },
        (Ok(service), None) => {
            return match service.metadata.uid {
                Some(uid) => Contact::Made { cluster_id: uid },
                None => Contact::Missed("the Service default/kubernetes has no UID".to_owned()),
            };
        }
        (Err(error), _) => error,
    };
    let kube::Error::Api(status) = &error else { return Contact::Missed(chain(&error)) };
    let answer = format!("{} {}", status.code, status.message);
    let server = server.to_owned();
    match (status.code, cluster_id) {
        (401, _) => Contact::Refused(Refused::Credentials { server, answer }),
        (403, _) if status.message.contains("system:anonymous") => {
            Contact::Refused(Refused::Credentials { server, answer })
        }
        (403 | 404, Some(id)) => Contact::Made { cluster_id: id.to_owned() },
        (403, None) => Contact::Refused(Refused::ClusterId { server, answer }),
        // A new API server makes the Service a moment after it begins to answer.
        _ => Contact::Missed(answer),
    }
}

/// The error with its causes; libraries put the telling part last.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let part = next.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = next.source();
    }
    text
}
