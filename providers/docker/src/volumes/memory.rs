//! `emptyDir` volumes: plain directories, or file systems in memory.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use vk_core::{Error, Result};
use vk_pod_engine::volume::EmptyDir;

use super::io_error;

/// Everybody may write, as under a kubelet.
const OPEN: u32 = 0o777;
/// What is made inside belongs to the directory's group.
const OF_GROUP: u32 = 0o2777;

/// Makes the directory of a volume, unless it is there already.
pub(super) fn make(path: &Path, options: EmptyDir) -> Result<()> {
    fs::create_dir_all(path).map_err(io_error(path))?;
    if options.memory && !is_mounted(path)? {
        let size = options.size_limit.map(|bytes| format!("size={bytes}"));
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("tmpfs"), path, Some("tmpfs"), flags, size.as_deref()).map_err(|error| {
            let message = format!(
                "{}: cannot mount a file system in memory ({error}); the agent has to be root for that",
                path.display()
            );
            Error::unsupported("spec.volumes[].emptyDir.medium", message)
        })?;
    }
    if let Some(group) = options.group {
        let group = u32::try_from(group)
            .map_err(|_| Error::invalid("spec.securityContext.fsGroup", format!("{group} is no group")))?;
        std::os::unix::fs::chown(path, None, Some(group)).map_err(io_error(path))?;
    }
    let mode = if options.group.is_some() { OF_GROUP } else { OPEN };
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(io_error(path))
}

/// Whether something is mounted there.
fn is_mounted(path: &Path) -> Result<bool> {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).map_err(io_error(path));
    Ok(device(path)? != device(path.parent().unwrap_or(path))?)
}

/// Takes down the file systems in memory below a directory.
pub(super) fn release(directory: &Path) -> Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        result => result.map_err(io_error(directory))?,
    };
    for entry in entries {
        let path = entry.map_err(io_error(directory))?.path();
        if is_mounted(&path)? {
            umount2(&path, MntFlags::MNT_DETACH).map_err(|error| io_error(&path)(error.into()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_open_to_all_and_keeps_its_content() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("v");
        make(&path, EmptyDir::default()).unwrap();
        fs::write(path.join("file"), "x").unwrap();
        make(&path, EmptyDir::default()).unwrap();
        assert!(path.join("file").exists());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, OPEN);
    }

    #[test]
    fn memory_is_mounted_once_bounded_and_released() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("SKIPPED: only root can mount a file system");
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("v");
        let options = EmptyDir { memory: true, size_limit: Some(1 << 20), group: None };
        make(&path, options).unwrap();
        fs::write(path.join("file"), "x").unwrap();
        make(&path, options).unwrap();
        assert!(path.join("file").exists(), "the second call mounted nothing over the first");
        assert!(fs::write(path.join("big"), vec![0; 2 << 20]).is_err(), "the limit holds");
        release(root.path()).unwrap();
        assert!(!path.join("file").exists());
    }
}
