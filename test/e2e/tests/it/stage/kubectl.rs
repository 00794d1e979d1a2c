//! The real `kubectl`, in a test's namespace.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use test_cluster::Cluster;

/// `kubectl` as the administrator.
#[derive(Clone)]
pub(crate) struct Kubectl {
    cluster: Cluster,
    program: PathBuf,
    namespace: String,
}

impl Kubectl {
    /// The cluster's own.
    pub(crate) fn new(cluster: &Cluster, namespace: &str) -> Self {
        Self { cluster: cluster.clone(), program: cluster.programs().join("kubectl"), namespace: namespace.to_owned() }
    }

    /// Another one that does the same.
    pub(crate) fn with_program(self, program: PathBuf) -> Self {
        Self { program, ..self }
    }

    /// For messages.
    pub(crate) fn version(&self) -> String {
        let printed = Command::new(&self.program).args(["version", "--client"]).output().unwrap().stdout;
        String::from_utf8_lossy(&printed).lines().next().unwrap_or_default().to_owned()
    }

    /// How it is called in a shell that knows the cluster.
    pub(crate) fn in_a_shell(&self) -> String {
        format!("{} --namespace={}", self.program.display(), self.namespace)
    }

    /// The command, for those who want more than its output.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.envs(self.cluster.environment());
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
