//! A person, or a controller, who creates and deletes pods without caring what happens below.

use futures::{StreamExt, TryStreamExt, stream};
use http::{Method, Request, header};
use kube::Client;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::stage::{Stage, client_config, eventually};

/// Requests of [`User::create_all`] that are under way at once.
const AT_ONCE: usize = 20;

/// Writes as the administrator.
pub(super) struct User {
    runtime: Runtime,
    client: Client,
    namespace: String,
    node: String,
}

impl User {
    /// The user of a stage.
    pub(super) fn of(stage: &Stage) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let kubeconfig = stage.environment().cluster.admin_kubeconfig();
        let client = runtime.block_on(async { Client::try_from(client_config(&kubeconfig).await).unwrap() });
        Self { runtime, client, namespace: stage.name().to_owned(), node: stage.name().to_owned() }
    }

    /// Creates a pod that is bound to the stage's node from the first; answers with its UID. An API server that has just come
    /// back may be slow to do it: it is asked again until it has.
    pub(super) fn create(&self, name: &str, spec: Value) -> String {
        let manifest = self.manifest(name, spec);
        let mut tried = false;
        let created = eventually(&format!("pod {name} is created"), || {
            match self.runtime.block_on(self.send(Method::POST, "pods", &manifest)) {
                // What was not answered may have been done.
                Err(kube::Error::Api(status)) if tried && status.code == 409 => {
                    self.runtime.block_on(self.send(Method::GET, &format!("pods/{name}"), &Value::Null))
                }
                answered => answered,
            }
            .map_err(|error| {
                tried = true;
                error.to_string()
            })
        });
        created["metadata"]["uid"].as_str().unwrap().to_owned()
    }

    /// Creates many pods of one spec.
    pub(super) fn create_all(&self, names: impl Iterator<Item = String>, spec: &Value) {
        let create = |name: String| async move {
            self.send(Method::POST, "pods", &self.manifest(&name, spec.clone())).await.map(drop)
        };
        let all = stream::iter(names.map(create)).buffer_unordered(AT_ONCE).try_collect::<()>();
        self.runtime.block_on(all).unwrap();
    }

    /// Asks for a pod's deletion; a grace of zero is a deletion by force. Whether it is there by now does not matter.
    pub(super) fn delete(&self, name: &str, uid: &str, grace_seconds: u32) {
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "gracePeriodSeconds": grace_seconds, "preconditions": { "uid": uid },
        });
        match self.runtime.block_on(self.send(Method::DELETE, &format!("pods/{name}"), &options)) {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => {}
            Err(error) => panic!("cannot delete {name}: {error}"),
        }
    }

    fn manifest(&self, name: &str, spec: Value) -> Value {
        let mut whole = json!({ "nodeName": self.node, "automountServiceAccountToken": false });
        let (Value::Object(fields), Value::Object(given)) = (&mut whole, spec) else { panic!("a spec is an object") };
        fields.extend(given);
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": { "app": name } }, "spec": whole,
        })
    }

    async fn send(&self, method: Method, what: &str, body: &Value) -> kube::Result<Value> {
        let uri = format!("/api/v1/namespaces/{}/{what}", self.namespace);
        let bytes = if method == Method::GET { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, "application/json");
        self.client.request(request.body(bytes).unwrap()).await
    }
}
