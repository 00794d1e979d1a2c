//! What `cargo xtask e2e` has started for the tests.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use test_cluster::Cluster;

/// A cluster, a Docker engine and the program under test.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) cluster: Cluster,
    pub(crate) docker_host: String,
    binary: PathBuf,
}

impl Environment {
    /// What the environment variables name. Without them a test fails: one that skips itself proves nothing.
    pub(crate) fn read() -> Self {
        let cluster = Cluster::from_env().unwrap_or_else(|error| refuse(&format!("{error:#}")));
        let docker_host = env::var("DOCKER_HOST").unwrap_or_else(|_| refuse("DOCKER_HOST is not set"));
        Self::of(cluster, docker_host)
    }

    /// The program under test between a cluster and an engine of the test's own.
    pub(crate) fn of(cluster: Cluster, docker_host: String) -> Self {
        let binary = env::var_os("VK_BINARY").map_or_else(built_beside_this_test, PathBuf::from);
        if !binary.is_file() {
            refuse(&format!(
                "there is no {} (cargo build --package vk-cli makes it, VK_BINARY names another)",
                binary.display()
            ));
        }
        Self { cluster, docker_host, binary }
    }

    /// The same with another cluster.
    pub(crate) fn with_cluster(self, cluster: Cluster) -> Self {
        Self { cluster, ..self }
    }

    /// The program, without any setting of the user's.
    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_clear().env("DOCKER_HOST", &self.docker_host).env("HOME", self.cluster.directory());
        command
    }
}

/// Cargo puts the programs of a workspace one folder above its tests.
fn built_beside_this_test() -> PathBuf {
    let test = env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("virtual-kubelet")
}

fn refuse(problem: &str) -> ! {
    panic!(
        "{problem}\n\nThese tests need a control plane, a Docker engine and the program, all of which this starts and builds:\n\
         \n    cargo xtask e2e\n"
    );
}
