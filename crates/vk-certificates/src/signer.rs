//! [`Signer`]: the requests to the API server.

use std::time::Duration;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::PostParams;
use kube::{Api, Client};

use crate::notice::Problem;
use crate::request::PreparedRequest;

/// An answer that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(15);

/// Sends requests for certificates, and looks what became of them.
#[derive(Clone)]
pub struct Signer {
    requests: Api<CertificateSigningRequest>,
}

impl Signer {
    /// Asks with this client, whose identity needs `create` and `get` on `certificatesigningrequests` (`system:node` has
    /// them).
    pub fn new(client: Client) -> Self {
        Self { requests: Api::all(client) }
    }

    /// Creates the request, or finds the one that was created before.
    pub(crate) async fn submit(&self, request: &PreparedRequest) -> Result<CertificateSigningRequest, Problem> {
        let object = request.object();
        let created = bounded(self.requests.create(&PostParams::default(), &object)).await;
        match created {
            Err(kube::Error::Api(status)) if status.code == 409 => match self.look(request.name()).await? {
                Some(found) => Ok(found),
                None => Err(Problem::Deleted { name: request.name().to_owned() }),
            },
            created => created.map_err(|error| explain("create", &error)),
        }
    }

    /// The request as it is now; `None` if it is gone.
    pub(crate) async fn look(&self, name: &str) -> Result<Option<CertificateSigningRequest>, Problem> {
        bounded(self.requests.get_opt(name)).await.map_err(|error| explain("get", &error))
    }
}

async fn bounded<T>(request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    match tokio::time::timeout(PATIENCE, request).await {
        Ok(answer) => answer,
        Err(late) => Err(kube::Error::Service(Box::new(late))),
    }
}

fn explain(verb: &'static str, error: &kube::Error) -> Problem {
    match error {
        kube::Error::Api(status) if status.code == 403 => Problem::Forbidden { verb, answer: status.message.clone() },
        kube::Error::Api(status) => Problem::ApiServer(format!("{} {}", status.code, status.message)),
        other => Problem::ApiServer(other.to_string()),
    }
}
