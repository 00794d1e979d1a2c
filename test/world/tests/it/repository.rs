//! The files of this repository, for tests that compare them with one another.

use std::path::{Path, PathBuf};

/// Where `Cargo.lock` lies.
pub(crate) fn repository_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
