//! The repository that this command works on.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The repository's root.
pub(crate) fn root() -> Result<PathBuf> {
    // Not fixed at compile time: clones that share a target directory share what was compiled.
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).context("run this through `cargo xtask`")?;
    let root = package.parent().context("xtask has no parent directory")?;
    Ok(root.to_owned())
}

/// Cargo, as it started this command, in the repository's root.
pub(crate) fn cargo() -> Result<Command> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()?);
    // Set by `cargo run` for this package; in a child's environment they would make build scripts run again.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    Ok(command)
}

/// Builds the program `virtual-kubelet`, as developers do, and answers with its path.
pub(crate) fn build_virtual_kubelet() -> Result<PathBuf> {
    let status = cargo()?.args(["build", "--package", "vk-cli"]).status().context("cannot start cargo")?;
    if !status.success() {
        bail!("cannot build virtual-kubelet: {status}");
    }
    Ok(Metadata::read()?.target_directory.join("debug/virtual-kubelet"))
}

/// Runs a program and answers with what it printed.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let name = format!("{command:?}");
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("the output of {name} is not UTF-8"))
}

/// What `cargo metadata --no-deps` says of the workspace, as far as we read it.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    workspace_root: PathBuf,
    pub(crate) target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    pub(crate) optional: bool,
    /// The folder of a dependency that is part of the workspace.
    path: Option<PathBuf>,
}

impl Metadata {
    pub(crate) fn read() -> Result<Self> {
        let text = output_of(cargo()?.args(["metadata", "--no-deps", "--format-version=1"]))?;
        Self::parse(&text)
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("cannot read the output of cargo metadata")
    }

    /// The package in this folder, such as `test/e2e`.
    pub(crate) fn package_in(&self, folder: &str) -> Option<&Package> {
        self.packages.iter().find(|package| self.folder(package) == Some(folder))
    }

    /// A package's folder, relative to the root.
    pub(crate) fn folder<'a>(&self, package: &'a Package) -> Option<&'a str> {
        self.relative(package.manifest_path.parent()?)
    }

    /// The folder of a dependency of ours, relative to the root; `None` for one from elsewhere.
    pub(crate) fn dependency_folder<'a>(&self, dependency: &'a Dependency) -> Option<&'a str> {
        self.relative(dependency.path.as_deref()?)
    }

    fn relative<'a>(&self, path: &'a Path) -> Option<&'a str> {
        path.strip_prefix(&self.workspace_root).ok()?.to_str()
    }
}
