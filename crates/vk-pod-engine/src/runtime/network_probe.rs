//! [`NetworkProbe`]: asking a container over the network how it is.

use std::net::IpAddr;

use futures::future::BoxFuture;

use crate::machine::ProbeAnswer;

/// Asks over the network. Where pods' addresses lead is a matter of the runtime's network, so it belongs to the runtime.
pub trait NetworkProbe: Send + Sync + 'static {
    /// Asks one question. That nobody answers is an answer too: the container has failed the probe. May be dropped.
    fn ask(&self, question: NetworkQuestion) -> BoxFuture<'_, ProbeAnswer>;
}

/// A question to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkQuestion {
    /// `GET` a path; a status from 200 to 399 passes.
    Http(HttpQuestion),
    /// Open a connection.
    Tcp {
        /// Address or name.
        host: String,
        /// Port.
        port: u16,
    },
    /// `grpc.health.v1.Health/Check` without TLS; `SERVING` passes.
    Grpc {
        /// Address.
        host: IpAddr,
        /// Port.
        port: u16,
        /// Name of the service; may be empty.
        service: String,
    },
}

/// A question by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpQuestion {
    /// Address or name.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether by HTTPS. Nobody looks at the certificate, as under a kubelet.
    pub tls: bool,
    /// Path and query, beginning with a slash.
    pub path: String,
    /// Headers as the pod writes them; they win over those that are sent anyway.
    pub headers: Vec<(String, String)>,
}
