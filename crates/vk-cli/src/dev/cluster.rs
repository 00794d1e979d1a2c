//! The API server of a development cluster, and the certificates of everybody in it.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::task::JoinSet;
use vk_apiserver::serve::{Authority, KeyPairPem, Listening, ServerNames};
use vk_apiserver::{ApiServer, Controllers, Identity, Object, Options};

use super::error::DevError;
use super::files::{self, Files};
use crate::listen::ListenAddress;

/// How often the cluster is looked at while something is waited for.
const INTERVAL: Duration = Duration::from_millis(50);

/// What a pod gets at the end, whatever it asks for: whoever has pressed Ctrl-C waits.
const STOP_GRACE_SECONDS: u32 = 5;

/// A running API server. It ends with this value.
pub(super) struct Cluster {
    server: ApiServer,
    authority: Authority,
    url: String,
    _tasks: JoinSet<()>,
}

/// The files that make a node of this cluster.
pub(super) struct NodeFiles {
    pub(super) kubeconfig: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: PathBuf,
}

impl Cluster {
    /// Starts the API server and writes the kubeconfig.
    pub(super) async fn start(address: ListenAddress, files: &Files) -> Result<Self, DevError> {
        let seed = files::random().map_err(|error| DevError::Defect(format!("no random numbers: {error}")))?;
        let mut options = Options::default();
        options.seed = seed;
        options.controllers = Controllers::all();
        let server = ApiServer::new(options, Timestamp::now);
        let now = Timestamp::now();
        let authority = Authority::new(now)?;
        let socket = address.socket_address();
        let mut names =
            ServerNames { dns: vec!["localhost".to_owned(), "kubernetes".to_owned()], ..ServerNames::default() };
        names.dns.extend(["kubernetes.default", "kubernetes.default.svc"].map(ToOwned::to_owned));
        names.addresses = vec!["127.0.0.1".parse(), "::1".parse()].into_iter().flatten().collect();
        if !socket.ip().is_unspecified() && !socket.ip().is_loopback() {
            names.addresses.push(socket.ip());
        }
        let listening = Listening::bind(server.clone(), &authority, &names, socket, now).await?;
        let bound = listening.local_addr();
        let host = if bound.ip().is_unspecified() { "127.0.0.1".to_owned() } else { bound.ip().to_string() };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let url = format!("https://{host}:{}", bound.port());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { match listening.run().await {} });
        tasks.spawn(server.clone().background());
        let cluster = Self { server, authority, url, _tasks: tasks };
        let admin = cluster.authority.client("kubernetes-admin", &["system:masters"], now)?;
        files.write_kubeconfig(&cluster.kubeconfig(&admin))?;
        Ok(cluster)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn server(&self) -> &ApiServer {
        &self.server
    }

    /// Writes what the node of this name proves itself with.
    pub(super) fn node_files(&self, name: &str, files: &Files) -> Result<NodeFiles, DevError> {
        let now = Timestamp::now();
        let client = self.authority.client(&format!("system:node:{name}"), &["system:nodes"], now)?;
        let names = ServerNames { dns: vec![name.to_owned()], addresses: "127.0.0.1".parse().into_iter().collect() };
        let serving = self.authority.serving(&format!("system:node:{name}"), &names, now)?;
        Ok(NodeFiles {
            kubeconfig: files.write_private(&format!("{name}.kubeconfig"), &self.kubeconfig(&client))?,
            certificate: files.write_private(&format!("{name}.crt"), &serving.certificate)?,
            key: files.write_private(&format!("{name}.key"), &serving.key)?,
            client_ca: files.write_private("ca.crt", &self.authority.own().certificate)?,
        })
    }

    /// JSON is YAML, and needs no library to be written.
    fn kubeconfig(&self, client: &KeyPairPem) -> String {
        let base64 = |text: &str| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(text)
        };
        let name = "virtual-kubelet-dev";
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {
                "server": self.url,
                "certificate-authority-data": base64(&self.authority.own().certificate),
            }}],
            "users": [{"name": name, "user": {
                "client-certificate-data": base64(&client.certificate),
                "client-key-data": base64(&client.key),
            }}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        });
        format!("{kubeconfig:#}\n")
    }

    /// Waits until so many nodes are ready.
    pub(super) async fn nodes_are_ready(&self, wanted: u16) {
        let ready =
            |server: &ApiServer| server.inspect(|kernel| kernel.objects("nodes").filter(|node| is_ready(node)).count());
        while ready(&self.server) < usize::from(wanted) {
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Deletes what makes pods, then the pods, and waits until there are none.
    pub(super) async fn stop_pods(&self) {
        let client = Client::new(self.server.service(Identity::admin()), "default");
        // Jobs would replace their pods.
        delete_all::<Job>(&client).await;
        delete_all::<Pod>(&client).await;
        while self.server.inspect(|kernel| kernel.objects("pods").next().is_some()) {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

async fn delete_all<K>(client: &Client)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let found = Api::<K>::all(client.clone()).list(&ListParams::default()).await;
    for object in found.map(|list| list.items).unwrap_or_default() {
        let namespace = object.namespace().unwrap_or_default();
        let (api, name) = (Api::<K>::namespaced(client.clone(), &namespace), object.name_any());
        if let Err(error) = api.delete(&name, &DeleteParams::background().grace_period(STOP_GRACE_SECONDS)).await {
            tracing::debug!(kind = %K::kind(&()), name, %error, "not deleted");
        }
    }
}

fn is_ready(node: &Object) -> bool {
    let conditions = node.items("/status/conditions").iter();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
