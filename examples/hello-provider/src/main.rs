//! A complete virtual node. `KUBECONFIG=… cargo run --package hello-provider` registers it; Ctrl-C ends it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use tokio::sync::Mutex;
use virtual_kubelet::core::resolved::Target;
use virtual_kubelet::core::support::{SupportTable, TokenVolume};
use virtual_kubelet::core::{
    ContainerKind, ContainerObservation, ContainerState, PodObservation, PodUid, Result, Stage, Terminated,
};
use virtual_kubelet::kube::{Client, Config};
use virtual_kubelet::provider::{
    Accepted, Create, Description, Listing, LookupReply, NaiveNodeProvider, PageToken, Provider, Taint, Terminate,
    Terminating,
};
use virtual_kubelet::{Agent, NodeSpec};

/// A back end that only remembers: its pods are Running from the first moment until they are stopped.
struct Hello {
    description: Description,
    pods: Mutex<BTreeMap<PodUid, PodObservation>>,
}

impl Provider for Hello {
    fn describe(&self) -> &Description {
        &self.description
    }

    async fn create(&self, request: Create) -> Result<Accepted> {
        let pod = &request.pod;
        tracing::info!(pod = %pod.key, "hello");
        let mut observation = PodObservation::new(pod.uid.clone(), 1, Stage::Active);
        for container in pod.pod.spec.iter().flat_map(|spec| &spec.containers) {
            let running = ContainerState::Running { started_at: None };
            observation.containers.push(ContainerObservation::new(&container.name, ContainerKind::App, running));
        }
        // Asked twice for the same pod, it answers the same.
        let known = self.pods.lock().await.entry(pod.uid.clone()).or_insert(observation).clone();
        Ok(Accepted::observed(known))
    }

    async fn terminate(&self, request: Terminate) -> Result<Terminating> {
        let mut pods = self.pods.lock().await;
        let Some(pod) = pods.get_mut(&request.target.uid) else { return Ok(Terminating::accepted()) };
        (pod.stage, pod.revision) = (Stage::Stopped, 2);
        for container in &mut pod.containers {
            container.state = ContainerState::Terminated(Terminated::with_exit_code(0));
        }
        Ok(Terminating::observed(pod.clone()))
    }

    async fn remove(&self, target: Target) -> Result<()> {
        tracing::info!(pod = %target.key, "goodbye");
        self.pods.lock().await.remove(&target.uid);
        Ok(())
    }

    async fn lookup(&self, target: Target) -> Result<LookupReply> {
        let known = self.pods.lock().await.get(&target.uid).cloned();
        Ok(known.map_or_else(LookupReply::absent, LookupReply::found))
    }

    async fn list(&self, _page: Option<PageToken>) -> Result<Listing> {
        Ok(Listing::complete(self.pods.lock().await.values().cloned().collect()))
    }
}

fn node(name: &str) -> Result<NodeSpec, Box<dyn Error>> {
    let mut description = Description::new("hello");
    // A pod that asks for more than this stays Pending, and an Event names the field.
    description.support = SupportTable::minimal().with_token_volume(TokenVolume::Omit);
    let capacity = [("cpu", "8"), ("memory", "32Gi"), ("pods", "100")];
    let shape = NaiveNodeProvider::new(capacity.map(|(name, amount)| (name.into(), Quantity(amount.into()))).into());
    let mut node = NodeSpec::new(name, Hello { description, pods: Mutex::default() }, shape)?;
    let (key, value, effect) = ("virtual-kubelet.io/provider".into(), "hello".into(), "NoSchedule".into());
    node.facts.taints.push(Taint { key, value, effect });
    Ok(node)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let mut config = Config::infer().await?;
    // The agent repeats requests by itself, within seconds; kube would go on for minutes.
    config.default_retry = false;
    let clients = move || std::future::ready(Client::try_from(config.clone()));
    let agent = Agent::new(Arc::new(clients))?;
    let node = agent.add_node(node("hello")?).await?;
    tokio::signal::ctrl_c().await?;
    node.stop().await;
    Ok(())
}
