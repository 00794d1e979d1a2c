//! The flags of `virtual-kubelet dev`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// What was given.
#[derive(Debug, Args)]
pub(crate) struct DevFlags {
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub(crate) nodes: u16,
    /// Provider that runs the pods (default: the first one whose back end answers; see `virtual-kubelet providers`)
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Configuration file of the provider
    #[arg(long, value_name = "FILE")]
    pub(crate) provider_config: Option<PathBuf>,
    /// Where the API server listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6443")]
    pub(crate) listen_address: String,
    /// Kubeconfig file to write (default: kubeconfig in the state directory)
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Where certificates, the kubeconfig and the nodes' files are kept (default: ~/.local/state/virtual-kubelet/dev)
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Let pods run on at the end
    #[arg(long)]
    pub(crate) keep: bool,
    /// Run COMMAND with KUBECONFIG set, stop when it ends, and exit as it did
    #[arg(long, requires = "command")]
    pub(crate) run: bool,
    /// What --run runs
    #[arg(last = true, value_name = "COMMAND", requires = "run")]
    pub(crate) command: Vec<OsString>,
}
