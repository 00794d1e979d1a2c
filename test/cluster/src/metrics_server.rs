//! The Metrics Server, of the version that `test/metrics-server` pins.

use std::path::PathBuf;

use anyhow::Result;

use crate::go_module::GoModule;

const MODULE: GoModule = GoModule {
    name: "metrics-server",
    sources: &["go.mod", "go.sum", "main.go"],
    programs: &[],
    version_of: "k8s.io/component-base",
    takes: "about 3 minutes on 2 cores",
};

/// The program `metrics-server`.
#[derive(Debug, Clone)]
pub struct MetricsServer {
    program: PathBuf,
}

impl MetricsServer {
    /// Takes it from the user's cache, or builds it there.
    ///
    /// # Errors
    /// When Go is missing or the build fails.
    pub fn build() -> Result<Self> {
        Ok(Self { program: MODULE.build()?.join(MODULE.name) })
    }

    /// Where it lies.
    #[must_use]
    pub fn program(&self) -> &PathBuf {
        &self.program
    }
}
