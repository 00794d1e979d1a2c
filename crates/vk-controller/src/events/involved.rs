//! The object that an Event is about.

use vk_core::{PodKey, PodUid};

/// Reference to the object that an Event is about (`involvedObject`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Involved {
    pub(super) kind: &'static str,
    /// `None` for objects of the cluster; their Events live in `default`.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) uid: String,
}

impl Involved {
    /// A pod.
    pub fn pod(key: &PodKey, uid: &PodUid) -> Self {
        Self {
            kind: "Pod",
            namespace: Some(key.namespace.to_string()),
            name: key.name.to_string(),
            uid: uid.to_string(),
        }
    }

    /// A node. As for the kubelet, the UID in its Events is its name.
    pub fn node(name: &str) -> Self {
        Self { kind: "Node", namespace: None, name: name.to_owned(), uid: name.to_owned() }
    }

    pub(super) fn event_namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }
}
