//! cargo-deny, of one version, kept in the user's cache.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};
use test_cluster::cache_directory;

use crate::workspace::cargo;

const VERSION: &str = "0.20.2";

/// The program, installed first if it is not there.
pub(crate) fn program() -> Result<PathBuf> {
    let folder = cache_directory()?.join(format!("cargo-deny-{VERSION}"));
    let program = folder.join("bin/cargo-deny");
    if program.exists() {
        return Ok(program);
    }
    eprintln!("installing cargo-deny {VERSION} into {} (once)", folder.display());
    // Nothing of the build is of use later. Unoptimised it is built in a third of the time and checks us in seconds.
    let build = folder.join("build");
    let status = cargo()?
        .args(["install", "--quiet", "--locked", "--debug", "--version", VERSION, "--root"])
        .arg(&folder)
        .arg("cargo-deny")
        .env("CARGO_TARGET_DIR", &build)
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .status()?;
    if !status.success() {
        bail!("cannot install cargo-deny: {status}");
    }
    fs::remove_dir_all(build)?;
    Ok(program)
}
