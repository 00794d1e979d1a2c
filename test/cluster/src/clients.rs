//! Other people's clients of Kubernetes, of the versions that `test/clients` pins.

mod python;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::go_module::{GoModule, test_folder};

const GO: GoModule = GoModule {
    name: "clients",
    sources: &["go.mod", "go.sum", "main.go", "remotecommand.go"],
    programs: &["kubectl", "remotecommand"],
    version_of: "k8s.io/kubectl",
    takes: "about 2 minutes on 2 cores",
};

/// Clients that are older than the cluster, or written in other languages.
#[derive(Debug, Clone)]
pub struct Clients {
    go: PathBuf,
    python: PathBuf,
    scripts: PathBuf,
}

impl Clients {
    /// Takes them from the user's cache, or builds and installs them there: some minutes the first time.
    ///
    /// # Errors
    /// When Go or Python is missing, or one of them cannot make what is wanted.
    pub fn build() -> Result<Self> {
        let scripts = test_folder()?.join("clients/python");
        Ok(Self { go: GO.build()?, python: python::environment(&scripts.join("requirements.txt"))?, scripts })
    }

    /// A kubectl four minor versions behind the cluster's.
    #[must_use]
    pub fn old_kubectl(&self) -> PathBuf {
        self.go.join("kubectl")
    }

    /// A program around client-go's executors of remote commands; `test/clients/remotecommand.go` has its flags.
    #[must_use]
    pub fn remotecommand(&self) -> PathBuf {
        self.go.join("remotecommand")
    }

    /// A Python that has the package `kubernetes`.
    #[must_use]
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// A script of `test/clients/python`.
    #[must_use]
    pub fn script(&self, name: &str) -> PathBuf {
        self.scripts.join(name)
    }
}
