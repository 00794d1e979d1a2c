//! A small proxy between an agent and its API server that makes their connection bad on purpose: as a network does, by
//! cutting, delaying or swallowing what passes ([`Line`]), and as a server does, by other answers than the true ones
//! ([`FaultProxy::falsify`]).

mod answers;
mod line;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kube::Client;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use test_cluster::ServingCertificate;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

use crate::stage::{Stage, client_config};

use answers::Answering;
pub(super) use line::Line;

/// Runs until it is dropped. At first it lets everything pass.
pub(super) struct FaultProxy {
    line: watch::Sender<Line>,
    answering: Arc<Answering>,
    _runtime: Runtime,
}

impl FaultProxy {
    /// Starts the agent of a stage behind a proxy, and returns when its node is ready.
    pub(super) fn before(stage: &mut Stage, seed: u64) -> Self {
        let (proxy, kubeconfig) = Self::start(stage, seed);
        let mut command = stage.docker_command();
        command.arg(format!("--kubeconfig={}", kubeconfig.display()));
        stage.start(&mut command);
        stage.until_ready();
        proxy
    }

    /// A proxy for the agent of a stage, and the kubeconfig that leads to it. It ends the agent's TLS under a certificate of
    /// the cluster's authority, and speaks to the API server under the agent's own identity.
    fn start(stage: &Stage, seed: u64) -> (Self, PathBuf) {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let kubeconfig = stage.kubeconfig();
        let address = Ipv4Addr::LOCALHOST;
        let name = format!("{}-proxy", stage.name());
        let serving = stage.environment().cluster.serving_certificate(&name, &[address.into()]).unwrap();
        let tls = TlsAcceptor::from(Arc::new(server_config(&serving)));
        let (line, lines) = watch::channel(Line::Open);
        let (answering, outside) = runtime.block_on(async {
            let client = Client::try_from(client_config(&kubeconfig).await).unwrap();
            let answering = Arc::new(Answering::new(client, seed));
            let inner = TcpListener::bind((address, 0)).await.unwrap();
            let outer = TcpListener::bind((address, 0)).await.unwrap();
            let (inside, outside) = (inner.local_addr().unwrap(), outer.local_addr().unwrap());
            tokio::spawn(answers::serve(inner, tls, Arc::clone(&answering)));
            tokio::spawn(line::carry_all(outer, inside, lines));
            (answering, outside)
        });
        let kubeconfig = stage.write("kubeconfig-by-proxy", &redirected(&kubeconfig, outside));
        (Self { line, answering, _runtime: runtime }, kubeconfig)
    }

    /// From now on connections fare like this, those that are open too.
    pub(super) fn set_line(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// From now on so many of a hundred requests get another answer than the true one, or lose it.
    pub(super) fn falsify(&self, percent: u32) {
        self.answering.falsify(percent);
    }

    /// What was done so far, in words.
    pub(super) fn tally(&self) -> String {
        self.answering.tally()
    }
}

fn server_config(serving: &ServingCertificate) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(&serving.certificate).unwrap().collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(&serving.key).unwrap();
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

/// The same kubeconfig with another server.
fn redirected(kubeconfig: &Path, server: SocketAddr) -> String {
    // JSON is YAML, and these are written as JSON.
    let mut config: Value = serde_json::from_slice(&fs::read(kubeconfig).unwrap()).unwrap();
    config["clusters"][0]["cluster"]["server"] = json!(format!("https://{server}"));
    config.to_string()
}
