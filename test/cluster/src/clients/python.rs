//! A Python environment with pinned packages, kept in the user's cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::cache::cache_directory;

/// Written last: an environment without it is half made.
const COMPLETE: &str = "complete";

/// The interpreter of an environment with what a requirements file names.
pub(super) fn environment(requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let version = run(Command::new("python3").args(["-c", "import sys; print(sys.version, sys.base_prefix)"]))
        .context("Python 3 is needed for a client of tests (Debian package python3-venv)")?;
    let mut hash = Sha256::new();
    hash.update(&wanted);
    hash.update(version);
    let key: String = hash.finalize().iter().take(10).map(|byte| format!("{byte:02x}")).collect();

    let cache = cache_directory()?.join("python");
    let directory = cache.join(key);
    let interpreter = directory.join("bin/python");
    if directory.join(COMPLETE).exists() {
        return Ok(interpreter);
    }
    fs::create_dir_all(&cache)?;
    // One process installs, the others wait for it.
    let lock = File::create(cache.join("lock"))?;
    lock.lock()?;
    if !directory.join(COMPLETE).exists() {
        eprintln!("installing the Python packages of {} into {} (once)", requirements.display(), directory.display());
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))
            .context("cannot make a Python environment (on Debian that takes the package python3-venv)")?;
        let mut install = Command::new(&interpreter);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"]);
        run(install.arg(requirements))?;
        run(Command::new(&interpreter).args(["-m", "pip", "--disable-pip-version-check", "check"]))
            .context("the requirements are not complete")?;
        fs::write(directory.join(COMPLETE), "")?;
    }
    Ok(interpreter)
}

fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&said).trim());
    }
    Ok(output.stdout)
}
