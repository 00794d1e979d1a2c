//! Where things that are expensive to build are kept between runs.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};

/// The project's folder in the user's cache: `$XDG_CACHE_HOME/virtual-kubelet`, else `$HOME/.cache/virtual-kubelet`
/// ([XDG base directories](https://specifications.freedesktop.org/basedir-spec/latest/)).
///
/// # Errors
/// When neither variable holds an absolute path.
pub fn cache_directory() -> Result<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let Some(base) = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache"))) else {
        bail!("no cache directory: set HOME or XDG_CACHE_HOME to an absolute path");
    };
    Ok(base.join("virtual-kubelet"))
}
