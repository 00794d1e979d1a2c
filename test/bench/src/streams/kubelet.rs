//! The kubelet API as an agent runs it, with a back end that does nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;
use tokio::runtime::Runtime;
use vk_kubelet_api::{KubeletApi, NodeServices, Options, Settings, WallClock};
use vk_provider::Interfaces;

use super::back_end::NullBackEnd;
use super::certificates::Certificates;

/// Listens until it is dropped.
pub(super) struct Kubelet {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Kubelet {
    pub(super) fn start(certificates: &Certificates) -> Result<Self> {
        let mut options = Options::new((Ipv4Addr::LOCALHOST, 0).into());
        options.certificate = Some(certificates.file("tls.crt"));
        options.key = Some(certificates.file("tls.key"));
        options.client_ca = Some(certificates.file("ca.crt"));
        let back_end = Arc::new(NullBackEnd);
        let mut interfaces = Interfaces::default();
        interfaces.exec = Some(back_end.clone());
        let clock = WallClock::new(Timestamp::now);
        let services = NodeServices::new("bench", back_end.clone(), interfaces, back_end, clock);
        let runtime = Runtime::new()?;
        let api = runtime.block_on(KubeletApi::bind(Settings::try_from(options)?, services))?;
        let address = api.local_addr();
        // The runtime's end is its end.
        runtime.spawn(api.run(tokio_util::sync::CancellationToken::new()));
        Ok(Self { address, _runtime: runtime })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}
