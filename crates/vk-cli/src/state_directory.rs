//! The directory of one node: locked while its agent runs.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::options::StateDir;

const LOCK_FILE: &str = "lock";

/// A node's directory below `--state-dir`, held by this process.
#[derive(Debug)]
pub(crate) struct StateDirectory {
    path: PathBuf,
    /// The lock lasts as long as the file is open; it goes with the process, however that ends.
    _lock: File,
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateDirectoryError {
    #[error(
        "{} is in use by another agent{}: end that one, give this one another --nodename, or name another --state-dir",
        path.display(),
        holder.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse { path: PathBuf, holder: Option<String> },
    #[error("--state-dir: {} cannot be used: {error}: make it writable or name another one", path.display())]
    Unusable { path: PathBuf, error: io::Error },
}

impl StateDirectory {
    /// Makes and locks the directory of this node. `None` if nobody asked for one and there can be none. Blocks.
    pub(crate) fn open(root: &StateDir, node_name: &str) -> Result<Option<Self>, StateDirectoryError> {
        match (Self::lock(&root.path().join(node_name)), root) {
            (Err(StateDirectoryError::Unusable { path, error }), StateDir::Default(_)) => {
                tracing::warn!(
                    directory = %path.display(), %error,
                    "nothing is kept across a restart of the agent: name a writable --state-dir"
                );
                Ok(None)
            }
            (opened, _) => opened.map(Some),
        }
    }

    fn lock(path: &Path) -> Result<Self, StateDirectoryError> {
        let unusable = |error| StateDirectoryError::Unusable { path: path.to_owned(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let file = path.join(LOCK_FILE);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file)
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder =
                    fs::read_to_string(&file).ok().map(|pid| pid.trim().to_owned()).filter(|pid| !pid.is_empty());
                return Err(StateDirectoryError::InUse { path: path.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let pid = format!("{}\n", std::process::id());
        lock.set_len(0).and_then(|()| lock.write_all(pid.as_bytes())).map_err(unusable)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(path: &Path) -> StateDir {
        StateDir::Given(path.to_owned())
    }

    #[test]
    fn one_agent_at_a_time_holds_a_nodes_directory() {
        let root = tempfile::tempdir().unwrap();
        let held = StateDirectory::open(&given(root.path()), "vk").unwrap().unwrap();
        assert_eq!(held.path(), root.path().join("vk"));
        let error = StateDirectory::open(&given(root.path()), "vk").unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())) && error.contains("--state-dir"), "{error}");
        assert!(StateDirectory::open(&given(root.path()), "other").unwrap().is_some());
        drop(held);
        assert!(StateDirectory::open(&given(root.path()), "vk").unwrap().is_some());
    }

    #[test]
    fn what_was_asked_for_has_to_work_and_the_default_may_fail() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        let error = StateDirectory::open(&given(&file), "vk").unwrap_err().to_string();
        assert!(error.contains("file/vk") && error.contains("--state-dir"), "{error}");
        assert!(StateDirectory::open(&StateDir::Default(file), "vk").unwrap().is_none());
    }
}
