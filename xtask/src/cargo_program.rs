//! Programs that come by `cargo install`, each of one version, kept in the user's cache.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};
use test_cluster::cache_directory;

use crate::workspace::cargo;

/// A program, named as its package is.
pub(crate) struct CargoProgram {
    name: &'static str,
    version: &'static str,
}

impl CargoProgram {
    /// Banned crates, licences, sources.
    pub(crate) const DENY: Self = Self { name: "cargo-deny", version: "0.20.2" };
    /// Builds fuzz targets.
    pub(crate) const FUZZ: Self = Self { name: "cargo-fuzz", version: "0.13.2" };

    /// Where it is, installed first if it is not there.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        let Self { name, version } = self;
        let folder = cache_directory()?.join(format!("{name}-{version}"));
        let program = folder.join("bin").join(name);
        if program.exists() {
            return Ok(program);
        }
        eprintln!("installing {name} {version} into {} (once)", folder.display());
        // Nothing of the build is of use later. Unoptimised it is built in a third of the time and checks us in seconds.
        let build = folder.join("build");
        let status = cargo()?
            .args(["install", "--quiet", "--locked", "--debug", "--version", version, "--root"])
            .arg(&folder)
            .arg(name)
            .env("CARGO_TARGET_DIR", &build)
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .status()?;
        if !status.success() {
            bail!("cannot install {name}: {status}");
        }
        fs::remove_dir_all(build)?;
        Ok(program)
    }
}
