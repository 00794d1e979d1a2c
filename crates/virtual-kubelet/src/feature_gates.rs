//! [`FeatureGates`]: what the agent may do that not every cluster has to want.

use serde_json::Value;
use vk_provider::Interfaces;

/// Features by the names that Kubernetes gives them. All are on unless they are switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeatureGates {
    /// `ExtendWebSocketsToKubelet` (KEP-4006): the Node declares that WebSockets of `kubectl exec`, `attach` and
    /// `port-forward` may come through to it. An API server from 1.36 on then passes them on; to every other node, and before,
    /// it speaks SPDY.
    pub extend_web_sockets_to_kubelet: bool,
}

/// There is no feature of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no feature gate {name:?}; there are: {}", FeatureGates::NAMES.join(", "))]
pub struct UnknownFeatureGate {
    name: String,
}

const EXTEND_WEB_SOCKETS_TO_KUBELET: &str = "ExtendWebSocketsToKubelet";

impl FeatureGates {
    /// All names.
    pub const NAMES: [&'static str; 1] = [EXTEND_WEB_SOCKETS_TO_KUBELET];

    /// Switches a feature on or off.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn set(&mut self, name: &str, on: bool) -> Result<(), UnknownFeatureGate> {
        match name {
            EXTEND_WEB_SOCKETS_TO_KUBELET => self.extend_web_sockets_to_kubelet = on,
            _ => return Err(UnknownFeatureGate { name: name.to_owned() }),
        }
        Ok(())
    }

    /// Every name, and whether the feature is on.
    pub(crate) fn values(self) -> [(String, Value); 1] {
        [(EXTEND_WEB_SOCKETS_TO_KUBELET.to_owned(), self.extend_web_sockets_to_kubelet.into())]
    }

    /// What the Node declares once its kubelet API listens: only what the provider can keep.
    pub(crate) fn declared(self, interfaces: &Interfaces) -> Option<String> {
        let Interfaces { exec: Some(_), attach: Some(_), port_forward: Some(_), .. } = interfaces else { return None };
        self.extend_web_sockets_to_kubelet.then(|| EXTEND_WEB_SOCKETS_TO_KUBELET.to_owned())
    }
}

impl Default for FeatureGates {
    fn default() -> Self {
        Self { extend_web_sockets_to_kubelet: true }
    }
}
