//! [`HostNetworkProbe`]: asks pods how they are over this host's network, from which Docker's networks can be reached.

mod certificates;
mod grpc_health;
mod http_get;
#[cfg(test)]
mod tests;

use std::fmt::Display;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use vk_core::{Error, Result};
use vk_pod_engine::machine::ProbeAnswer;
use vk_pod_engine::runtime::{NetworkProbe, NetworkQuestion};

/// What a probe is called in logs of those who are asked, as a kubelet's is.
const USER_AGENT: &str = "kube-probe/virtual-kubelet";

/// Asks over this host's network.
pub(crate) struct HostNetworkProbe {
    tls: TlsConnector,
}

/// Why a probe has failed, for people.
type Complaint = String;

impl HostNetworkProbe {
    /// # Errors
    /// [`vk_core::ErrorKind::Internal`] if TLS cannot be set up.
    pub(crate) fn new() -> Result<Self> {
        let tls = certificates::connector_without_verification();
        Ok(Self { tls: tls.map_err(|error| Error::internal(format!("TLS for probes: {error}")))? })
    }

    async fn try_asking(&self, question: NetworkQuestion) -> std::result::Result<(), Complaint> {
        match question {
            NetworkQuestion::Tcp { host, port } => connect(&host, port).await.map(drop),
            NetworkQuestion::Http(question) => http_get::get(&self.tls, question).await,
            NetworkQuestion::Grpc { host, port, service } => {
                grpc_health::check(connect(&host.to_string(), port).await?, &format!("{host}:{port}"), &service).await
            }
        }
    }
}

impl NetworkProbe for HostNetworkProbe {
    fn ask(&self, question: NetworkQuestion) -> BoxFuture<'_, ProbeAnswer> {
        self.try_asking(question)
            .map(|answer| match answer {
                Ok(()) => ProbeAnswer::Passed,
                Err(complaint) => ProbeAnswer::Failed(complaint),
            })
            .boxed()
    }
}

async fn connect(host: &str, port: u16) -> std::result::Result<TcpStream, Complaint> {
    TcpStream::connect((host, port)).await.map_err(|error| format!("connection to {host} port {port}: {error}"))
}

/// Drives a connection until its exchange has ended.
async fn drive<T, E: Display>(
    exchange: impl Future<Output = std::result::Result<T, E>>,
    connection: impl Future,
) -> std::result::Result<T, Complaint> {
    let mut exchange = std::pin::pin!(exchange);
    let answer = tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // What has come until then may be the whole answer.
        _ = connection => exchange.await,
    };
    answer.map_err(|error| error.to_string())
}
