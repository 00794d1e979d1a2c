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

    /// What the Node declares: only what its kubelet API, if it listens, and the provider can keep.
    pub(crate) fn declared(self, interfaces: &Interfaces, listens: bool) -> Option<String> {
        let Interfaces { exec: Some(_), attach: Some(_), port_forward: Some(_), .. } = interfaces else { return None };
        (listens && self.extend_web_sockets_to_kubelet).then(|| EXTEND_WEB_SOCKETS_TO_KUBELET.to_owned())
    }
}

impl Default for FeatureGates {
    fn default() -> Self {
        Self { extend_web_sockets_to_kubelet: true }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use vk_provider::{
        Attach, AttachRequest, BoxDuplex, Exec, ExecRequest, Exit, PortForward, PortForwardRequest, Result, Streams,
    };

    use super::*;

    struct Sessions;

    impl Exec for Sessions {
        fn exec(&self, _request: ExecRequest, _streams: Streams) -> BoxFuture<'_, Result<Exit>> {
            std::future::pending().boxed()
        }
    }

    impl Attach for Sessions {
        fn attach(&self, _request: AttachRequest, _streams: Streams) -> BoxFuture<'_, Result<Exit>> {
            std::future::pending().boxed()
        }
    }

    impl PortForward for Sessions {
        fn connect(&self, _request: PortForwardRequest) -> BoxFuture<'_, Result<BoxDuplex>> {
            std::future::pending().boxed()
        }
    }

    fn all() -> Interfaces {
        let mut interfaces = Interfaces::default();
        interfaces.exec = Some(Arc::new(Sessions));
        interfaces.attach = Some(Arc::new(Sessions));
        interfaces.port_forward = Some(Arc::new(Sessions));
        interfaces
    }

    /// An API server that took the Node's word for more would send it what nobody can answer.
    #[test]
    fn web_sockets_are_declared_where_they_lead_somewhere() {
        let gates = FeatureGates::default();
        assert_eq!(gates.declared(&all(), true).as_deref(), Some(EXTEND_WEB_SOCKETS_TO_KUBELET));
        assert_eq!(gates.declared(&all(), false), None, "the kubelet API does not listen");
        let without: [fn(&mut Interfaces); 3] =
            [|all| all.exec = None, |all| all.attach = None, |all| all.port_forward = None];
        for remove in without {
            let mut interfaces = all();
            remove(&mut interfaces);
            assert_eq!(gates.declared(&interfaces, true), None);
        }
        let mut off = gates;
        off.set(EXTEND_WEB_SOCKETS_TO_KUBELET, false).unwrap();
        assert_eq!(off.declared(&all(), true), None);
    }
}
