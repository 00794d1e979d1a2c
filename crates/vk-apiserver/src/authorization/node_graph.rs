//! The node authorizer's graph: which objects lead to which node. It follows the store through a watch of its own, so
//! it can lag, and after a restart it is empty until it has caught up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::references::{Vertex, VertexKind, of_pod};
use crate::object::Object;

/// The graph and what it has not seen yet.
#[derive(Debug, Default)]
pub(crate) struct NodeGraph {
    lag: Duration,
    pending: VecDeque<(Duration, Update)>,
    /// For each pod: its node and what it leads to.
    pods: BTreeMap<Vertex, (String, BTreeSet<Vertex>)>,
    /// For each bound volume: its claim and its secrets.
    volumes: BTreeMap<Vertex, BTreeSet<Vertex>>,
    /// How many pods lead from an object to a node.
    paths: BTreeMap<Vertex, BTreeMap<String, usize>>,
}

#[derive(Debug)]
enum Update {
    Pod { pod: Vertex, bound: Option<(String, BTreeSet<Vertex>)> },
    Volume { volume: Vertex, reaches: Option<BTreeSet<Vertex>> },
}

impl NodeGraph {
    /// A graph that sees every write `lag` after it happened.
    pub(crate) fn new(lag: Duration) -> Self {
        Self { lag, ..Self::default() }
    }

    /// Notes a write; `object` is `None` when it was a removal of `last`.
    pub(crate) fn observe(&mut self, storage: &str, last: &Object, object: Option<&Object>, elapsed: Duration) {
        let update = match storage {
            "pods" => Update::Pod {
                pod: Vertex::new(VertexKind::Pod, last.namespace(), last.name()),
                bound: object
                    .filter(|pod| !pod.text("/spec/nodeName").is_empty())
                    .map(|pod| (pod.text("/spec/nodeName").to_owned(), of_pod(pod))),
            },
            "persistentvolumes" => Update::Volume {
                volume: Vertex::new(VertexKind::Volume, "", last.name()),
                reaches: object.and_then(volume_edges),
            },
            _ => return,
        };
        self.pending.push_back((elapsed + self.lag, update));
    }

    /// Takes in what is old enough to have been seen.
    pub(crate) fn catch_up(&mut self, elapsed: Duration) {
        while self.pending.front().is_some_and(|(due, _)| *due <= elapsed) {
            match self.pending.pop_front() {
                Some((_, Update::Pod { pod, bound })) => self.replace_pod(pod, bound),
                Some((_, Update::Volume { volume, reaches: Some(reaches) })) => {
                    self.volumes.insert(volume, reaches);
                }
                Some((_, Update::Volume { volume, reaches: None })) => {
                    self.volumes.remove(&volume);
                }
                None => {}
            }
        }
    }

    /// Forgets everything, as a restart does.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.lag);
    }

    /// Whether a pod that is bound to the node leads to this object.
    pub(super) fn leads_to(&self, vertex: &Vertex, node: &str) -> bool {
        let direct = |vertex: &Vertex| self.paths.get(vertex).is_some_and(|nodes| nodes.contains_key(node));
        if direct(vertex) {
            return true;
        }
        match vertex.kind {
            VertexKind::Volume => {
                self.volumes.get(vertex).into_iter().flatten().any(|one| is_claim(one) && direct(one))
            }
            VertexKind::Secret => self
                .volumes
                .values()
                .filter(|reaches| reaches.contains(vertex))
                .any(|reaches| reaches.iter().any(|one| is_claim(one) && direct(one))),
            _ => false,
        }
    }

    fn replace_pod(&mut self, pod: Vertex, bound: Option<(String, BTreeSet<Vertex>)>) {
        if let Some((node, reaches)) = self.pods.remove(&pod) {
            for vertex in reaches {
                self.remove_path(&vertex, &node);
            }
        }
        if let Some((node, reaches)) = bound {
            for vertex in &reaches {
                *self.paths.entry(vertex.clone()).or_default().entry(node.clone()).or_default() += 1;
            }
            self.pods.insert(pod, (node, reaches));
        }
    }

    fn remove_path(&mut self, vertex: &Vertex, node: &str) {
        let Some(nodes) = self.paths.get_mut(vertex) else { return };
        if let Some(count) = nodes.get_mut(node) {
            *count -= 1;
            if *count == 0 {
                nodes.remove(node);
            }
        }
        if nodes.is_empty() {
            self.paths.remove(vertex);
        }
    }
}

fn is_claim(vertex: &Vertex) -> bool {
    vertex.kind == VertexKind::Claim
}

fn volume_edges(volume: &Object) -> Option<BTreeSet<Vertex>> {
    let claim = volume.text("/spec/claimRef/name");
    let namespace = volume.text("/spec/claimRef/namespace");
    let mut reaches = BTreeSet::from([Vertex::new(VertexKind::Claim, namespace, claim)]);
    for field in ["nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"] {
        let secret = volume.text(&format!("/spec/csi/{field}/name"));
        if !secret.is_empty() {
            let own = volume.text(&format!("/spec/csi/{field}/namespace"));
            reaches.insert(Vertex::new(VertexKind::Secret, own, secret));
        }
    }
    (!claim.is_empty()).then_some(reaches)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, node: &str, secret: &str) -> Object {
        Object::from_value(json!({
            "metadata": {"name": name, "namespace": "ns"},
            "spec": {"nodeName": node, "imagePullSecrets": [{"name": secret}]},
        }))
        .unwrap()
    }

    fn secret(name: &str) -> Vertex {
        Vertex::new(VertexKind::Secret, "ns", name)
    }

    #[test]
    fn an_object_is_reached_while_any_pod_refers_to_it() {
        let mut graph = NodeGraph::new(Duration::ZERO);
        let (first, second) = (pod("a", "n", "s"), pod("b", "n", "s"));
        graph.observe("pods", &first, Some(&first), Duration::ZERO);
        graph.observe("pods", &second, Some(&second), Duration::ZERO);
        graph.catch_up(Duration::ZERO);
        assert!(graph.leads_to(&secret("s"), "n"));
        assert!(!graph.leads_to(&secret("s"), "other"));
        graph.observe("pods", &first, None, Duration::ZERO);
        graph.catch_up(Duration::ZERO);
        assert!(graph.leads_to(&secret("s"), "n"));
        graph.observe("pods", &second, None, Duration::ZERO);
        graph.catch_up(Duration::ZERO);
        assert!(!graph.leads_to(&secret("s"), "n"));
    }

    #[test]
    fn a_write_is_seen_after_the_lag() {
        let mut graph = NodeGraph::new(Duration::from_secs(2));
        let own = pod("a", "n", "s");
        graph.observe("pods", &own, Some(&own), Duration::from_secs(1));
        graph.catch_up(Duration::from_millis(2_999));
        assert!(!graph.leads_to(&secret("s"), "n"));
        graph.catch_up(Duration::from_secs(3));
        assert!(graph.leads_to(&secret("s"), "n"));
    }

    #[test]
    fn volumes_are_reached_through_claims() {
        let mut graph = NodeGraph::new(Duration::ZERO);
        let pod = Object::from_value(json!({
            "metadata": {"name": "a", "namespace": "ns"},
            "spec": {"nodeName": "n", "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]},
        }))
        .unwrap();
        let volume = Object::from_value(json!({
            "metadata": {"name": "pv"},
            "spec": {"claimRef": {"namespace": "ns", "name": "c"},
                     "csi": {"nodePublishSecretRef": {"namespace": "store", "name": "s"}}},
        }))
        .unwrap();
        graph.observe("pods", &pod, Some(&pod), Duration::ZERO);
        graph.observe("persistentvolumes", &volume, Some(&volume), Duration::ZERO);
        graph.catch_up(Duration::ZERO);
        assert!(graph.leads_to(&Vertex::new(VertexKind::Claim, "ns", "c"), "n"));
        assert!(graph.leads_to(&Vertex::new(VertexKind::Volume, "", "pv"), "n"));
        assert!(graph.leads_to(&Vertex::new(VertexKind::Secret, "store", "s"), "n"));
    }
}
