//! Labels: what every object in Docker says about whose it is.

use std::collections::HashMap;

use vk_core::ContainerKind;
use vk_pod_engine::runtime::{ContainerIdentity, ContainerSpec, PodIdentity};

const CLUSTER: &str = "virtual-kubelet.io/cluster";
const NODE: &str = "virtual-kubelet.io/node";
const NAMESPACE: &str = "virtual-kubelet.io/pod-namespace";
const NAME: &str = "virtual-kubelet.io/pod-name";
const UID: &str = "virtual-kubelet.io/pod-uid";
const ROLE: &str = "virtual-kubelet.io/role";
const CONTAINER: &str = "virtual-kubelet.io/container";
const KIND: &str = "virtual-kubelet.io/container-kind";
const ATTEMPT: &str = "virtual-kubelet.io/attempt";
const SANDBOX_ATTEMPT: &str = "virtual-kubelet.io/sandbox-attempt";
const SPEC_HASH: &str = "virtual-kubelet.io/spec-hash";
const IMAGE: &str = "virtual-kubelet.io/image";
const MESSAGE: &str = "virtual-kubelet.io/termination-message";

const SANDBOX_ROLE: &str = "sandbox";
const CONTAINER_ROLE: &str = "container";
const FROM_LOG: &str = "from-log";

/// Labels of a Docker object.
pub(crate) type Labels = HashMap<String, String>;

/// Whose objects these are: two clusters, or two nodes, can share a Docker engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) cluster: String,
    pub(crate) node: String,
}

/// What an object is, by its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Labelled {
    Sandbox { pod: PodIdentity, attempt: u32 },
    Container { identity: ContainerIdentity, image: String, message_from_log: bool },
}

impl Labelled {
    /// Whether both are the same run of the same container of the same pod, or of its sandbox.
    pub(crate) fn is_same_run(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sandbox { pod, attempt }, Self::Sandbox { pod: other_pod, attempt: other_attempt }) => {
                (&pod.uid, attempt) == (&other_pod.uid, other_attempt)
            }
            (Self::Container { identity, .. }, Self::Container { identity: other, .. }) => {
                (&identity.pod.uid, &identity.name, identity.attempt) == (&other.pod.uid, &other.name, other.attempt)
            }
            _ => false,
        }
    }
}

impl Owner {
    /// The filter that finds this owner's objects, or those of one pod.
    pub(crate) fn filter(&self, uid: Option<&str>) -> HashMap<String, Vec<String>> {
        let mut labels = vec![format!("{CLUSTER}={}", self.cluster), format!("{NODE}={}", self.node)];
        labels.extend(uid.map(|uid| format!("{UID}={uid}")));
        HashMap::from([("label".to_owned(), labels)])
    }

    pub(crate) fn sandbox_labels(&self, pod: &PodIdentity, attempt: u32) -> Labels {
        let mut labels = self.pod_labels(pod);
        labels.insert(ROLE.to_owned(), SANDBOX_ROLE.to_owned());
        labels.insert(ATTEMPT.to_owned(), attempt.to_string());
        labels
    }

    pub(crate) fn container_labels(&self, spec: &ContainerSpec) -> Labels {
        let identity = &spec.identity;
        let mut labels = self.pod_labels(&identity.pod);
        let own = [
            (ROLE, CONTAINER_ROLE.to_owned()),
            (CONTAINER, identity.name.clone()),
            (KIND, kind_word(identity.kind).to_owned()),
            (ATTEMPT, identity.attempt.to_string()),
            (SANDBOX_ATTEMPT, identity.sandbox_attempt.to_string()),
            (SPEC_HASH, identity.spec_hash.clone()),
            (IMAGE, spec.image.clone()),
        ];
        labels.extend(own.map(|(name, value)| (name.to_owned(), value)));
        if spec.message_from_log {
            labels.insert(MESSAGE.to_owned(), FROM_LOG.to_owned());
        }
        labels
    }

    fn pod_labels(&self, pod: &PodIdentity) -> Labels {
        let labels = [
            (CLUSTER, self.cluster.as_str()),
            (NODE, self.node.as_str()),
            (NAMESPACE, pod.namespace.as_str()),
            (NAME, pod.name.as_str()),
            (UID, pod.uid.as_str()),
        ];
        labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// What an object is; `None` if it is not this owner's, or its labels are incomplete.
    pub(crate) fn read(&self, labels: &Labels) -> Option<Labelled> {
        let get = |name: &str| labels.get(name).map(String::as_str);
        if get(CLUSTER)? != self.cluster || get(NODE)? != self.node {
            return None;
        }
        let pod =
            PodIdentity { uid: get(UID)?.into(), namespace: get(NAMESPACE)?.to_owned(), name: get(NAME)?.to_owned() };
        let attempt = get(ATTEMPT)?.parse().ok()?;
        match get(ROLE)? {
            SANDBOX_ROLE => Some(Labelled::Sandbox { pod, attempt }),
            CONTAINER_ROLE => Some(Labelled::Container {
                identity: ContainerIdentity {
                    pod,
                    name: get(CONTAINER)?.to_owned(),
                    kind: kind_of(get(KIND)?)?,
                    attempt,
                    sandbox_attempt: get(SANDBOX_ATTEMPT)?.parse().ok()?,
                    spec_hash: get(SPEC_HASH)?.to_owned(),
                },
                image: get(IMAGE)?.to_owned(),
                message_from_log: get(MESSAGE) == Some(FROM_LOG),
            }),
            _ => None,
        }
    }
}

/// The pod that an event's attributes name.
pub(crate) fn uid_of(attributes: &Labels) -> Option<&str> {
    attributes.get(UID).map(String::as_str)
}

fn kind_word(kind: ContainerKind) -> &'static str {
    match kind {
        ContainerKind::Init => "init",
        ContainerKind::Sidecar => "sidecar",
        ContainerKind::App => "app",
        ContainerKind::Ephemeral => "ephemeral",
    }
}

fn kind_of(word: &str) -> Option<ContainerKind> {
    let kinds = [ContainerKind::Init, ContainerKind::Sidecar, ContainerKind::App, ContainerKind::Ephemeral];
    kinds.into_iter().find(|kind| kind_word(*kind) == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(node: &str) -> Owner {
        Owner { cluster: "c".to_owned(), node: node.to_owned() }
    }

    fn pod() -> PodIdentity {
        PodIdentity { uid: "u".into(), namespace: "n".to_owned(), name: "p".to_owned() }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for kind in [ContainerKind::Init, ContainerKind::Sidecar, ContainerKind::App, ContainerKind::Ephemeral] {
            let identity = ContainerIdentity {
                pod: pod(),
                name: "web".to_owned(),
                kind,
                attempt: 7,
                sandbox_attempt: 2,
                spec_hash: "abc".to_owned(),
            };
            for message_from_log in [false, true] {
                let mut spec = ContainerSpec::new(identity.clone(), "busybox:1", "sha256:1");
                spec.message_from_log = message_from_log;
                let labels = owner("a").container_labels(&spec);
                let (identity, image) = (identity.clone(), "busybox:1".to_owned());
                let expected = Labelled::Container { identity, image, message_from_log };
                assert_eq!(owner("a").read(&labels), Some(expected));
            }
        }
        let labels = owner("a").sandbox_labels(&pod(), 3);
        assert_eq!(owner("a").read(&labels), Some(Labelled::Sandbox { pod: pod(), attempt: 3 }));
    }

    #[test]
    fn a_run_is_told_from_other_runs_and_from_the_sandbox() {
        let container = |name: &str, attempt| Labelled::Container {
            identity: ContainerIdentity {
                pod: pod(),
                name: name.to_owned(),
                kind: ContainerKind::App,
                attempt,
                sandbox_attempt: 0,
                spec_hash: String::new(),
            },
            image: String::new(),
            message_from_log: false,
        };
        let sandbox = |uid: &str, attempt| Labelled::Sandbox { pod: PodIdentity { uid: uid.into(), ..pod() }, attempt };
        let all = [
            container("sandbox", 0),
            container("sandbox", 1),
            container("web", 0),
            sandbox("u", 0),
            sandbox("u", 1),
            sandbox("v", 0),
        ];
        for (index, one) in all.iter().enumerate() {
            for (other_index, other) in all.iter().enumerate() {
                assert_eq!(one.is_same_run(other), index == other_index, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn k3k_1021_objects_of_another_node_or_cluster_are_not_ours() {
        let labels = owner("a").sandbox_labels(&pod(), 0);
        assert_eq!(owner("b").read(&labels), None);
        assert_eq!(Owner { cluster: "d".to_owned(), ..owner("a") }.read(&labels), None);
        assert_eq!(owner("a").read(&Labels::new()), None);
    }
}
