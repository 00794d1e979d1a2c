//! [`LeaseConflict`]: another live agent holds our node.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::node::name::NodeName;

/// Two agents with the same node name would both run its pods: this one stands back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeaseConflict {
    /// The node.
    pub node: NodeName,
    /// The other agent's instance; `None` if it does not say, as kubelets and older Virtual Kubelets do not.
    pub instance: Option<String>,
    /// The host it runs on, if it says so.
    pub host: Option<String>,
    /// Whether we held the node before.
    pub taken_from_us: bool,
}

impl std::error::Error for LeaseConflict {}

impl fmt::Display for LeaseConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.taken_from_us { "was taken over by" } else { "is held by" };
        write!(f, "node {:?} {what} another live agent (", self.node)?;
        match &self.instance {
            Some(instance) => write!(f, "instance {instance:?}")?,
            None => f.write_str("which names no instance: a kubelet, or an older Virtual Kubelet")?,
        }
        if let Some(host) = self.host.as_ref().filter(|host| !host.is_empty()) {
            write!(f, " on host {host:?}")?;
        }
        f.write_str("): stop that agent, or give this one another node name (--nodename)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_node_the_other_agent_and_the_way_out() {
        let conflict = LeaseConflict {
            node: NodeName::parse("vk").unwrap(),
            instance: Some("3f1c".to_owned()),
            host: Some("host-1".to_owned()),
            taken_from_us: false,
        };
        assert_eq!(
            conflict.to_string(),
            "node \"vk\" is held by another live agent (instance \"3f1c\" on host \"host-1\"): stop that agent, or give \
             this one another node name (--nodename)"
        );
    }
}
