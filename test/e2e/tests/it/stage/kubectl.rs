//! The real `kubectl`, in a test's namespace.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use test_cluster::Cluster;

/// `kubectl` as the administrator.
pub(crate) struct Kubectl {
    cluster: Cluster,
    namespace: String,
}

impl Kubectl {
    pub(crate) fn new(cluster: &Cluster, namespace: &str) -> Self {
        Self { cluster: cluster.clone(), namespace: namespace.to_owned() }
    }

    /// The command, for those who want more than its output.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.cluster.kubectl();
        command.arg("--namespace").arg(&self.namespace).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs it and answers with what it printed.
    ///
    /// # Errors
    /// When it fails: what it complained of.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, String> {
        said(&self.command(arguments).output().unwrap())
    }

    /// The same, where nothing can go wrong.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        match self.run(arguments) {
            Ok(printed) => printed,
            Err(complaint) => panic!("kubectl {}: {complaint}", arguments.join(" ")),
        }
    }

    /// Creates what a manifest describes.
    pub(crate) fn create(&self, manifest: &Value) {
        let mut command = self.command(&["create", "--filename=-"]);
        let mut kubectl = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Taken and dropped, so that kubectl sees the end.
        kubectl.stdin.take().unwrap().write_all(manifest.to_string().as_bytes()).unwrap();
        if let Err(complaint) = said(&kubectl.wait_with_output().unwrap()) {
            panic!("kubectl create: {complaint}\n{manifest:#}");
        }
    }
}

fn said(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}
