//! The control plane's programs, built once from `test/kube`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::go_module::GoModule;

const KUBE: GoModule = GoModule {
    name: "kube",
    sources: &["go.mod", "go.sum", "main.go"],
    programs: &["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"],
    version_of: "k8s.io/kubernetes",
    takes: "about 9 minutes on 2 cores",
};

/// A folder with etcd, kube-apiserver, kube-scheduler, kube-controller-manager and kubectl.
#[derive(Debug, Clone)]
pub struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// Takes the programs from the user's cache, or builds them there: about nine minutes on two cores the first time.
    ///
    /// # Errors
    /// When Go is missing or the build fails.
    pub fn build() -> Result<Self> {
        KUBE.build().map(|directory| Self { directory })
    }

    /// The folder.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}
