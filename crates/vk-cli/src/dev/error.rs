//! Why a development cluster ended.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use vk_apiserver::serve::{AuthorityError, ServeError};

use crate::error::UsageError;
use crate::run::RunError;

/// A failure that ends the cluster. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevError {
    #[error("--state-dir: {} is in use by another cluster: end that one or name another directory", path.display())]
    InUse { path: PathBuf },
    #[error("--state-dir: {} cannot be used: {error}: make it writable or name another one", path.display())]
    Unusable { path: PathBuf, error: io::Error },
    #[error("--kubeconfig: {} was not written by virtual-kubelet dev, so it stays as it is: name another file", path.display())]
    ForeignKubeconfig { path: PathBuf },
    #[error("--kubeconfig: {} cannot be written: {error}: name another file", path.display())]
    Kubeconfig { path: PathBuf, error: io::Error },
    #[error("--listen-address: cannot listen on {address}: {error}: name another address; port 0 takes a free port")]
    Bind { address: SocketAddr, error: io::Error },
    #[error("the API server cannot be served: {0}")]
    Serve(ServeError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error("node {name}: {error}")]
    Node { name: String, error: Box<RunError> },
    #[error("--run: {} cannot be run: {error}", program.display())]
    Command { program: OsString, error: io::Error },
    #[error("a defect of this program: {0}")]
    Defect(String),
}

impl From<ServeError> for DevError {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Bind { address, source } => Self::Bind { address, error: source },
            other => Self::Serve(other),
        }
    }
}

impl DevError {
    /// 2 where settings are wrong, 127 where a command is not there, 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::InUse { .. }
            | Self::Unusable { .. }
            | Self::ForeignKubeconfig { .. }
            | Self::Kubeconfig { .. }
            | Self::Bind { .. }
            | Self::Usage(_) => 2,
            Self::Node { error, .. } => error.exit_code(),
            Self::Command { .. } => 127,
            Self::Serve(_) | Self::Authority(_) | Self::Defect(_) => 1,
        }
    }
}
