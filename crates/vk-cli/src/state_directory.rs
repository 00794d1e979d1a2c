//! The directory of one node: locked while its agent runs.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::options::StateDir;

const LOCK_FILE: &str = "lock";
const INSTANCE_FILE: &str = "instance-id";
/// Below the directory for temporary files, where the default cannot be made.
const TEMPORARY_ROOT: &str = "virtual-kubelet";

/// A node's directory below `--state-dir`, held by this process.
#[derive(Debug)]
pub(crate) struct StateDirectory {
    path: PathBuf,
    instance: String,
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
    /// Makes and locks the directory of this node. Where nobody named one and the default cannot be made, a directory for
    /// temporary files has to do. Blocks.
    pub(crate) fn open(root: &StateDir, node_name: &str) -> Result<Self, StateDirectoryError> {
        match (Self::lock(&root.path().join(node_name)), root) {
            (Err(StateDirectoryError::Unusable { path, error }), StateDir::Default(_)) => {
                let temporary = std::env::temp_dir().join(TEMPORARY_ROOT).join(node_name);
                tracing::warn!(
                    directory = %path.display(), %error, instead = %temporary.display(),
                    "what has to survive a restart may not: name a writable --state-dir"
                );
                Self::lock(&temporary)
            }
            (opened, _) => opened,
        }
    }

    fn lock(path: &Path) -> Result<Self, StateDirectoryError> {
        let unusable = |error| StateDirectoryError::Unusable { path: path.to_owned(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        check_owner(path).map_err(unusable)?;
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
        let instance = instance(path).map_err(unusable)?;
        Ok(Self { path: path.to_owned(), instance, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names the agent that has this directory, across its restarts.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }
}

/// Below a directory that everybody may write to, somebody else may have been first.
fn check_owner(path: &Path) -> io::Result<()> {
    let owner = fs::symlink_metadata(path)?;
    if owner.is_dir() && owner.uid() == nix::unistd::geteuid().as_raw() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"))
}

/// The name that an earlier run has left, or a new one.
fn instance(path: &Path) -> io::Result<String> {
    let file = path.join(INSTANCE_FILE);
    match fs::read_to_string(&file) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut random = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let instance = format!("{:032x}", u128::from_ne_bytes(random));
    // Written beside and renamed, so that no crash leaves half a name.
    let fresh = path.join("instance-id.new");
    fs::write(&fresh, format!("{instance}\n"))?;
    fs::rename(&fresh, &file)?;
    Ok(instance)
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
        let held = StateDirectory::open(&given(root.path()), "vk").unwrap();
        assert_eq!(held.path(), root.path().join("vk"));
        let error = StateDirectory::open(&given(root.path()), "vk").unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())) && error.contains("--state-dir"), "{error}");
        let other = StateDirectory::open(&given(root.path()), "other").unwrap();
        assert_ne!(other.instance(), held.instance());
        let instance = held.instance().to_owned();
        drop(held);
        assert_eq!(StateDirectory::open(&given(root.path()), "vk").unwrap().instance(), instance);
    }

    #[test]
    fn what_was_asked_for_has_to_work_and_the_default_has_a_substitute() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        let error = StateDirectory::open(&given(&file), "vk").unwrap_err().to_string();
        assert!(error.contains("file/vk") && error.contains("--state-dir"), "{error}");
        let name = format!("test-{}", std::process::id());
        let substitute = StateDirectory::open(&StateDir::Default(file), &name).unwrap();
        assert!(substitute.path().starts_with(std::env::temp_dir()));
        fs::remove_dir_all(substitute.path()).unwrap();
    }
}
