//! The pods of a node as the kubelet API wants to see them.

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use vk_controller::pod::{PodDirectory, PodEntry};
use vk_core::record::ContainerFacts;
use vk_core::{ContainerObservation, ContainerState, PodKey, RawPod, Result};
use vk_kubelet_api::{ContainerEntry, PodEntry as ApiEntry, PodSource, RunningPod};

/// Asks the pod controller.
pub(crate) struct DirectoryPods {
    directory: PodDirectory,
}

impl DirectoryPods {
    pub(crate) fn new(directory: PodDirectory) -> Self {
        Self { directory }
    }
}

impl PodSource for DirectoryPods {
    fn find(&self, key: PodKey) -> BoxFuture<'_, Result<Option<ApiEntry>>> {
        async move { Ok(self.directory.find(key).await?.map(|entry| describe(&entry))) }.boxed()
    }

    fn list(&self) -> BoxStream<'static, Result<RawPod>> {
        let directory = self.directory.clone();
        let all = async move {
            match directory.all().await {
                Ok(entries) => stream::iter(entries.into_iter().map(|entry| Ok(entry.snapshot.raw))).left_stream(),
                Err(error) => stream::iter([Err(error)]).right_stream(),
            }
        };
        all.into_stream().flatten().boxed()
    }

    fn running(&self) -> BoxFuture<'_, Result<Vec<RunningPod>>> {
        async move { Ok(self.directory.all().await?.iter().filter_map(running).collect()) }.boxed()
    }
}

/// The pod, if any container of it runs.
fn running(entry: &PodEntry) -> Option<RunningPod> {
    let runs = |container: &&ContainerObservation| matches!(container.state, ContainerState::Running { .. });
    let containers = entry.observation.as_ref()?.containers.iter().filter(runs);
    let containers: Vec<_> = containers.map(|one| (one.name.clone(), one.image.clone())).collect();
    let target = entry.target();
    (!containers.is_empty()).then(|| RunningPod::new(target.uid, target.key, containers))
}

fn describe(entry: &PodEntry) -> ApiEntry {
    let containers = entry.snapshot.facts.containers.iter().map(|facts| container(entry, facts));
    ApiEntry::new(entry.target(), containers.collect())
}

fn container(entry: &PodEntry, facts: &ContainerFacts) -> ContainerEntry {
    let described = ContainerEntry::new(facts.name.clone(), facts.kind);
    let mut observed = entry.observation.iter().flat_map(|observation| &observation.containers);
    match observed.find(|observed| observed.name == facts.name) {
        Some(observed) => described.with_status(observed.state.clone(), observed.last.clone()),
        None => described,
    }
}
