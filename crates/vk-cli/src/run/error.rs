//! Why the agent ended.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use virtual_kubelet::{AddNodeError, NodeFailure};
use vk_provider::ErrorKind;

use crate::api_server::Refused;
use crate::bootstrap::BootstrapError;
use crate::kubeconfig::ConnectionError;
use crate::listen::ListenAddress;
use crate::state_directory::StateDirectoryError;

/// A failure that ends the agent. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("--metrics-addr: cannot listen on {address}: {error}: name a free address")]
    Metrics { address: ListenAddress, error: io::Error },
    #[error("--provider-config: cannot read {}: {error}", path.display())]
    ProviderConfig { path: PathBuf, error: io::Error },
    #[error(transparent)]
    StateDirectory(#[from] StateDirectoryError),
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    #[error("the credentials of the kubeconfig cannot be used: {error}")]
    Client { error: String },
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("provider {name}: {error}")]
    Provider { name: String, error: vk_provider::Error },
    #[error("--startup-timeout: the node was not ready within {} s", timeout.as_secs_f32())]
    Late { timeout: Duration },
    #[error(transparent)]
    Node(#[from] AddNodeError),
    #[error(transparent)]
    Ended(#[from] NodeFailure),
    #[error("a defect of this program: {0}")]
    Defect(String),
}

impl RunError {
    /// 2 where settings are wrong, 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::ProviderConfig { .. } | Self::Connection(_) | Self::Bootstrap(_) => 2,
            Self::Provider { error, .. } if matches!(error.kind, ErrorKind::Invalid { .. }) => 2,
            _ => 1,
        }
    }
}
